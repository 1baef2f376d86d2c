"""What each dialect must offer to have embeddings asked for in it: by callers, and of providers.

As `gateway.dialects.translation` for conversations, without streams. Nothing here awaits.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.capabilities import Capabilities
from gateway.chat import JsonObject
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Sent
from gateway.dialects.usage import summed
from gateway.embedding import EmbeddingReply, EmbeddingRequest
from gateway.errors import UNSUPPORTED_VALUE, GatewayError


class EmbeddingInbound(Protocol):
    """A dialect that callers speak."""

    def request(self, fields: JsonObject, losses: Losses) -> EmbeddingRequest:
        """Raises GatewayError with the caller's own path for what is no such request or has no counterpart."""
        ...

    def reply(self, reply: EmbeddingReply, request: EmbeddingRequest, model: str) -> JsonObject:
        """`model` is the name to be shown; the reply's usage is known by now, reported or estimated."""
        ...


class EmbeddingOutbound(Protocol):
    """A dialect that providers speak."""

    def request(self, request: EmbeddingRequest, model: str, losses: Losses) -> Sent:
        """Raises GatewayError for what the model cannot be asked, with the caller's own path."""
        ...

    def reply(self, body: JsonObject, request: EmbeddingRequest, can: Capabilities) -> EmbeddingReply:
        """Raises GatewayError when it is none, ReportedError when it only says that something went wrong."""
        ...


def texts(request: EmbeddingRequest) -> list[str]:
    """Of a request to those who know no tokens but their own. Raises GatewayError."""
    found = [one for one in request.inputs if isinstance(one, str)]
    if len(found) < len(request.inputs):
        said = f"`{request.at}` must be text: the model that serves this takes no tokens."
        raise GatewayError(UNSUPPORTED_VALUE, said, param=request.at)
    return found


def joined(replies: Sequence[EmbeddingReply]) -> EmbeddingReply:
    """What was asked for in parts, as one; without a usage where one of them reports none."""
    if len(replies) == 1:
        return replies[0]
    vectors = tuple(vector for reply in replies for vector in reply.vectors)
    usage = summed([reply.usage for reply in replies])
    return EmbeddingReply(vectors) if usage is None else EmbeddingReply(vectors, usage)
