"""Events of an Anthropic stream as the message that they come to: of one who streams where nobody asked for it."""

from gateway.chat import Json, JsonObject
from gateway.dialects.json_text import read_object
from gateway.dialects.losses import Losses
from gateway.dialects.messages.reply_in import not_a_message
from gateway.dialects.messages.stops import WHOLE, neutral_stop
from gateway.dialects.said_fields import answer_object, answer_word, inside, no_answer
from gateway.dialects.tool_arguments import RAW

#: The field of a block that a delta of each kind adds text to.
_ADDS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_ARGUMENTS, _CITED = "input_json_delta", "citations_delta"


class MessageGathered:
    """`losses` hears of what is in the message under another name."""

    __slots__ = ("_blocks", "_losses", "_message", "_open")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._message: JsonObject = {}
        self._blocks: list[_Block] = []
        self._open: dict[int, _Block] = {}

    def take(self, event: JsonObject) -> None:
        """Raises GatewayError for what no message can be made of."""
        kind = event.get("type")
        if kind == "message_start":
            self._message = dict(answer_object(event, "message"))
        elif kind == "content_block_start":
            opened = self._open[_index(event)] = _Block(answer_object(event, "content_block"))
            self._blocks.append(opened)
        elif kind == "content_block_delta":
            block = self._open.get(_index(event))
            if block is None:
                raise not_a_message()
            block.add(answer_object(event, "delta"))
        elif kind == "content_block_stop":
            self._open.pop(_index(event), None)
        elif kind == "message_delta":
            self._message |= answer_object(event, "delta")
            used = {name: told for name, told in inside(event, "usage").items() if told is not None}
            self._message["usage"] = {**inside(self._message, "usage"), **used}  # totals

    def whole(self) -> JsonObject:
        """Raises GatewayError for one that never began, and for half of a call in one that is not cut off."""
        if not self._message:
            raise not_a_message()
        content: list[Json] = [block.whole() for block in self._blocks]
        if any(block.is_half for block in self._blocks):
            if neutral_stop(self._message.get("stop_reason")) in WHOLE:
                raise no_answer("input")
            self._losses.unread((RAW,))
        return {**self._message, "content": content}


class _Block:
    """One while it is said; `is_half` once it is whole and its arguments are not."""

    __slots__ = ("_fields", "_pieces", "is_half")

    def __init__(self, fields: JsonObject) -> None:
        self._fields = dict(fields)
        self._pieces: dict[str, list[str]] = {}  # of its fields, joined once
        self.is_half = False

    def add(self, delta: JsonObject) -> None:
        kind = answer_word(delta, "type")
        if kind == _CITED:
            listed = self._fields.get("citations")
            self._fields["citations"] = [*(listed if isinstance(listed, list) else ()), delta.get("citation")]
            return
        field = "input" if kind == _ARGUMENTS else _ADDS.get(kind)
        if field is None:
            raise not_a_message()  # what it adds nobody knows
        said = answer_word(delta, "partial_json" if kind == _ARGUMENTS else field)
        self._pieces.setdefault(field, []).append(said)

    def whole(self) -> JsonObject:
        for field, pieces in self._pieces.items():
            said = "".join(pieces)
            if field != "input":
                self._fields[field] = answer_word(self._fields, field) + said
            elif said:
                arguments = read_object(said)
                self.is_half = arguments is None
                self._fields[field] = {RAW: said} if arguments is None else arguments
        return self._fields


def _index(event: JsonObject) -> int:
    value = event.get("index")
    if not isinstance(value, int):
        raise not_a_message()
    return value
