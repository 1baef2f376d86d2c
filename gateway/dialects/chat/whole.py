"""Chunks of a completion as the completion that they come to: of a provider that streams where nobody asked it to.

Everything that the chunks say is kept under its own name: texts are put one behind the other, lists likewise, and
entries of one index together. Which call a piece belongs to is decided as for streams (`called_stream`), and so is
what is not said again or too late (`added_fields`).
"""

import base64

from gateway.chat import Json, JsonObject
from gateway.chat_events import CallBegun, CallPiece
from gateway.dialects.chat.added_fields import AddedFields
from gateway.dialects.chat.called import Calls
from gateway.dialects.chat.called_stream import CalledStream
from gateway.dialects.chat.signatures import write_signature
from gateway.dialects.chat.spoken import no_completion
from gateway.dialects.json_text import json_bytes
from gateway.dialects.losses import Losses
from gateway.dialects.pieced import Pieced, added, told
from gateway.dialects.said_fields import answer_index, answer_objects, inside, word
from gateway.dialects.translation import Sent
from gateway.errors import ReportedError

_AS_CALLED = Sent("", {})
#: Of the answer as a whole; the rest of a chunk is the same in all.
_OWN = frozenset({"object", "choices", "usage"})
_CALLS, _FINISH, _SOUND = "tool_calls", "finish_reason", "audio"


class CompletionGathered:
    """`chat`: of messages; else of texts. `losses` hears of what is not in the completion."""

    __slots__ = ("_base", "_calls", "_chat", "_choices", "_losses", "_usage")

    def __init__(self, chat: bool, losses: Losses) -> None:
        self._chat = chat
        self._losses = losses
        self._base: JsonObject = {}
        self._usage: JsonObject = {}
        self._calls = Calls(_AS_CALLED)
        self._choices: dict[int, _Choice] = {}

    def take(self, event: JsonObject) -> None:
        """Raises GatewayError for what is no chunk, ReportedError for an error in one."""
        served = inside(event, "x_groq")
        if error := served.get("error"):
            raise ReportedError(json_bytes({"error": error}))
        choices = answer_objects(event, "choices")
        if choices and not self._choices:
            self._calls.begin(event)
        for name, value in event.items():
            if name not in _OWN:
                self._base[name] = self._base.get(name) or value  # Azure's first chunk has no words for them
        self._usage = inside(event, "usage") or inside(served, "usage") or self._usage
        for stated in choices:
            index = answer_index(stated)
            if index not in self._choices:
                self._choices[index] = _Choice(CalledStream(self._calls, index), self._losses)
            self._choices[index].take(stated)

    def whole(self) -> JsonObject:
        """Raises GatewayError for one of no choices, and for calls that are none."""
        if not self._choices:
            raise no_completion()
        choices: list[Json] = [
            {"index": index, **choice.whole(self._chat)} for index, choice in sorted(self._choices.items())
        ]
        kind = "chat.completion" if self._chat else "text_completion"
        usage: JsonObject = {"usage": self._usage} if self._usage else {}
        return {**self._base, "object": kind, "choices": choices, **usage}


class _Choice:
    __slots__ = (
        "_added",
        "_called",
        "_content",
        "_fields",
        "_logprobs",
        "_losses",
        "_made",
        "_message",
        "_others",
        "_sound",
        "_text",
    )

    def __init__(self, called: CalledStream, losses: Losses) -> None:
        self._added = AddedFields()
        self._called = called
        self._losses = losses
        self._made: list[_Made] = []
        self._others: Pieced = None  # calls of kinds that nobody here knows
        self._content: list[Json] = []
        self._fields: JsonObject = {_FINISH: None}
        self._logprobs: Pieced = None
        self._message: Pieced = None
        self._sound: list[bytes] = []
        self._text: list[str] = []

    def take(self, stated: JsonObject) -> None:
        fields, unread = self._added.of(stated)
        self._losses.unread(unread)
        for name, value in stated.items():
            if name == "text" and isinstance(value, str):
                self._text.append(value)
            elif name == "logprobs":
                self._logprobs = added(self._logprobs, value)
            elif name == _FINISH:
                self._fields[name] = self._fields[name] or value
            elif name not in ("index", "delta", "message") and value is not None:
                self._fields[name] = value
        self._added.finished = bool(self._fields[_FINISH])
        said = dict(fields)
        if said.get(_CALLS):
            self._call(said)
        said.pop(_CALLS, None)
        if (content := said.pop("content", None)) is not None:
            self._content.append(content)
        sound = dict(inside(said, _SOUND))
        if data := word(sound, "data"):
            self._hear(data)
            said[_SOUND] = {name: value for name, value in sound.items() if name != "data"}
        self._message = added(self._message, said)

    def _call(self, said: JsonObject) -> None:
        for entry in answer_objects(said, _CALLS):
            if self._called.unread(entry):
                self._others = added(self._others, [entry])
        for event in self._called.take(said):
            if isinstance(event, CallBegun):
                self._made.append(_Made(event))
            elif isinstance(event, CallPiece):
                self._made[event.number].pieces.append(event.arguments)

    def _hear(self, data: str) -> None:
        try:
            self._sound.append(base64.b64decode(data, validate=True))  # each piece is padded for itself
        except ValueError:
            raise no_completion() from None

    def whole(self, chat: bool) -> JsonObject:
        for _ in self._called.end():
            pass
        found: JsonObject = {**self._fields, "logprobs": told(self._logprobs)}
        if not found[_FINISH]:  # the stream said itself that it is whole
            self._losses.unread((_FINISH,))
            found[_FINISH] = "tool_calls" if self._made else "stop"
        if not chat:
            return {"text": "".join(self._text), **found}
        content = _joined(self._content) or (None if self._made else "")
        message: JsonObject = {"role": "assistant", "content": content, **(told(self._message) or {})}
        if self._made or self._others:
            message[_CALLS] = [*(made.call() for made in self._made), *(told(self._others) or ())]
        if self._sound:
            data = base64.b64encode(b"".join(self._sound)).decode()
            message[_SOUND] = {**inside(message, _SOUND), "data": data}
        return {"message": message, **found}


class _Made:
    """A call while its arguments come."""

    __slots__ = ("_begun", "pieces")

    def __init__(self, begun: CallBegun) -> None:
        self._begun = begun
        self.pieces: list[str] = []

    def call(self) -> JsonObject:
        begun, said = self._begun, "".join(self.pieces)
        kind, argument = ("custom", "input") if begun.custom else ("function", "arguments")
        call: JsonObject = {"id": begun.id, "type": kind, kind: {"name": begun.name, argument: said}}
        write_signature(call, begun.signature)
        return call


def _joined(pieces: list[Json]) -> Json:
    """One text; or parts, where some of it came in such. What is neither stays, for who reads it to refuse."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(piece for piece in pieces if isinstance(piece, str))
    parts: list[Json] = []
    for piece in pieces:
        if isinstance(piece, list):
            parts += piece
        elif piece != "":
            parts.append({"type": "text", "text": piece})
    return parts
