"""Ollama's chat API as the seam knows it: spoken by providers only."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject
from gateway.dialects.losses import Losses
from gateway.dialects.ollama.reply_in import read_reply
from gateway.dialects.ollama.request_out import write_request
from gateway.dialects.ollama.stream_in import OllamaReader
from gateway.dialects.translation import Sent, StreamReader


class OllamaOutbound:
    __slots__ = ()

    def request(self, request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
        return write_request(request, model, can, losses)

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        return read_reply(body, sent)

    def stream(self, sent: Sent, frame_max: int) -> StreamReader:
        return OllamaReader(sent, frame_max)
