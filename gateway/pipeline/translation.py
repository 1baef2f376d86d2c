"""A request in the words of its targets: what goes upstream where a target does not speak as the caller does.

The caller's JSON is read once, when the first such target is about to be asked, and written for each; what a
target speaks natively stays the bytes that came. Nothing here awaits: translating is arithmetic on parsed JSON.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject, Media
from gateway.clock import Clock
from gateway.dialects.chat.quirks import quirks_of
from gateway.dialects.checked import Checked
from gateway.dialects.data_url import Attached
from gateway.dialects.distinct_calls import Distinct, with_distinct_calls
from gateway.dialects.document import Document
from gateway.dialects.effort import thinks
from gateway.dialects.estimated_usage import with_usage
from gateway.dialects.fan_out import JoinedReader, answers_max, parts, read_replies
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.named_by_url import to_be_fetched, with_contents
from gateway.dialects.passage import Passage, passage
from gateway.dialects.remembered import Remembered
from gateway.dialects.replay_memory import ReplayMemory
from gateway.dialects.responses.bridge import needs_responses
from gateway.dialects.senses import SENSES, check_shown, lacks_senses
from gateway.dialects.table import outbound
from gateway.dialects.translated_stream import TranslatedStream
from gateway.dialects.translation import Asked, Inbound, Outbound, Sent, StreamWriter
from gateway.dialects.whole_as_stream import events_of
from gateway.errors import GatewayError
from gateway.exchange import Exchange, Usage
from gateway.pipeline.keeping import Keeping
from gateway.pipeline.mended import mended
from gateway.pipeline.model_can import model_can
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Target


class Translation:
    """Of one request of the API `asked_in`. `forwarded` are the header lines of the caller's that pass to who does
    not speak as they do, `losses` how much may be lost; `contents` what was fetched of the URLs in it, for who
    cannot do so; `keeping` puts the reply away where its caller may go on from it.

    It is part of the work that goes to those who speak as the caller does, and is told it where it needs it: if
    each held the other, every request would wait for the cycle collector.
    """

    __slots__ = (
        "_asked_in", "_clock", "_document", "_exchange", "_fields", "_forwarded", "_frame_max", "_inbound",
        "_losses", "_made", "_memory", "_owner", "_read", "contents", "keeping",
    )  # fmt: skip

    def __init__(
        self,
        asked_in: str,
        inbound: Inbound,
        exchange: Exchange,
        document: Document,
        forwarded: bytes,
        losses: Losses,
        frame_max: int,
        memory: ReplayMemory,
        clock: Clock,
    ) -> None:
        self._asked_in = asked_in
        self.keeping: Keeping | None = None
        self.contents: Mapping[str, Attached] = {}
        self._inbound = inbound
        self._exchange = exchange
        self._document = document
        self._forwarded = forwarded
        self._losses = losses
        self._frame_max = frame_max
        self._memory = memory
        self._clock = clock
        assert exchange.tenant_key is not None, "authenticated before anything is read"
        self._owner = f"{exchange.tenant_key.tenant.id}/{exchange.tenant_key.id}"
        self._fields: JsonObject | None = None
        self._read: tuple[ChatRequest, Losses] | None = None
        self._made: tuple[Target, Work] | None = None

    def at(self, native: Work, target: Target) -> Work:
        """The work as `target` gets it: `native`, what goes to those who speak as the caller does, or it in other
        words. Raises GatewayError for what it cannot be asked.
        """
        if self._made is not None and self._made[0] is target:  # another of its keys
            return self._made[1]
        try:
            made = self._for(native, target)
        except GatewayError as error:
            if self.keeping is not None and self._fields is not None:
                error.param = self.keeping.own_path(error.param, self._fields.get("input"))
            raise
        if made is not native:
            self._made = target, made
        return made

    def to_be_fetched(self, targets: Iterable[Target]) -> Iterator[Media]:
        """What the request names by URL and some target cannot get. Raises GatewayError for what is no request."""
        for target in targets:
            way = self._way(target)
            if not way.native or self._goes_on:
                can = model_can(target.facts)
                request = self._request()[0]
                yield from to_be_fetched(request, self._api(way, can), can)

    @property
    def _goes_on(self) -> bool:
        """From a response that is kept here: in the words of other providers, too."""
        return self.keeping is not None and self.keeping.previous is not None

    def _way(self, target: Target) -> Passage:
        provider = target.provider
        can = model_can(target.facts)
        way = passage(self._asked_in, provider.dialect, provider.apis, can)
        assert way is not None, "a candidate has a way"
        return way

    def _api(self, way: Passage, can: Capabilities) -> str:
        """What of its provider's a target is asked by for this request."""
        return "responses" if way.bridged and needs_responses(self._request()[0], can) else way.api

    def _for(self, native: Work, target: Target) -> Work:
        provider, can, way = target.provider, model_can(target.facts), self._way(target)
        api = self._api(way, can)
        if lacks_senses(target.facts.said) and (not way.native or self._has_attachments):
            check_shown(self._request()[0], target.facts.said)
        if (
            api == way.api
            and way.native
            and not self._goes_on
            and not self._needs_memory(target)
            and not self._in_parts(target, api, can)
        ):
            if api != "chat":
                return native
            losses = self._losses.copy()
            return mended(native, self._document, target, can, losses, self._frame_max)
        asked, losses = self._request()
        model, losses = f"{provider.id}/{target.model}", losses.copy()
        request, missing = self._memory.restore(asked, self._owner, model, self._clock.monotonic())
        if missing and thinks(request, can):
            losses.missing(missing)
        request = with_distinct_calls(request, losses)
        if self.contents:
            request = with_contents(request, self.contents, api, can)
        spoken = outbound(provider.dialect, api, provider.flavour)
        if request.tools:
            spoken = Remembered(
                Distinct(spoken), self._memory, self._owner, model, request, self._clock.monotonic
            )
        most = answers_max(provider.dialect, provider.flavour, api, can)
        several = parts(request, most, can, losses)
        sent = spoken.request(several[0], target.model, can, losses)
        body, rest = json_bytes(sent.body), list[Callable[[], bytes]]()
        if len(several) > 1:  # whose losses are those of the first
            lost, plain = losses.copy(), spoken
            rest = _rest(several, body, lambda one: plain.request(one, target.model, can, lost))
        wanted = request.parameters.format
        if sent.unenforced and wanted is not None:
            spoken = Checked(spoken, wanted, request.named("format"), losses)
        return self._work(native, target, sent, spoken, losses, body, rest)

    def _in_parts(self, target: Target, api: str, can: Capabilities) -> bool:
        """Whether it speaks as the caller does, and takes several requests for so many answers."""
        if not can.fanout or self._asked_in != "chat":
            return False
        provider, choices = target.provider, self._exchange.sizing.makeup().choices
        return choices > answers_max(provider.dialect, provider.flavour, api, can)

    @property
    def _has_attachments(self) -> bool:
        return not SENSES.isdisjoint(self._exchange.sizing.needs())

    def _needs_memory(self, target: Target) -> bool:
        """Whether it speaks as the caller does, and yet wants back what callers leave out (`replay_memory`)."""
        provider = target.provider
        return (
            self._asked_in == "chat"
            and "tools" in self._document.fields
            and quirks_of(provider.dialect, provider.flavour).needs_thinking
        )

    def _request(self) -> tuple[ChatRequest, Losses]:
        """The caller's request in neutral nouns, and what reading it lost. Raises GatewayError."""
        if self._read is None:
            fields = self._fields = read_object(self._document.raw)
            assert fields is not None, "a document is an object"
            losses = self._losses.copy()
            if fields.get("store") is True and self.keeping is None and self._asked_in == "responses":
                losses.dropped("store")
            request = replace(self._inbound.request(fields, losses), stream=self._exchange.streaming)
            self._read = request, losses
        return self._read

    def _work(
        self,
        native: Work,
        target: Target,
        sent: Sent,
        spoken: Outbound,
        losses: Losses,
        body: bytes,
        rest: Sequence[Callable[[], bytes]],
    ) -> Work:
        exchange, inbound, keeping, frame_max = self._exchange, self._inbound, self.keeping, self._frame_max
        asked = self._asked(target, losses)

        def read(values: Sequence[dict[str, Any]]) -> tuple[bytes, Usage]:
            reply = read_replies(spoken, values, sent)
            _note(reply, losses)
            told = with_usage(reply, asked.input_tokens)
            if exchange.streaming:
                writer = inbound.stream(asked)
                frames = writer.write(events_of(told))
                if keeping is not None:
                    _keep_whole(keeping, writer)
                return frames, reply.usage
            written = inbound.reply(told, asked)
            if keeping is not None:
                keeping.keep(written)
            return json_bytes(written), reply.usage

        def stream() -> TranslatedStream:
            make = partial(spoken.stream, sent, frame_max)
            several = JoinedReader(make, 1 + len(rest)) if rest else None
            writer = inbound.stream(asked)
            over = None if keeping is None else partial(_keep_whole, keeping, writer)
            reader = several or make()
            return TranslatedStream(reader, writer, losses, over, asked.input_tokens, several)

        return Work(
            "POST",
            sent.api,
            sent.path,
            lambda _: body,
            query=sent.query,
            forwarded=self._forwarded + sent.headers,
            stream=stream if exchange.streaming else None,
            reasoning=native.reasoning,
            rest=tuple(rest),
            read=read,
            named=asked.request.named,
            losses=losses,
            asked_in=native.api,
        )

    def _asked(self, target: Target, losses: Losses) -> Asked:
        exchange = self._exchange
        assert self._read is not None and self._fields is not None
        shown = exchange.model if target.provider.echo_model else None
        return Asked(
            self._read[0],
            shown or target.model,
            exchange.request_id.removeprefix("req_"),
            int(self._clock.unix()),
            self._clock.unix,
            lambda: exchange.sizing.estimate().input,
            self._fields if self.keeping is None else self._fields | self.keeping.echoed,
            self.keeping is not None and self.keeping.keeps,
            losses,
        )


def _rest(
    several: Sequence[ChatRequest], body: bytes, write: Callable[[ChatRequest], Sent]
) -> list[Callable[[], bytes]]:
    """The bodies of all parts but the first, whose `body` is. Raises GatewayError for what cannot be asked.

    Those that differ in their seed alone are written when they are sent, or as many as there may be would be held.
    """
    first, *others = several
    known, found = {id(first): body}, list[Callable[[], bytes]]()
    for one in others:
        if one.parameters.seed != first.parameters.seed:
            found.append(partial(_body, write, one))
            continue
        if id(one) not in known:
            known[id(one)] = _body(write, one)
        found.append(partial(bytes, known[id(one)]))
    return found


def _body(write: Callable[[ChatRequest], Sent], request: ChatRequest) -> bytes:
    return json_bytes(write(request).body)


def _note(reply: ChatReply, losses: Losses) -> None:
    """What of it no dialect says."""
    if reply.usage.source == "none":
        losses.estimated("usage")
    losses.unread(reply.unread)


def _keep_whole(keeping: Keeping, writer: StreamWriter) -> None:
    if writer.whole is not None:
        keeping.keep(writer.whole)
