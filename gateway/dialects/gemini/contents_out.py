"""Turns as Gemini's `contents`: roles in alternation, what tools answered right behind the calls, signatures once.

What holds of the result: no two contents of one role follow each other, but for answers of tools, which have a
content of their own, in the order and number of the calls; no content is empty; no signature is in it twice.
"""

import base64
from collections.abc import Iterable

from gateway.capabilities import Capabilities
from gateway.chat import (
    Block,
    ChatRequest,
    Json,
    JsonObject,
    Media,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.gemini.media_out import MediaParts
from gateway.dialects.gemini.tool_answers import answer_object
from gateway.dialects.json_fields import wrong_value
from gateway.dialects.losses import Losses
from gateway.dialects.operator_note import operator_note
from gateway.dialects.tool_arguments import arguments_object
from gateway.dialects.tool_names import ToolNames

#: What Google documents for calls that come without their signature: they were another model's, or it was lost.
STAND_IN = base64.b64encode(b"skip_thought_signature_validator").decode()
_MEDIA = frozenset({"inlineData", "fileData"})


def write_contents(
    request: ChatRequest, can: Capabilities, names: ToolNames, losses: Losses
) -> tuple[list[JsonObject], str]:
    """(contents, the resolution of all images where each cannot have its own). Raises GatewayError."""
    media = MediaParts(request, can, losses)
    writer = _Writer(can, names, media, losses)
    turns = request.turns
    asked = max((place for place, turn in enumerate(turns) if _asks(turn)), default=-1)
    place = 0
    while place < len(turns):
        if turns[place].role == "assistant":
            writer.model(turns[place], is_current=place > asked)
            place += 1
        else:
            first = place
            while place < len(turns) and turns[place].role != "assistant":
                place += 1
            writer.user(turns[first:place])
    return writer.contents or [{"role": "user", "parts": [{"text": "."}]}], media.resolution


def _asks(turn: Turn) -> bool:
    """Whether the user said something in it, so that what follows is the answer to that."""
    return turn.role == "user" and any(not isinstance(block, ToolResult) for block in turn.blocks)


class _Writer:
    """The contents so far, and the calls of the last one that nothing answered yet."""

    __slots__ = ("_calls", "_can", "_losses", "_media", "_names", "_signatures", "contents")

    def __init__(self, can: Capabilities, names: ToolNames, media: MediaParts, losses: Losses) -> None:
        self.contents: list[JsonObject] = []
        self._losses = losses
        self._can = can
        self._names = names
        self._media = media
        self._calls: dict[str, ToolCall] = {}
        self._signatures: set[str] = set()

    def model(self, turn: Turn, *, is_current: bool) -> None:
        """`is_current`: it answers what the user said last, and so needs its signatures."""
        parts: list[JsonObject] = []
        for block in turn.blocks:
            if isinstance(block, ToolCall):
                parts.append(self._call(block, is_current and not self._calls))
                self._calls[block.id] = block
            elif isinstance(block, Media):
                parts += self._media.parts(block)
            else:
                part = self._said(block)
                if part is not None:
                    parts.append(part)
        self._add("model", parts)

    def user(self, turns: Iterable[Turn]) -> None:
        """All turns up to the model's next one: first what tools answered, then the rest in its order."""
        results: dict[str, ToolResult] = {}
        parts: list[JsonObject] = []
        attached: list[JsonObject] = []  # to answers that cannot hold it
        for turn in turns:
            for block in turn.blocks:
                if isinstance(block, ToolResult):
                    results[block.id] = block
                elif isinstance(block, Media):
                    parts += self._media.parts(block)
                elif isinstance(block, Text) and turn.role == "system":
                    parts.append({"text": operator_note(block.text)})
                elif (part := self._said(block)) is not None:
                    parts.append(part)
        if results or self._calls:
            self._add("user", self._answers(results, attached))
        parts = attached + parts
        if not self._can.call_ids and parts and all(not _MEDIA.isdisjoint(part) for part in parts):
            parts.append({"text": " "})  # older models want a text
        self._add("user", parts)

    def _add(self, role: str, parts: list[JsonObject]) -> None:
        if not parts:
            return
        last = self.contents[-1] if self.contents else None
        before = last.get("parts") if last is not None and last["role"] == role else None
        if isinstance(before, list) and not _answers_call(parts[0]) and not _answers_call(before[0]):
            before += parts
        else:
            self.contents.append({"role": role, "parts": list[Json](parts)})

    def _said(self, block: Block) -> JsonObject | None:
        """None for what is not said to this model."""
        match block:
            case Text():
                part: JsonObject = {"text": block.text}
                signed = self._sign(part, block.signature)
                return part if block.text or signed else None
            case Refusal():
                return {"text": block.text} if block.text else None
            case Thinking():
                thought: JsonObject = {"text": block.text, "thought": True}
                if self._sign(thought, block.signature):
                    return thought
                if block.at and (block.signature is None or block.signature.data not in self._signatures):
                    self._losses.dropped(block.at)
                return None
        return None

    def _sign(self, part: JsonObject, signature: Signature | None) -> bool:
        """Put the signature on the part, if it is Gemini's and was not there before: twice it is billed twice."""
        if signature is None or signature.provider != "gemini" or signature.data in self._signatures:
            return False
        self._signatures.add(signature.data)
        part["thoughtSignature"] = signature.data
        return True

    def _call(self, call: ToolCall, needs_signature: bool) -> JsonObject:
        inside: JsonObject = {"name": self._names.sent(call.name), "args": arguments_object(call)}
        if self._can.call_ids:
            inside["id"] = call.id
        part: JsonObject = {"functionCall": inside}
        if not self._sign(part, call.signature) and needs_signature and self._can.call_ids:
            part["thoughtSignature"] = STAND_IN
        return part

    def _answers(self, results: dict[str, ToolResult], attached: list[JsonObject]) -> list[JsonObject]:
        """One answer a call, in the order of the calls. Raises GatewayError for any other number."""
        calls, self._calls = self._calls, {}
        for id_, result in results.items():
            if id_ not in calls:
                raise wrong_value(result.at, "answers no call of the turn before it")
        parts: list[JsonObject] = []
        for id_, call in calls.items():
            found = results.get(id_)
            if found is None:
                raise wrong_value(call.at, "is not answered in the turn behind it")
            parts.append(self._answer(call, found, attached))
        return parts

    def _answer(self, call: ToolCall, result: ToolResult, attached: list[JsonObject]) -> JsonObject:
        said = "\n".join(block.text for block in result.blocks if isinstance(block, Text))
        inside: JsonObject = {
            "name": self._names.sent(call.name),
            "response": answer_object(said, result.is_error),
        }
        media = [
            part for block in result.blocks if isinstance(block, Media) for part in self._media.parts(block)
        ]
        if not self._can.call_ids:
            attached += media
        else:
            inside["id"] = call.id
            if media:
                inside["parts"] = list[Json](media)
        return {"functionResponse": inside}


def _answers_call(part: Json) -> bool:
    return isinstance(part, dict) and "functionResponse" in part
