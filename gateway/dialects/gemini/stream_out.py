"""Neutral events as a stream of Gemini's: each frame a whole response with what is new in it.

What holds: every event that says something is a frame of its own, so that frames do not depend on how events came;
calls go whole, each once its last piece came, in the order of their numbers; finish reasons are held until the
usage is known, and are the last frame of all.
"""

from collections.abc import Iterable

from gateway.chat import Json, JsonObject, Logprob, Signature, ToolCall
from gateway.chat_events import (
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
from gateway.dialects.gemini.finish import reason_of
from gateway.dialects.gemini.reply_out import (
    call_part,
    candidate,
    envelope,
    logprobs_result,
    media_part,
    sources,
    text_part,
    usage_metadata,
)
from gateway.dialects.json_text import json_bytes
from gateway.dialects.translation import Asked
from gateway.exchange import NO_USAGE, Usage
from gateway.record import replace

#: Around the text of a frame that has nothing else and is of the first candidate, as most frames are.
_TEXT = b'data: {"candidates":[{"content":{"parts":[{"text":'
_TEXT_END = b'}],"role":"model"},"index":0}],'


class _Calls:
    """The calls of one candidate that were not sent yet: by number, with their pieces."""

    __slots__ = ("_ended", "_open")

    def __init__(self) -> None:
        self._open: dict[int, tuple[ToolCall, list[str]]] = {}
        self._ended: set[int] = set()

    def begin(self, event: CallBegun) -> None:
        call = ToolCall(event.id, event.name, "", custom=event.custom, signature=event.signature)
        self._open[event.number] = call, []

    def piece(self, event: CallPiece) -> None:
        self._open[event.number][1].append(event.arguments)

    def end(self, number: int) -> list[ToolCall]:
        """Those that can go now: ended, and none before them is open."""
        self._ended.add(number)
        ready = []
        while self._open and (first := min(self._open)) in self._ended:
            ready.append(self._take(first))
        return ready

    def rest(self) -> list[ToolCall]:
        return [self._take(number) for number in sorted(self._open)]

    def _take(self, number: int) -> ToolCall:
        call, pieces = self._open.pop(number)
        return replace(call, arguments="".join(pieces))


class GeminiWriter:
    """Writes one stream."""

    __slots__ = ("_calls", "_envelope", "_losses", "_shows", "_stopped", "_text_end", "_usage")
    whole = None

    def __init__(self, asked: Asked) -> None:
        self._shows = bool(asked.request.parameters.shows_thinking)
        self._calls: dict[int, _Calls] = {}
        self._stopped: list[Stopped] = []
        self._usage: Usage = NO_USAGE
        self._losses = asked.losses
        self._envelope = json_bytes(envelope(asked))[1:] + b"\n\n"
        self._text_end = _TEXT_END + self._envelope

    def write(self, events: Iterable[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if type(event) is TextPiece and not event.choice and not event.logprobs:
                out.append(_TEXT + json_bytes(event.text) + self._text_end)
            else:
                self._write(event, out)
        return b"".join(out)

    def _write(self, event: Event, out: list[bytes]) -> None:
        match event:
            case TextPiece():
                out.append(self._said(text_part(event.text), event.choice, logprobs=event.logprobs))
            case RefusalPiece():
                out.append(self._said(text_part(event.text), event.choice))
            case ThinkingPiece():
                if self._shows:
                    out.append(self._said(text_part(event.text, thought=True), event.choice))
            case TextSigned():
                self._sign(event.signature, event.choice, False, out)
            case ThinkingSigned():
                if self._shows:
                    self._sign(event.signature, event.choice, True, out)
            case MediaPiece():
                out.append(self._said(media_part(event.media), event.choice))
            case Cited():
                made = candidate([], event.choice)
                made["citationMetadata"] = sources((event.citation,))
                out.append(self._frame([made]))
            case Stopped():
                self._call(self._of(event.choice).rest(), event.choice, out)
                self._stopped.append(event)
            case Counted():
                self._usage = event.usage
            case Over():
                out.append(self._last())
            case CallBegun() | CallPiece() | CallEnded():
                self._called(event, out)

    def _called(self, event: CallBegun | CallPiece | CallEnded, out: list[bytes]) -> None:
        calls = self._of(event.choice)
        match event:
            case CallBegun():
                calls.begin(event)
            case CallPiece():
                calls.piece(event)
            case CallEnded():
                self._call(calls.end(event.number), event.choice, out)

    def _of(self, choice: int) -> _Calls:
        calls = self._calls.get(choice)
        if calls is None:
            calls = self._calls[choice] = _Calls()
        return calls

    def _call(self, calls: list[ToolCall], choice: int, out: list[bytes]) -> None:
        out += [self._said(call_part(call, self._losses), choice) for call in calls]

    def _sign(self, signature: Signature, choice: int, thought: bool, out: list[bytes]) -> None:
        if signature.provider == "gemini":
            out.append(self._said(text_part("", signature, thought), choice))

    def _said(self, part: JsonObject, choice: int, logprobs: tuple[Logprob, ...] = ()) -> bytes:
        made = candidate([part], choice)
        if logprobs:
            made["logprobsResult"] = logprobs_result(logprobs)
        return self._frame([made])

    def _last(self) -> bytes:
        """All candidates end in it."""
        candidates: list[Json] = []
        for stopped in sorted(self._stopped, key=lambda one: one.choice):
            made = candidate([], stopped.choice)
            made["finishReason"] = reason_of(stopped.stop)
            if stopped.explanation:
                made["finishMessage"] = stopped.explanation
            candidates.append(made)
        return self._frame(candidates, self._usage)

    def _frame(self, candidates: list[Json], usage: Usage = NO_USAGE) -> bytes:
        body: JsonObject = {"candidates": candidates}
        if usage.source != "none":
            body["usageMetadata"] = usage_metadata(usage)
        return b"data: " + json_bytes(body)[:-1] + b"," + self._envelope
