"""Anthropic's messages as callers speak them, and as providers do."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject
from gateway.dialects.losses import Losses
from gateway.dialects.messages.reply_in import read_reply
from gateway.dialects.messages.reply_out import write_reply
from gateway.dialects.messages.request_in import read_request
from gateway.dialects.messages.request_out import write_request
from gateway.dialects.messages.stream_in import MessagesReader
from gateway.dialects.messages.stream_out import MessagesWriter
from gateway.dialects.messages.versions import FIRST, NEWEST
from gateway.dialects.translation import Asked, Sent


class MessagesIn:
    """An `Inbound`: callers of one version."""

    __slots__ = ("_closed",)

    def __init__(self, version: str) -> None:
        self._closed = version != FIRST

    def request(self, fields: JsonObject, losses: Losses) -> ChatRequest:
        return read_request(fields, losses, self._closed)

    def reply(self, reply: ChatReply, asked: Asked) -> JsonObject:
        return write_reply(reply, asked)

    def stream(self, asked: Asked) -> MessagesWriter:
        return MessagesWriter(asked)


class MessagesOut:
    """An `Outbound`."""

    __slots__ = ()

    def request(self, request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
        return write_request(request, model, can, losses)

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        return read_reply(body, sent)

    def stream(self, sent: Sent, frame_max: int) -> MessagesReader:
        return MessagesReader(sent, frame_max)


#: By the caller's version (`versions.version_of`).
INBOUND: Mapping[str, MessagesIn] = MappingProxyType({one: MessagesIn(one) for one in (FIRST, NEWEST)})
