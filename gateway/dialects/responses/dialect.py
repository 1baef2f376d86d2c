"""The Responses API as callers speak it, and as providers do."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject
from gateway.dialects.losses import Losses
from gateway.dialects.responses.reply_in import read_reply
from gateway.dialects.responses.reply_out import write_reply
from gateway.dialects.responses.request_in import read_request
from gateway.dialects.responses.request_out import write_request
from gateway.dialects.responses.stream_in import ResponsesReader
from gateway.dialects.responses.stream_out import ResponsesWriter
from gateway.dialects.translation import Asked, Sent


class ResponsesIn:
    """An `Inbound`."""

    def request(self, fields: JsonObject, losses: Losses) -> ChatRequest:
        return read_request(fields, losses)

    def reply(self, reply: ChatReply, asked: Asked) -> JsonObject:
        return write_reply(reply, asked)

    def stream(self, asked: Asked) -> ResponsesWriter:
        return ResponsesWriter(asked)


class ResponsesOut:
    """An `Outbound`."""

    def request(self, request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
        return write_request(request, model, can, losses)

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        return read_reply(body, sent)

    def stream(self, sent: Sent, frame_max: int) -> ResponsesReader:
        return ResponsesReader(sent, frame_max)
