"""A request in the words of its targets: what goes upstream where a target does not speak as the caller does.

The caller's JSON is read once, when the first such target is about to be asked, and written for each; what a
target speaks natively stays the bytes that came. Nothing here awaits: translating is arithmetic on parsed JSON.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject
from gateway.clock import Clock
from gateway.dialects.chat.mended_reply import Mender
from gateway.dialects.chat.mended_stream import MendedStream
from gateway.dialects.chat.quirks import quirks_of
from gateway.dialects.chat.request_patch import request_patch
from gateway.dialects.document import Document
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.passage import passage
from gateway.dialects.responses.bridge import needs_responses
from gateway.dialects.table import outbound
from gateway.dialects.translated_stream import TranslatedStream
from gateway.dialects.translation import Asked, Inbound, Outbound, Sent
from gateway.dialects.whole_and_stream import events_of
from gateway.exchange import Exchange, Usage
from gateway.pipeline.completion_body import asks_for_usage, streamed_body
from gateway.pipeline.model_can import model_can
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Target


class Translation:
    """Of one request. `native` is what goes to those who speak as the caller does, `forwarded` the header lines
    of the caller's that pass to any other.
    """

    __slots__ = (
        "_clock", "_document", "_exchange", "_fields", "_forwarded", "_frame_max", "_inbound", "_made", "_read",
        "_strict", "native",
    )  # fmt: skip

    def __init__(
        self,
        native: Work,
        inbound: Inbound,
        exchange: Exchange,
        document: Document,
        forwarded: bytes,
        strict: bool,
        frame_max: int,
        clock: Clock,
    ) -> None:
        self.native = native
        self._inbound = inbound
        self._exchange = exchange
        self._document = document
        self._forwarded = forwarded
        self._strict = strict
        self._frame_max = frame_max
        self._clock = clock
        self._fields: JsonObject | None = None
        self._read: tuple[ChatRequest, Losses] | None = None
        self._made: dict[Target, Work] = {}

    def at(self, target: Target) -> Work:
        """The work as `target` gets it. Raises GatewayError for what it cannot be asked."""
        made = self._made.get(target)
        if made is None:
            made = self._made[target] = self._for(target)
        return made

    def _for(self, target: Target) -> Work:
        provider, can = target.provider, model_can(target.facts)
        way = passage(self.native.api, provider.dialect, provider.apis, can)
        assert way is not None, "a candidate has a way"
        api = way.api
        if way.bridged and needs_responses(self._request()[0], can):
            api = "responses"
        elif way.native:
            return self._mended(target, can) if api == "chat" else self.native
        request, losses = self._request()
        losses = losses.copy()
        spoken = outbound(provider.dialect, api, provider.flavour)
        sent = spoken.request(request, target.model, can, losses)
        return self._work(target, sent, spoken, losses)

    def _request(self) -> tuple[ChatRequest, Losses]:
        """The caller's request in neutral nouns, and what reading it lost. Raises GatewayError."""
        if self._read is None:
            fields = self._fields = read_object(self._document.raw)
            assert fields is not None, "a document is an object"
            losses = Losses(self._strict)
            request = replace(self._inbound.request(fields, losses), stream=self._exchange.streaming)
            self._read = request, losses
        return self._read

    def _work(self, target: Target, sent: Sent, spoken: Outbound, losses: Losses) -> Work:
        exchange, native, inbound = self._exchange, self.native, self._inbound
        asked = self._asked(target)
        body = json_bytes(sent.body)

        def read(value: dict[str, Any]) -> tuple[bytes, Usage]:
            reply = spoken.reply(value, sent)
            return json_bytes(inbound.reply(reply, asked)), reply.usage

        def stream() -> TranslatedStream:
            reader = spoken.stream(sent, self._frame_max)
            return TranslatedStream(reader, inbound.stream(asked), _frames_of(spoken, sent, inbound, asked))

        return Work(
            "POST",
            sent.api,
            sent.path,
            lambda _: body,
            query=sent.query,
            forwarded=self._forwarded + sent.headers,
            stream=stream if exchange.streaming else None,
            reasoning=native.reasoning,
            read=read,
            losses=losses,
        )

    def _mended(self, target: Target, can: Capabilities) -> Work:
        """What goes to a provider that speaks as the caller does, and yet not quite (`chat.quirks`)."""
        provider, native, document = target.provider, self.native, self._document
        patch = request_patch(provider.dialect, provider.flavour, target.model, can)
        quirks = quirks_of(provider.dialect, provider.flavour)
        work = native
        if patch is not None and patch.concerns(document):
            losses = Losses(self._strict)
            sent = document.edited(document.spliced(*patch.edits(document, losses)))
            body = streamed_body(document, sent) if native.stream is not None else sent.with_model
            work = replace(native, body=body, losses=losses, at=None)
        if quirks.odd_words:
            hides_usage, frame_max = not asks_for_usage(document), self._frame_max
            stream = None if native.stream is None else partial(MendedStream, quirks, hides_usage, frame_max)
            work = replace(work, stream=stream, mend=Mender(quirks).whole, at=None)
        return work

    def _asked(self, target: Target) -> Asked:
        exchange = self._exchange
        assert self._read is not None and self._fields is not None
        shown = exchange.model if target.provider.echo_model else None
        return Asked(
            self._read[0],
            shown or target.model,
            exchange.request_id.removeprefix("req_"),
            int(self._clock.utc().timestamp()),
            exchange.sizing.estimate().input,
            self._fields,
        )


def _frames_of(
    spoken: Outbound, sent: Sent, inbound: Inbound, asked: Asked
) -> Callable[[dict[str, Any]], bytes]:
    def frames_of(value: dict[str, Any]) -> bytes:
        reply: ChatReply = spoken.reply(value, sent)
        return inbound.stream(asked).write(events_of(reply))

    return frames_of
