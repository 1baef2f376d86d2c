"""The seam between dialects: what each must offer to be spoken by callers, and what to be spoken by providers.

Reading and writing are pure: no clock, no I/O, no randomness but what `Asked` brings. A package a dialect holds
both sides (`gateway/dialects/<name>/`), and the table of them stands in `gateway.dialects.table`.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject
from gateway.chat_events import Event
from gateway.dialects.losses import Losses
from gateway.record import Record, field


class Asked(Record, frozen=True):
    """What a reply is written for: the request it answers, and what only the gateway knows of it."""

    request: ChatRequest
    model: str  # to be shown: the caller's name of it, or the provider's
    id: str  # unique in letters and digits; ids of the reply are made of it
    created: int  # seconds since 1970
    now: Callable[[], float]  # the same at any later time: some dialects tell when a reply was finished
    input_tokens: Callable[[], int] = int  # estimated when it is asked: few replies tell it, but for streams
    fields: JsonObject = field(
        default_factory=dict
    )  # of the request, as the caller wrote them: some dialects echo them
    stored: bool = False  # the reply is kept here, and can be gone on from
    losses: Losses = field(default_factory=Losses)  # what cannot be said in the caller's dialect


class Sent(Record, frozen=True):
    """A request as a provider gets it. `headers` are whole lines, `names` the caller's names of renamed tools."""

    path: str  # below the provider's base; the adapter puts the model in, where its dialect has it there
    body: JsonObject
    query: str = ""
    headers: bytes = b""
    names: dict[str, str] = field(default_factory=dict)
    api: str = "chat"  # capability the provider must have
    streams: bool = False  # the provider is asked for a stream
    #: The answer's JSON was asked for by a forced call of this tool, whose arguments are the text.
    answer_tool: str = ""
    #: The answer's form was asked for in words, by that tool or by a schema that says less: the provider does not
    #: see to all of it.
    unenforced: bool = False
    request: ChatRequest | None = None  # what it was made of, where reading the reply needs it


class StreamReader(Protocol):
    """Reads one streamed reply of a provider."""

    def read(self, data: bytes) -> list[Event]:
        """The events of the bytes that came, however they are cut. Raises GatewayError for what is no such stream,
        and ReportedError for an error that it brings, once the events before it are given."""
        ...

    def finish(self) -> list[Event]:
        """The upstream ended: what is still to be said. Raises GatewayError when that was too early."""
        ...


class StreamWriter(Protocol):
    """Writes one streamed reply to a caller."""

    @property
    def whole(self) -> JsonObject | None:
        """The reply that it came to, once that is over, in a dialect whose callers may go on from it."""
        ...

    def write(self, events: Iterable[Event]) -> bytes:
        """Frames that say them. With `Over` they are the last."""
        ...


class Inbound(Protocol):
    """A dialect that callers speak."""

    def request(self, fields: JsonObject, losses: Losses) -> ChatRequest:
        """Raises GatewayError with the caller's own path for what is no such request or has no counterpart."""
        ...

    def reply(self, reply: ChatReply, asked: Asked) -> JsonObject: ...

    def stream(self, asked: Asked) -> StreamWriter: ...


class Outbound(Protocol):
    """A dialect that providers speak."""

    def request(self, request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
        """Raises GatewayError for what the model cannot be asked, with the caller's own path."""
        ...

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        """Raises GatewayError when it is none, ReportedError when it only says that something went wrong."""
        ...

    def stream(self, sent: Sent, frame_max: int) -> StreamReader: ...
