"""Events of an Anthropic stream as the message that they come to: of one who streams where nobody asked for it."""

from gateway.chat import Json, JsonObject
from gateway.dialects.json_text import read_object
from gateway.dialects.messages.reply_in import not_a_message
from gateway.dialects.said_fields import answer_object, answer_word, inside
from gateway.dialects.tool_arguments import RAW

#: The field of a block that a delta of each kind adds text to.
_ADDS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_ARGUMENTS, _CITED = "input_json_delta", "citations_delta"


class MessageGathered:
    __slots__ = ("_blocks", "_message", "_pieces")

    def __init__(self) -> None:
        self._message: JsonObject = {}
        self._blocks: dict[int, JsonObject] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}  # of a block's fields, joined once

    def take(self, event: JsonObject) -> None:
        """Raises GatewayError for what no message can be made of."""
        kind = event.get("type")
        if kind == "message_start":
            self._message = dict(answer_object(event, "message"))
        elif kind == "content_block_start":
            self._blocks[_index(event)] = dict(answer_object(event, "content_block"))
        elif kind == "content_block_delta":
            self._add(_index(event), answer_object(event, "delta"))
        elif kind == "message_delta":
            self._message |= answer_object(event, "delta")
            used = {name: told for name, told in inside(event, "usage").items() if told is not None}
            self._message["usage"] = {**inside(self._message, "usage"), **used}  # totals

    def _add(self, index: int, delta: JsonObject) -> None:
        kind, block = answer_word(delta, "type"), self._blocks.get(index)
        if block is None:
            raise not_a_message()
        if kind == _CITED:
            listed = block.get("citations")
            block["citations"] = [*(listed if isinstance(listed, list) else ()), delta.get("citation")]
            return
        field = "input" if kind == _ARGUMENTS else _ADDS.get(kind)
        if field is None:
            raise not_a_message()  # what it adds nobody knows
        said = answer_word(delta, "partial_json" if kind == _ARGUMENTS else field)
        self._pieces.setdefault((index, field), []).append(said)

    def whole(self) -> JsonObject:
        """Raises GatewayError for one that never began."""
        if not self._message:
            raise not_a_message()
        for (index, field), pieces in self._pieces.items():
            block, said = self._blocks[index], "".join(pieces)
            if field != "input":
                block[field] = answer_word(block, field) + said
            elif said:
                arguments = read_object(said)  # None where the answer was cut off in them
                block[field] = {RAW: said} if arguments is None else arguments
        content: list[Json] = [block for _, block in sorted(self._blocks.items())]
        return {**self._message, "content": content}


def _index(event: JsonObject) -> int:
    value = event.get("index")
    if not isinstance(value, int):
        raise not_a_message()
    return value
