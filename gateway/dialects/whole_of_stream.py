"""A provider's stream as the whole reply that it should have been, for one that streams where nobody asked it to.

What comes out is JSON of the provider's own dialect, which goes on as any other would: unchanged to who speaks it,
translated to others. A stream that breaks, or says that something went wrong, comes to nothing. The reverse is
`whole_as_stream`, and `frames_of` where both ends speak alike.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.chat import JsonObject
from gateway.dialects.chat.whole import CompletionGathered
from gateway.dialects.event_cutter import ended_early
from gateway.dialects.frames import frame_data
from gateway.dialects.gemini.whole import GeminiGathered
from gateway.dialects.gemini_stream import GeminiStream
from gateway.dialects.json_text import event_object, json_bytes
from gateway.dialects.losses import Losses
from gateway.dialects.messages.whole import MessageGathered
from gateway.dialects.messages_stream import MessagesStream
from gateway.dialects.ollama.line_cutter import LineCutter
from gateway.dialects.ollama.whole import OllamaGathered
from gateway.dialects.openai_stream import CompletionStream, ResponsesStream
from gateway.dialects.relayed_stream import RelayedStream
from gateway.dialects.responses.whole import ResponseGathered
from gateway.errors import ReportedError

_MARK = b"[DONE]"


class Gathered(Protocol):
    """Takes the events of one stream of a dialect, and gives the reply that they come to."""

    def take(self, event: JsonObject) -> None: ...

    def whole(self) -> JsonObject: ...


class StreamGathering:
    """Of events: what they mean, where they end and what breaks them is known as for those that are passed on."""

    __slots__ = ("_gathered", "_stream")

    def __init__(self, stream: RelayedStream, gathered: Gathered) -> None:
        self._stream = stream
        self._gathered = gathered

    @property
    def is_over(self) -> bool:
        return self._stream.is_over()

    def read(self, data: bytes) -> None:
        """`data` is empty when the upstream has ended. Raises ReportedError for an error that it brings,
        GatewayError for what is no such stream, or ended too early."""
        stream = self._stream
        frames = stream.feed(data) if data else stream.finish()
        if stream.failure is not None:
            raise ReportedError(stream.failure)
        for frame in frames.split(b"\n\n"):
            said = frame_data(frame)
            if said and said != _MARK:
                self._gathered.take(event_object(said))

    def whole(self) -> bytes:
        """Once it is over. Raises GatewayError for a stream that comes to nothing."""
        return json_bytes(self._gathered.whole())


class LineGathering:
    """The same of Ollama's lines."""

    __slots__ = ("_cutter", "_gathered", "is_over")

    def __init__(self, gathered: Gathered, line_max: int) -> None:
        self._cutter = LineCutter(line_max)
        self._gathered = gathered
        self.is_over = False

    def read(self, data: bytes) -> None:
        for line in self._cutter.feed(data) if data else self._cutter.finish():
            if self.is_over:
                return
            event = event_object(line)
            if event.get("error"):
                raise ReportedError(line)
            self._gathered.take(event)
            self.is_over = event.get("done") is True
        if not data and not self.is_over:
            raise ended_early()

    def whole(self) -> bytes:
        return json_bytes(self._gathered.whole())


Gathering = StreamGathering | LineGathering

_OF: dict[str, Callable[[int, Losses], tuple[RelayedStream, Gathered]]] = {
    "chat": lambda most, losses: (CompletionStream(False, most), CompletionGathered(True, losses)),
    "completions": lambda most, losses: (
        CompletionStream(False, most, False),
        CompletionGathered(False, losses),
    ),
    "responses": lambda most, _: (ResponsesStream(most), ResponseGathered()),
    "messages": lambda most, losses: (MessagesStream(most), MessageGathered(losses)),
    "generate_content": lambda most, _: (GeminiStream(most), GeminiGathered()),
}


def gathering(api: str, losses: Losses, *, lines: bool, frame_max: int) -> Gathering | None:
    """What gathers a stream by a provider's `api`; None for one whose replies never come in pieces. `lines`: an
    object a line, as Ollama has them; `losses` hears of what the reply does not have."""
    if lines:
        return LineGathering(OllamaGathered(), frame_max) if api == "chat" else None
    made = _OF.get(api)
    return None if made is None else StreamGathering(*made(frame_max, losses))
