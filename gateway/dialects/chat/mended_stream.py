"""A compatible provider's stream of chat completions that passes, but for frames that say things in its own way.

Only frames with one of the flavour's odd words are read and written anew (`mended_reply`); all others are the bytes
that came.
"""

from gateway.dialects.chat.mended_reply import Mender
from gateway.dialects.chat.quirks import Quirks
from gateway.dialects.frames import frame_data
from gateway.dialects.json_text import event_object, json_bytes
from gateway.dialects.losses import Losses
from gateway.dialects.openai_stream import CompletionStream
from gateway.errors import ReportedError


class MendedStream(CompletionStream):
    """`losses` is the mender's; `hide_usage` and `frame_max` are those of the stream that it is otherwise."""

    __slots__ = ("_mender", "_words")

    def __init__(
        self, quirks: Quirks, losses: Losses, hide_usage: bool, frame_max: int = 16 * 1024 * 1024
    ) -> None:
        super().__init__(hide_usage, frame_max)
        self._mender = Mender(quirks, losses)
        self._words = (*CompletionStream._words, *quirks.odd_words)
        self._lessons = 0  # a frame's head and tail do not tell whether its text is odd

    def _look(self, frames: list[bytes]) -> list[bytes]:
        mended: list[bytes] = []
        failure: bytes | None = None
        changed = False
        for frame in frames:
            try:
                made = self._mended(frame)
            except ReportedError as error:
                failure, changed = error.event, True
                break
            changed |= made is not frame
            mended.append(made)
        kept = super()._look(mended if changed else frames)
        if failure is not None and not self.is_over():
            self.failure = failure
        return kept

    def _mended(self, frame: bytes) -> bytes:
        """Raises ReportedError for one that says that the answer failed."""
        if not self._mender.concerns(frame):
            return frame
        event = event_object(frame_data(frame))
        return b"data: " + json_bytes(event) if self._mender.event(event) else frame
