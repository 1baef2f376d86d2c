"""Neutral events as the chunks of a streamed chat completion.

Each choice: its role once and first, then what it says, then its finish reason, once. Choices begin in the order of
their numbers, for SDKs keep them in a list. What ends them is held until the stream is over, so that no answer that
broke looks finished; usage follows for who asked for it, and then the mark. Entries of lists have an `index`, for
SDKs put them together by it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from gateway.chat import JsonObject, Thinking, ToolCall
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Cited,
    Counted,
    Event,
    MediaPiece,
    Over,
    RefusalPiece,
    Stopped,
    TextPiece,
    TextSigned,
    ThinkingPiece,
    ThinkingSigned,
)
from gateway.dialects.chat.chunks import Chunks
from gateway.dialects.chat.reasoning import detail_of
from gateway.dialects.chat.reply_out import (
    ID,
    finish_word,
    wants_functions,
    write_logprobs,
    written_call,
    written_citation,
    written_image,
    written_sound,
)
from gateway.dialects.chat.request_in import asks_usage
from gateway.dialects.chat.signatures import write_signature
from gateway.dialects.json_text import json_bytes
from gateway.dialects.refusal import refusal_of
from gateway.dialects.translation import Asked
from gateway.exchange import NO_USAGE

_OBJECT = "chat.completion.chunk"
_TEXT = b',"delta":{"content":%b},"finish_reason":null'
_TEXT_SCORED = b',"delta":{"content":%b},"logprobs":%b,"finish_reason":null'
_DELTA = b',"delta":%b,"finish_reason":null'
_FINISH = b',"delta":{},"finish_reason":%b'
_NO_ARGUMENTS = "{}"


class _Choice:
    """What the caller has of one choice."""

    __slots__ = ("calls", "citations", "images", "refused", "stopped", "thought", "thoughts")

    def __init__(self) -> None:
        self.calls: dict[
            int, bool | None
        ] = {}  # number → whether it has arguments; None: it takes plain text
        self.citations = 0
        self.images = 0
        self.thoughts = 0  # that were signed
        self.thought: list[str] = []  # as far as it is said
        self.refused = False
        self.stopped = Stopped("stop")


class ChatWriter:
    """Writes one stream."""

    __slots__ = ("_asked", "_choices", "_chunks", "_counted", "_legacy", "_out")
    whole = None

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._legacy = wants_functions(asked)
        self._chunks = self._made(asked.created)
        self._choices: list[_Choice] = []
        self._counted = Counted(NO_USAGE)
        self._out: list[bytes] = []

    def write(self, events: Iterable[Event]) -> bytes:
        """Raises GatewayError for an answer that ended with an error."""
        self._out = []
        for event in events:
            _WRITE[type(event)](self, event)
        return b"".join(self._out)

    def begun(self, event: Begun) -> None:
        if event.created:
            self._chunks = self._made(event.created)
        self._choice(0)

    def text(self, event: TextPiece) -> None:
        choice = self._choice(event.choice)
        if choice.thought:
            choice.thought = []
        rest = _TEXT % json_bytes(event.text)
        if event.logprobs:
            rest = _TEXT_SCORED % (json_bytes(event.text), json_bytes(write_logprobs(event.logprobs)))
        self._out.append(self._chunks.choice(event.choice, rest))

    def text_signed(self, event: TextSigned) -> None:
        delta: JsonObject = {}
        write_signature(delta, event.signature)
        if delta:
            self._delta(event.choice, delta)

    def cited(self, event: Cited) -> None:
        choice = self._choice(event.choice)
        self._delta(
            event.choice,
            {"annotations": [{"index": choice.citations, **written_citation(event.citation)}]},
        )
        choice.citations += 1

    def refusal(self, event: RefusalPiece) -> None:
        self._choice(event.choice).refused = True
        self._delta(event.choice, {"refusal": event.text})

    def thinking(self, event: ThinkingPiece) -> None:
        self._choice(event.choice).thought.append(event.text)
        self._delta(event.choice, {"reasoning_content": event.text})

    def thinking_signed(self, event: ThinkingSigned) -> None:
        """The thought's text comes with the signature once more: what gives it back must be whole."""
        choice = self._choice(event.choice)
        thought = Thinking("".join(choice.thought), event.signature)
        self._delta(event.choice, {"reasoning_details": [detail_of(thought, choice.thoughts)]})
        choice.thought = []
        choice.thoughts += 1

    def media(self, event: MediaPiece) -> None:
        choice = self._choice(event.choice)
        if event.media.kind == "audio":
            self._delta(event.choice, {"audio": written_sound(event.media, self._asked, "")})
            return
        self._delta(event.choice, {"images": [{"index": choice.images, **written_image(event.media)}]})
        choice.images += 1

    def call_begun(self, event: CallBegun) -> None:
        choice = self._choice(event.choice)
        choice.calls[event.number] = None if event.custom else False
        if self._legacy:
            self._delta(event.choice, {"function_call": {"name": event.name, "arguments": ""}})
            return
        call = ToolCall(event.id, event.name, "", custom=event.custom, signature=event.signature)
        self._delta(event.choice, {"tool_calls": [{"index": event.number, **written_call(call, "")}]})

    def call_piece(self, event: CallPiece) -> None:
        choice = self._choice(event.choice)
        said: JsonObject = {"function": {"arguments": event.arguments}}
        if choice.calls[event.number] is None:
            said = {"custom": {"input": event.arguments}}
        else:
            choice.calls[event.number] = True
        if self._legacy:
            self._delta(event.choice, {"function_call": said["function"]})
        else:
            self._delta(event.choice, {"tool_calls": [{"index": event.number, **said}]})

    def call_ended(self, event: CallEnded) -> None:
        if self._choice(event.choice).calls[event.number] is False:
            self.call_piece(CallPiece(event.number, _NO_ARGUMENTS, event.choice))

    def stopped(self, event: Stopped) -> None:
        self._choice(event.choice).stopped = event

    def counted(self, event: Counted) -> None:
        self._counted = event

    def over(self, _: Over) -> None:
        self._choice(0)
        for index, choice in enumerate(self._choices):
            for number in choice.calls:
                self.call_ended(CallEnded(number, index))
            why = choice.stopped
            refusal = refusal_of(why.stop, why.explanation)
            if refusal and not choice.refused:
                self._delta(index, {"refusal": refusal})
            word = json_bytes(finish_word(why.stop, self._legacy))
            self._out.append(self._chunks.choice(index, _FINISH % word))
        self._out.append(self._chunks.end(self._counted.usage, self._counted.tier))

    def _made(self, created: int) -> Chunks:
        asked = self._asked
        return Chunks(ID + asked.id, _OBJECT, created, asked.model, asks_usage(asked.fields))

    def _choice(self, index: int) -> _Choice:
        while len(self._choices) <= index:
            self._delta(len(self._choices), {"role": "assistant", "content": ""})
            self._choices.append(_Choice())
        return self._choices[index]

    def _delta(self, index: int, delta: JsonObject) -> None:
        self._out.append(self._chunks.choice(index, _DELTA % json_bytes(delta)))


_WRITE: dict[type, Callable[[ChatWriter, Any], None]] = {
    Begun: ChatWriter.begun,
    TextPiece: ChatWriter.text,
    TextSigned: ChatWriter.text_signed,
    Cited: ChatWriter.cited,
    RefusalPiece: ChatWriter.refusal,
    ThinkingPiece: ChatWriter.thinking,
    ThinkingSigned: ChatWriter.thinking_signed,
    MediaPiece: ChatWriter.media,
    CallBegun: ChatWriter.call_begun,
    CallPiece: ChatWriter.call_piece,
    CallEnded: ChatWriter.call_ended,
    Stopped: ChatWriter.stopped,
    Counted: ChatWriter.counted,
    Over: ChatWriter.over,
}
