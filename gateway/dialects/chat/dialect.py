"""Chat completions as a dialect: spoken by callers, spoken by providers; and legacy completions, by callers."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject
from gateway.dialects.chat.completions import CompletionWriter, read_completion, write_completion
from gateway.dialects.chat.quirks import QUIRKS, USUAL, Quirks
from gateway.dialects.chat.reply_in import read_reply
from gateway.dialects.chat.reply_out import write_reply
from gateway.dialects.chat.request_in import read_request
from gateway.dialects.chat.request_out import write_request
from gateway.dialects.chat.stream_in import ChatReader
from gateway.dialects.chat.stream_out import ChatWriter
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Asked, Outbound, Sent


class ChatInbound:
    """`/v1/chat/completions` as callers use it."""

    __slots__ = ()

    def request(self, fields: JsonObject, losses: Losses) -> ChatRequest:
        return read_request(fields, losses)

    def reply(self, reply: ChatReply, asked: Asked) -> JsonObject:
        return write_reply(reply, asked)

    def stream(self, asked: Asked) -> ChatWriter:
        return ChatWriter(asked)


class CompletionsInbound:
    """`/v1/completions` as callers use it."""

    __slots__ = ()

    def request(self, fields: JsonObject, losses: Losses) -> ChatRequest:
        return read_completion(fields, losses)

    def reply(self, reply: ChatReply, asked: Asked) -> JsonObject:
        return write_completion(reply, asked)

    def stream(self, asked: Asked) -> CompletionWriter:
        return CompletionWriter(asked)


class ChatOutbound:
    """`/chat/completions` of a provider, with its quirks."""

    __slots__ = ("_quirks",)

    def __init__(self, quirks: Quirks = USUAL) -> None:
        self._quirks = quirks

    def request(self, request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
        return write_request(request, model, can, self._quirks, losses)

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        return read_reply(body, sent)

    def stream(self, sent: Sent, frame_max: int) -> ChatReader:
        return ChatReader(sent, frame_max)


CHAT_IN = ChatInbound()
COMPLETIONS_IN = CompletionsInbound()
_USUAL_OUT = ChatOutbound()
_OUT: dict[str, Outbound] = {flavour: ChatOutbound(quirks) for flavour, quirks in QUIRKS.items()}


def chat_out(flavour: str) -> Outbound:
    """Of a provider of OpenAI's dialect by its flavour; `azure` is one here."""
    return _OUT.get(flavour, _USUAL_OUT)
