"""From a request to work: what each kind of endpoint reads of it, and where it may go.

Nothing is decided here about limits or providers; this is where a body becomes a `Work` and its candidates.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from gateway.admission.stable_prefix import stable_prefix
from gateway.api.document_of import document_of
from gateway.api.kept_responses import KeptResponses
from gateway.api.object_ids import NONE_OPENED, ObjectIds, Opened, raw_references, tenant_of
from gateway.api.object_requests import ObjectRequests, Prepared, other_work
from gateway.api.routes import Endpoint
from gateway.api.said_head import SaidHead, said_head
from gateway.clock import Clock
from gateway.dialects.counted import counted
from gateway.dialects.document import Document
from gateway.dialects.embeddings.gemini import with_model as contents_with_model
from gateway.dialects.embeddings.openai import mend_of
from gateway.dialects.gemini_stream import GeminiStream
from gateway.dialects.losses import Losses
from gateway.dialects.messages.foreign_thoughts import may_have_foreign_thoughts, with_own_thoughts
from gateway.dialects.messages_stream import MessagesStream
from gateway.dialects.named_files import may_name_files
from gateway.dialects.openai_stream import CompletionStream, MediaStream, ResponsesStream
from gateway.dialects.passage import COUNTED, EMBEDDINGS
from gateway.dialects.relayed_stream import RelayedStream
from gateway.dialects.replay_memory import ReplayMemory
from gateway.dialects.sealed_ids import MARK, SealedIds
from gateway.dialects.structure import SMALL
from gateway.dialects.table import inbound
from gateway.errors import GatewayError
from gateway.exchange import COUNTS_ONLY, Exchange
from gateway.pipeline.authenticate import lower
from gateway.pipeline.body_check import check_body
from gateway.pipeline.completion_body import asks_for_usage, streamed_body
from gateway.pipeline.count_translation import CountTranslation
from gateway.pipeline.embedding_translation import EmbeddingTranslation
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.fetching import fetch_named
from gateway.pipeline.form import Form, form_text, read_form
from gateway.pipeline.forwarded import anthropic_lines, flavour_lines
from gateway.pipeline.keeping import Keeping
from gateway.pipeline.receive import Receive, TimedBody, check_encoding, check_json_type, read_body
from gateway.pipeline.router import Candidates, Router, estimates
from gateway.pipeline.sizing import Sizing
from gateway.pipeline.translation import Translation
from gateway.pipeline.work import Stream, StreamedBody, Work
from gateway.settings.snapshot import Bounds, Target, Tenant
from gateway.upstream.fetch import Fetcher

#: How bodies name what may be fetched; mixed letters nobody writes.
_FETCHED = (b"https:", b"HTTPS:", b"Https:")
#: How the streams of an endpoint are read that pass unchanged; of the others it is media.
_STREAMS: dict[str, type[RelayedStream]] = {
    "responses": ResponsesStream,
    "messages": MessagesStream,
    "generate_content": GeminiStream,
}


class Inference:
    """Reads requests under one snapshot."""

    def __init__(
        self,
        router: Router,
        ids: SealedIds,
        estimator: Estimator,
        memory: ReplayMemory,
        fetcher: Fetcher,
        clock: Clock,
    ) -> None:
        self._router = router
        self._memory = memory
        self.fetcher = fetcher
        self._clock = clock
        self._estimator = estimator
        self.ids = ObjectIds(router, ids)
        self.responses = KeptResponses(router.snapshot.bounds)
        self.objects = ObjectRequests(router, ids, self.ids)
        self._bounds: Bounds = router.snapshot.bounds

    def from_json(
        self,
        endpoint: Endpoint,
        receive: Receive,
        connection: TimedBody,
        exchange: Exchange,
        named: dict[bytes, bytes],
    ) -> Prepared | Awaitable[Prepared]:
        """A JSON body that names a model; to be awaited only when the body is still on its way."""
        if named.get(b"content-type") != b"application/json":
            check_json_type(named)
        if b"content-encoding" in named:
            check_encoding(named)
        raw = connection.body_now()
        if raw is None or len(raw) > self._bounds.body_bytes:
            return self._from_slow_json(endpoint, exchange, named, receive, connection)
        if len(raw) > SMALL:  # those that may be heavy
            return self._from_heavy_json(endpoint, exchange, named, raw)
        return self._from_body(endpoint, exchange, named, Document(raw, self._bounds.json_depth))

    async def _from_slow_json(
        self,
        endpoint: Endpoint,
        exchange: Exchange,
        named: dict[bytes, bytes],
        receive: Receive,
        connection: TimedBody,
    ) -> Prepared:
        raw = await read_body(receive, connection, named, self._bounds.body_bytes)
        return await self._from_heavy_json(endpoint, exchange, named, raw)

    async def _from_heavy_json(
        self, endpoint: Endpoint, exchange: Exchange, named: dict[bytes, bytes], raw: bytes
    ) -> Prepared:
        prepared = self._from_body(endpoint, exchange, named, await document_of(raw, self._bounds.json_depth))
        return prepared if isinstance(prepared, tuple) else await prepared

    def _from_body(
        self, endpoint: Endpoint, exchange: Exchange, named: dict[bytes, bytes], document: Document
    ) -> Prepared | Awaitable[Prepared]:
        """A body with all that is asked; to be awaited only where it goes on from what must be looked up."""
        if "previous_response_id" in document.fields and self.responses.goes_on(endpoint.name, document):
            return self._going_on(endpoint, exchange, named, document)
        return self._from_document(endpoint, exchange, named, document)

    async def _going_on(
        self, endpoint: Endpoint, exchange: Exchange, named: dict[bytes, bytes], document: Document
    ) -> Prepared:
        """A request that goes on from a response that is kept here."""
        document, keeping = await self.responses.expanded(tenant_of(exchange).id, document)
        return self._from_document(endpoint, exchange, named, document, keeping=keeping)

    async def from_deployment(
        self,
        endpoint: Endpoint,
        deployment: str,
        receive: Receive,
        connection: TimedBody,
        exchange: Exchange,
        named: dict[bytes, bytes],
    ) -> Prepared:
        """A JSON body whose model the path names, whatever the body says of it: so it is at Azure."""
        check_json_type(named)
        document = await self._read(receive, connection, named)
        renamed = document.edited(document.renamed(deployment))
        prepared = self._from_body(endpoint, exchange, named, renamed)
        return prepared if isinstance(prepared, tuple) else await prepared

    async def from_model_path(
        self,
        endpoint: Endpoint,
        model: str,
        query: bytes,
        receive: Receive,
        connection: TimedBody,
        exchange: Exchange,
        named: dict[bytes, bytes],
    ) -> Prepared:
        """A JSON body that names no model, since the path does: so it is at Google."""
        check_json_type(named)
        document = await self._read(receive, connection, named)
        exchange.streaming = endpoint.path.startswith(":stream")
        exchange.as_array = exchange.streaming and b"alt=sse" not in query.split(b"&")
        return self._from_document(endpoint, exchange, named, document, model)

    async def _read(self, receive: Receive, connection: TimedBody, named: dict[bytes, bytes]) -> Document:
        raw = await read_body(receive, connection, named, self._bounds.body_bytes)
        return await document_of(raw, self._bounds.json_depth)

    def _from_document(
        self,
        endpoint: Endpoint,
        exchange: Exchange,
        named: dict[bytes, bytes],
        document: Document,
        model: str | None = None,
        keeping: Keeping | None = None,
    ) -> Prepared:
        """`model` is given where the path names it, and the body does not; `keeping` where the conversation is
        ours."""
        assert exchange.tenant_key is not None
        tenant = exchange.tenant_key.tenant
        raw, fields, pinned, opened = document.raw, document.fields, None, NONE_OPENED
        if raw.find(MARK) >= 0 or "previous_response_id" in fields or "input_file_id" in fields:
            document, pinned, opened = self.ids.opened(tenant, document)
            fields = document.fields
        in_path = model is not None
        if model is None:
            model = fields.get("model")
        if model is None and endpoint.api == "moderations":  # which model is then the provider's choice
            return other_work(endpoint, named, document.with_model), self._router.without_model(
                tenant, endpoint.api, None
            )
        if type(model) is not str or not model:
            model = document.required_text("model")
        exchange.model, exchange.body_bytes = model, len(raw)
        candidates = self._router.candidates(tenant, model, endpoint.api)
        if pinned is not None:
            self.ids.check_owner(candidates, pinned, document)
        is_native = candidates.takes_as_it_is(fields)
        if may_name_files(document.raw) or "conversation" in fields:
            for param, real in raw_references(endpoint, document, opened):
                candidates = self.ids.on_own_keys(tenant, candidates, pinned, param, real)
        exchange.route = candidates.route
        check_body(fields, endpoint.name)
        exchange.sizing = self._sizing(document, endpoint, tenant, candidates)
        if fields.get("service_tier") == "flex":
            lower(exchange, "scheduled")
        if "stream" in fields or "stream_format" in fields:
            exchange.streaming = _asks_for_stream(document, endpoint)
        if "background" in fields:
            exchange.goes_on = fields["background"] is True
        said = said_head(named, endpoint)
        work = self._work(endpoint, exchange, named, said, document, in_path, pinned, opened)
        if candidates.has_choice:
            work.prefix = stable_prefix(tenant.id, fields, len(raw))
        if not is_native or keeping is not None:
            self._translate(work, endpoint, exchange, said, document, candidates, keeping)
        else:
            work.fit = partial(self._fit, endpoint, exchange, said, document)
        return work, candidates

    def _fit(
        self,
        endpoint: Endpoint,
        exchange: Exchange,
        said: SaidHead,
        document: Document,
        work: Work,
        candidates: Candidates,
    ) -> None:
        """As `Work.fit`: the configuration leads it elsewhere before it went."""
        if work.at is None and not candidates.takes_as_it_is(document.fields):
            self._translate(work, endpoint, exchange, said, document, candidates, None)

    def _work(
        self,
        endpoint: Endpoint,
        exchange: Exchange,
        named: dict[bytes, bytes],
        said: SaidHead,
        document: Document,
        in_path: bool,
        pinned: str | None,
        opened: Opened,
    ) -> Work:
        """What goes to a target that speaks as the caller does."""
        raw, fields, forwarded = document.raw, document.fields, said.forwarded
        if endpoint.name == "messages" and may_have_foreign_thoughts(raw):
            document = with_own_thoughts(document)
        body: Callable[[Target | None], bytes] = (lambda _: raw) if in_path else document.with_model
        if endpoint.name == "embed_content":
            body = partial(contents_with_model, document)
        stream: Callable[[], Stream] | None = None
        frame_max = self._bounds.frame_bytes
        if exchange.streaming:
            if endpoint.name in ("chat", "completions"):
                body = streamed_body(document)
                hides_usage, is_chat = not asks_for_usage(document), endpoint.name == "chat"
                stream = partial(CompletionStream, hides_usage, frame_max, is_chat)
            else:
                stream = partial(_STREAMS.get(endpoint.name, MediaStream), frame_max)
        return Work(
            "POST",
            endpoint.api,
            endpoint.path,
            body,
            forwarded=forwarded + anthropic_lines(named) if endpoint.dialect == "anthropic" else forwarded,
            pinned=pinned,
            stream=stream,
            query="alt=sse" if in_path and exchange.streaming else "",
            seals_ids=endpoint.name == "responses",
            reasoning="reasoning" in fields or "reasoning_effort" in fields,
            opened=opened,
            mend=mend_of(fields.get("encoding_format")) if endpoint.name == "embeddings" else None,
            losses=Losses(strict=True) if said.strict else None,
            by_flavour=flavour_lines(named),
        )

    def _translate(
        self,
        work: Work,
        endpoint: Endpoint,
        exchange: Exchange,
        said: SaidHead,
        document: Document,
        candidates: Candidates,
        keeping: Keeping | None,
    ) -> None:
        """Some target does not speak as the caller does, or needs to be asked otherwise."""
        forwarded, version, strict = said
        if endpoint.name in COUNTS_ONLY:
            self._count(work, endpoint, exchange, said, document, candidates)
            return
        if endpoint.name in EMBEDDINGS:
            work.at = EmbeddingTranslation(endpoint.path, exchange, document, forwarded, strict).at
            return
        losses = Losses(strict, self._router.snapshot.lenient)
        spoken, frame_max = inbound(endpoint.api, version), self._bounds.frame_bytes
        translation = Translation(
            endpoint.api, spoken, exchange, document, forwarded, losses, frame_max, self._memory, self._clock
        )
        work.at = translation.at
        tenant = tenant_of(exchange)
        if endpoint.name == "responses":
            translation.keeping = keeping or self.responses.keeping(tenant.id, document)
        if tenant.fetch_urls and any(document.raw.find(scheme) >= 0 for scheme in _FETCHED):
            work.before = partial(fetch_named, translation, candidates, self.fetcher, tenant.id)

    def _count(
        self,
        work: Work,
        endpoint: Endpoint,
        exchange: Exchange,
        said: SaidHead,
        document: Document,
        candidates: Candidates,
    ) -> None:
        """By the target where it counts, and else, or where it could not be asked this at all, by an estimate."""
        target = candidates.first_target
        assert target is not None
        if endpoint.name == endpoint.api and not estimates(target, endpoint.api):
            forwarded, version, strict = said
            spoken = inbound(COUNTED[endpoint.api], version)
            translation = CountTranslation(spoken, endpoint.name, document, forwarded, strict)
            translation.read()
            try:
                translation.at(work, target)
            except GatewayError:
                pass
            else:
                work.at = translation.at
                return
        work.answer = counted(endpoint.name, exchange.sizing.estimate().input)

    async def from_form(
        self,
        endpoint: Endpoint,
        exchange: Exchange,
        named: dict[bytes, bytes],
        receive: Receive,
        connection: TimedBody,
        deployment: str = "",
    ) -> tuple[Prepared, Form]:
        """A multipart body that names a model, unless the path does; the form is the receiver's to close."""
        form = await read_form(receive, connection, named, self._bounds.body_bytes, self._bounds.spool_bytes)
        try:
            model = deployment or form_text(form, "model")
            exchange.model = model
            candidates = self._router.candidates(tenant_of(exchange), model, endpoint.api)
            exchange.route = candidates.route
            asked = form.fields.get("stream")
            exchange.streaming = asked is not None and asked.value.lower() == b"true"
            exchange.sizing = self._sizing(form.size, endpoint, tenant_of(exchange), candidates)
        except BaseException:
            form.close()
            raise

        def body(target: Target | None) -> StreamedBody:
            assert target is not None
            return form.replaced({"model": target.model.encode()} if "model" in form.fields else {})

        frame_max = self._bounds.frame_bytes
        stream = (lambda: MediaStream(frame_max)) if exchange.streaming else None
        work = other_work(endpoint, named, body, content_type=form.content_type, stream=stream)
        return (work, candidates), form

    def _sizing(
        self, source: Document | int, endpoint: Endpoint, tenant: Tenant, candidates: Candidates
    ) -> Sizing:
        target, route = candidates.first_target, candidates.route
        assert target is not None and route is not None, "what names a model has a target"
        name, label = endpoint.name, route.label
        return Sizing(source, name, self._estimator, tenant.id, label, target.model, candidates)


def _asks_for_stream(document: Document, endpoint: Endpoint) -> bool:
    if endpoint.name == "speech":
        return document.text("stream_format") == "sse"
    if endpoint.name in ("chat", "completions", "responses", "messages", "images"):
        return document.flag("stream")
    return False
