"""What a streamed reply says, piece by piece: neutral events between the dialects' streams.

A reader of a dialect turns each frame into some of these, a writer turns them into its dialect's frames. In order:
`Begun` once and first; then pieces; one `Stopped` per choice; `Counted` wherever usage is known (the last one
holds), `Unread` likewise; `Over` once and last. A call's pieces carry its number (0, 1, … in the order of their
beginning) and may be interleaved with those of others. Nothing says where a text or a thought ends but that
something else begins.
"""

from typing import TypeAlias

from gateway.chat import Citation, Logprob, Media, Signature, Stop
from gateway.exchange import Usage
from gateway.record import Record


class Begun(Record, frozen=True):
    """`id` and `model` are the provider's, `created` seconds since 1970; "" and 0: not said."""

    id: str = ""
    model: str = ""
    created: int = 0


class TextPiece(Record, frozen=True):
    text: str
    choice: int = 0
    logprobs: tuple[Logprob, ...] = ()


class TextSigned(Record, frozen=True):
    """Of the text that was said last, maybe before any was."""

    signature: Signature
    choice: int = 0


class Cited(Record, frozen=True):
    """A source of the text that was said last."""

    citation: Citation
    choice: int = 0


class RefusalPiece(Record, frozen=True):
    text: str
    choice: int = 0


class ThinkingPiece(Record, frozen=True):
    text: str
    choice: int = 0


class ThinkingSigned(Record, frozen=True):
    """Ends the thought that was being said; without one before it, it is a sealed thought of its own."""

    signature: Signature
    choice: int = 0


class MediaPiece(Record, frozen=True):
    """A whole image or sound."""

    media: Media
    choice: int = 0


class CallBegun(Record, frozen=True):
    number: int
    id: str
    name: str
    custom: bool = False
    signature: Signature | None = None
    choice: int = 0


class CallPiece(Record, frozen=True):
    number: int
    arguments: str
    choice: int = 0


class CallEnded(Record, frozen=True):
    """No more of its arguments comes. A reader that is not told leaves it out."""

    number: int
    choice: int = 0


class Stopped(Record, frozen=True):
    stop: Stop
    matched: str = ""
    explanation: str = ""
    choice: int = 0


class Counted(Record, frozen=True):
    usage: Usage
    tier: str = ""


class Unread(Record, frozen=True):
    """Of what came these have no noun here: kinds of blocks, reasons why it ended. No writer says them."""

    names: tuple[str, ...]
    choice: int = 0


class Over(Record, frozen=True):
    """The stream said itself that it is complete."""


Said: TypeAlias = TextPiece | TextSigned | Cited | RefusalPiece | ThinkingPiece | ThinkingSigned | MediaPiece
Called: TypeAlias = CallBegun | CallPiece | CallEnded
Event: TypeAlias = Begun | Said | Called | Stopped | Counted | Unread | Over
