"""Gemini's generateContent as the seam knows it: spoken by callers, and by providers."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject
from gateway.dialects.gemini.reply_in import read_reply
from gateway.dialects.gemini.reply_out import write_reply
from gateway.dialects.gemini.request_in import read_request
from gateway.dialects.gemini.request_out import write_request
from gateway.dialects.gemini.stream_in import GeminiReader
from gateway.dialects.gemini.stream_out import GeminiWriter
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Asked, Sent, StreamReader, StreamWriter


class GeminiInbound:
    __slots__ = ()

    def request(self, fields: JsonObject, losses: Losses) -> ChatRequest:
        """Whether it streams is not in its body: its path says it."""
        return read_request(fields, losses)

    def reply(self, reply: ChatReply, asked: Asked) -> JsonObject:
        return write_reply(reply, asked)

    def stream(self, asked: Asked) -> StreamWriter:
        return GeminiWriter(asked)


class GeminiOutbound:
    __slots__ = ()

    def request(
        self,
        request: ChatRequest,
        model: str,  # noqa: ARG002 (the adapter puts it into the path)
        can: Capabilities,
        losses: Losses,
    ) -> Sent:
        return write_request(request, can, losses)

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        return read_reply(body, sent)

    def stream(self, sent: Sent, frame_max: int) -> StreamReader:
        return GeminiReader(sent, frame_max)
