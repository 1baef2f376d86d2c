"""A provider's stream in one dialect as the caller's in another: the frames of the one in, those of the other out.

Stands where a stream that passes unchanged stands (`gateway.dialects.frames.FrameRelay`), with the same marks:
`content` once something was said that another provider could not say as well, `ended` at the stream's own end.
"""

from collections.abc import Callable
from typing import Any

from gateway.chat_events import Begun, Counted, Event, Over, Unread
from gateway.dialects.estimated_usage import estimated_usage, letters_of
from gateway.dialects.fan_out import JoinedReader
from gateway.dialects.losses import Losses
from gateway.dialects.translation import StreamReader, StreamWriter
from gateway.errors import ReportedError
from gateway.exchange import Usage


class TranslatedStream:
    """`over` is told when the last frame is written. `input_tokens` is what the caller is told of them where the
    provider tells nothing, and `losses` hears of what nobody can be told: what comes before the first content is in
    the answer's head. `several` is the reader where several streams make the answer.
    """

    __slots__ = (
        "_input_tokens", "_letters", "_losses", "_over", "_reader", "_several", "_usage", "content", "ended",
        "failure", "first", "hid", "rewrites", "writer",
    )  # fmt: skip

    #: A body that is no stream is never passed on as it is.
    tolerates_plain = False

    def __init__(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        losses: Losses,
        over: Callable[[], None] | None = None,
        input_tokens: Callable[[], int] = int,
        several: JoinedReader | None = None,
    ) -> None:
        self._reader = reader
        self._several = several
        self.writer = writer
        self._losses = losses
        self._usage: Usage | None = None
        self._input_tokens = input_tokens
        self._letters = 0  # that were said so far
        self._over = over
        self.content = False
        self.ended = False
        self.hid = False
        self.failure: bytes | None = None  # the error that the provider put into it
        self.first: dict[str, Any] | None = None
        self.rewrites: list[tuple[bytes, bytes]] = []  # nothing of the provider's own is in it

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the provider's in, give back frames. Raises GatewayError for what is no such stream."""
        try:
            return self._said(self._reader.read(data))
        except ReportedError as error:
            self.failure = error.event
            return b""

    def finish(self) -> bytes:
        """The upstream ended cleanly: what must still be said. Raises GatewayError when that was too early."""
        try:
            return b"" if self.is_over() else self._said(self._reader.finish())
        except ReportedError as error:
            self.failure = error.event
            return b""

    @property
    def awaits_next(self) -> bool:
        """One of several answers is over: what comes now must be of the next request's."""
        return self._several is not None and self._several.awaits_next

    def usage(self) -> Usage | None:
        """What the provider reported so far, if it did."""
        return self._usage

    def is_over(self) -> bool:
        return self.ended or self.failure is not None

    def _said(self, events: list[Event]) -> bytes:
        if not events:
            return b""
        unread = False
        for event in events:
            kind = type(event)
            if kind is Unread:
                self._losses.unread(event.names)  # type: ignore[union-attr]
                unread = True
            elif kind is Counted:
                self._usage = event.usage  # type: ignore[union-attr]
            elif kind is Over:
                self.ended = True
                self.content = True
            elif kind is not Begun:
                self.content = True
                self._letters += letters_of(event)
        if unread:
            events = [event for event in events if type(event) is not Unread]
        if self.ended and (self._usage is None or self._usage.source == "none"):
            self._losses.estimated("usage")
            counted = Counted(estimated_usage(self._input_tokens(), self._letters))
            events = [*events[:-1], counted, events[-1]]  # what is over says nothing more
        frames = self.writer.write(events)
        self.hid = not frames
        if self.ended and self._over is not None:
            self._over()
        return frames
