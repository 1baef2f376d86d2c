"""What streams that pass unchanged share whatever their dialect: JSON objects in frames, swaps, and usage."""

from collections.abc import Iterable
from typing import Any

from gateway.dialects.frames import FrameRelay, frame_data
from gateway.dialects.json_text import event_object, read_object
from gateway.exchange import Usage

#: Where the data of an event with a usual name has begun.
_NAME_MAX = 256


class RelayedStream(FrameRelay):
    """`rewrites` are byte replacements for whole JSON strings that stay the same through a stream (its id, its
    model name); they are learned from the first frame by `learn`.
    """

    __slots__ = ("first", "rewrites")

    #: Whether a reply that is no stream is passed on as it is (audio, images) instead of being made one.
    tolerates_plain = False
    #: Data that is no object, and yet nothing wrong.
    _marks: tuple[bytes, ...] = ()

    def __init__(self, frame_max: int = 16 * 1024 * 1024) -> None:
        super().__init__(frame_max)
        self.first: dict[str, Any] | None = None
        self.rewrites: list[tuple[bytes, bytes]] = []

    def usage(self) -> Usage | None:
        """The usage that the provider reported so far, if it did."""
        raise NotImplementedError

    def frames_of(self, reply: dict[str, Any]) -> bytes:
        """A whole reply as frames, for a provider that would not stream. Raises GatewayError when it is none."""
        raise NotImplementedError

    def learn(self, first: dict[str, Any]) -> None:
        """Called once with the first frame's object, before it goes on."""
        self.first = first

    def _is_whole(self, data: bytes) -> bool:
        return data in self._marks or read_object(data) is not None  # a number could have had more digits

    def _begin(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            data = frame_data(frame)
            if data not in self._marks:
                self.learn(event_object(data))
                return

    def _check(self, frame: bytes) -> None:
        """Refuse an event that is no object. Both its ends show whether it is one; only an odd one is parsed."""
        if frame[-1:] == b"}" and (frame[:7] == b"data: {" or frame.find(b"\ndata: {", 0, _NAME_MAX) >= 0):
            return
        data = frame_data(frame)
        if data not in self._marks:
            event_object(data)

    def _pass(self, data: bytes) -> bytes:
        for old, new in self.rewrites:
            data = data.replace(old, new)
        return data

    def _rewritten(self, frames: list[bytes]) -> list[bytes]:
        for old, new in self.rewrites:
            frames = [frame.replace(old, new) for frame in frames]
        return frames
