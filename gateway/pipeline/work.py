"""What goes upstream for an exchange: method, path, and a body that can be made for any target.

A `Work` is built from the caller's request once; a retry on another provider key asks it for another body.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from gateway.dialects.losses import Losses
from gateway.dialects.relayed_stream import RelayedStream
from gateway.dialects.translated_stream import TranslatedStream
from gateway.exchange import Usage
from gateway.pipeline.router import Candidates
from gateway.record import Record
from gateway.settings.snapshot import Bounds, Target

_NONE: Mapping[str, bytes] = MappingProxyType({})
_HEAD = b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b\r\n"


class StreamedBody(Protocol):
    """A body too large to hold: its length is known, and it can be read from the start any number of times."""

    length: int

    def pieces(self) -> AsyncIterator[bytes]: ...


Stream = RelayedStream | TranslatedStream


class Work(Record, eq=False):
    """`body` makes the bytes for a target (the model name differs by target; None: no model is involved)."""

    method: str
    api: str  # capability a provider must have: chat, embeddings, files, …
    path: str  # below the provider's base, such as /chat/completions
    body: Callable[[Target | None], bytes | StreamedBody | None]
    content_type: bytes = b"application/json"
    query: str = ""
    forwarded: bytes = b""  # the caller's header lines that pass
    by_flavour: Mapping[str, bytes] = _NONE  # those that pass to providers of one flavour alone
    pinned: str | None = None  # pool id of the provider key that owns the object
    stream: Callable[[], Stream] | None = None  # how to read a streamed reply; None: none is asked for
    prefix: int = (
        0  # of the prompt, by which its cache is found; 0: nothing could be cached, or nowhere to choose
    )
    seals_ids: bool = False  # the reply names objects that live at the provider key
    reasoning: bool = False  # may think for minutes before the first byte
    opened: tuple[
        tuple[str, str], ...
    ] = ()  # (the provider's id, the caller's) of objects that the caller named
    #: Makes of this work what it is at a target that is not spoken to as the caller speaks; None: at all it is what
    #: it is.
    at: "Callable[[Work, Target], Work] | None" = None
    #: Makes it ready for candidates that it was not made for, in place; None: it is ready for any.
    fit: "Callable[[Work, Candidates], None] | None" = None
    #: What has to be had before it goes anywhere, once its caller's limits have let it in; None: nothing.
    before: Callable[[], Awaitable[None]] | None = None
    #: Further bodies, of a request that the provider takes in parts: `gateway.pipeline.parts`.
    rest: tuple[Callable[[], bytes], ...] = ()
    #: What the caller gets for the JSON replies, one for each body (frames, if they want a stream), and what they
    #: used; None: the same bytes.
    read: Callable[[Sequence[dict[str, Any]]], tuple[bytes, Usage]] | None = None
    #: The body of one that is passed on, but for what its provider says in its own way; None: the same bytes.
    mend: Callable[[bytes], bytes] | None = None
    answer: bytes | None = None  # known without asking anybody
    named: Callable[[str], str] | None = (
        None  # the caller's name of a noun; None: fields are the caller's own
    )
    losses: Losses | None = None  # what could not be carried over; None: nothing, and it could be
    asked_in: str = (
        ""  # the API that its caller speaks, where this is their request in other words; "": `api`
    )

    def head(self, fixed: bytes, length: int) -> bytes:
        """The whole head of a request with so long a body; `fixed` is what is the same of all that go there."""
        return _HEAD % (fixed, self.content_type, length, self.forwarded)

    def first_byte_s(self, bounds: Bounds) -> float:
        """How long the provider may be silent before it says anything."""
        return bounds.first_frame_reasoning_s if self.reasoning else bounds.first_frame_s

    def in_callers_words(self, message: str) -> str:
        """A provider's message with the ids that the caller knows; ids they did not name are not given away."""
        for real, sealed in self.opened:
            message = message.replace(real, sealed)
        return message
