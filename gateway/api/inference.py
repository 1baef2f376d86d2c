"""From a request to work: what each kind of endpoint reads of it, and where it may go.

Nothing is decided here about limits or providers; this is where a body becomes a `Work` and its candidates.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from gateway.admission.stable_prefix import stable_prefix
from gateway.api.query import with_cursors_opened
from gateway.api.routes import Endpoint
from gateway.clock import Clock
from gateway.dialects.counted import counted
from gateway.dialects.document import Document
from gateway.dialects.gemini_stream import GeminiStream
from gateway.dialects.messages_stream import MessagesStream
from gateway.dialects.named_files import may_name_files, named_files
from gateway.dialects.openai_stream import MediaStream, OpenAIStream, ResponsesStream
from gateway.dialects.relayed_stream import RelayedStream
from gateway.dialects.sealed_ids import MARK, SealedIds
from gateway.dialects.structure import SMALL, is_light
from gateway.dialects.table import inbound
from gateway.errors import (
    INVALID_VALUE,
    OBJECT_NOT_FOUND,
    PREVIOUS_RESPONSE_NOT_FOUND,
    UNSUPPORTED_ENDPOINT,
    GatewayError,
)
from gateway.exchange import COUNTS_ONLY, Exchange
from gateway.pipeline.authenticate import lower
from gateway.pipeline.body_check import check_body
from gateway.pipeline.completion_body import completion_stream_body
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.form import Form, form_text, read_form
from gateway.pipeline.forwarded import VERSION, anthropic_lines, forwarded_lines
from gateway.pipeline.receive import Receive, TimedBody, check_encoding, check_json_type, read_body
from gateway.pipeline.router import Candidates, Router, Way
from gateway.pipeline.sizing import Sizing
from gateway.pipeline.translation import Translation
from gateway.pipeline.work import Stream, StreamedBody, Work
from gateway.settings.snapshot import Bounds, ProviderKey, Target, Tenant

Prepared = tuple[Work, Candidates]
Opened = tuple[tuple[str, str], ...]  # as in `Work`
_NONE_OPENED: Opened = ()
_REFERENCES = {"previous_response_id": PREVIOUS_RESPONSE_NOT_FOUND, "input_file_id": OBJECT_NOT_FOUND}
#: How the streams of an endpoint are read that pass unchanged; of the others it is media.
_STREAMS: dict[str, type[RelayedStream]] = {
    "responses": ResponsesStream,
    "messages": MessagesStream,
    "generate_content": GeminiStream,
}
_SEALING = frozenset({"responses", "files", "batches", "uploads"})


class Inference:
    """Reads requests under one snapshot."""

    def __init__(self, router: Router, ids: SealedIds, estimator: Estimator, clock: Clock) -> None:
        self._router = router
        self._clock = clock
        self._estimator = estimator
        self._ids = ids
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
        return self._from_document(endpoint, exchange, named, Document(raw, self._bounds.json_depth))

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
        return self._from_document(endpoint, exchange, named, await self._document(raw))

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
        document = await self._document(await read_body(receive, connection, named, self._bounds.body_bytes))
        renamed = document.edited(document.renamed(deployment))
        return self._from_document(endpoint, exchange, named, renamed)

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
        document = await self._document(await read_body(receive, connection, named, self._bounds.body_bytes))
        exchange.streaming = endpoint.path.startswith(":stream") and b"alt=sse" in query.split(b"&")
        return self._from_document(endpoint, exchange, named, document, model)

    async def _document(self, raw: bytes) -> Document:
        if is_light(raw):
            return Document(raw, self._bounds.json_depth)
        document = None
        for document in Document.in_steps(raw, self._bounds.json_depth):  # noqa: B007 - the last one counts
            await asyncio.sleep(0)  # megabytes take a while, in which nobody else should have to wait
        assert document is not None
        return document

    def _from_document(
        self,
        endpoint: Endpoint,
        exchange: Exchange,
        named: dict[bytes, bytes],
        document: Document,
        model: str | None = None,
    ) -> Prepared:
        """`model` is given where the path names it, and the body does not."""
        assert exchange.tenant_key is not None
        tenant = exchange.tenant_key.tenant
        raw, fields, pinned, opened = document.raw, document.fields, None, _NONE_OPENED
        if raw.find(MARK) >= 0 or "previous_response_id" in fields or "input_file_id" in fields:
            document, pinned, opened = self._opened(tenant, document)
            fields = document.fields
        in_path = model is not None
        if model is None:
            model = fields.get("model")
        if model is None and endpoint.api == "moderations":  # which model is then the provider's choice
            return _work(endpoint, named, document.with_model), self._router.without_model(
                tenant, endpoint.api, None
            )
        if type(model) is not str or not model:
            model = document.required_text("model")
        exchange.model, exchange.body_bytes = model, len(raw)
        candidates = self._router.candidates(tenant, model, endpoint.api)
        is_native = candidates.is_native
        if may_name_files(document.raw) or "conversation" in fields:
            for param, real in _raw_references(endpoint, document, opened):
                candidates = self._on_own_keys(tenant, candidates, pinned, param, real)
        exchange.route = candidates.route
        check_body(fields, endpoint.name)
        exchange.sizing = self._sizing(document, endpoint, tenant, candidates)
        if fields.get("service_tier") == "flex":
            lower(exchange, "scheduled")
        if "stream" in fields or "stream_format" in fields:
            exchange.streaming = _asks_for_stream(document, endpoint)
        if "background" in fields:
            exchange.goes_on = fields["background"] is True
        forwarded = forwarded_lines(named)
        body: Callable[[Target | None], bytes] = (lambda _: raw) if in_path else document.with_model
        stream: Callable[[], Stream] | None = None
        frame_max = self._bounds.frame_bytes
        if exchange.streaming:
            if endpoint.name in ("chat", "completions"):
                body, stream = completion_stream_body(document, frame_max, endpoint.name == "chat")
            else:
                stream = partial(_STREAMS.get(endpoint.name, MediaStream), frame_max)
        work = Work(
            "POST",
            endpoint.api,
            endpoint.path,
            body,
            forwarded=forwarded + anthropic_lines(named) if endpoint.dialect == "anthropic" else forwarded,
            pinned=pinned,
            stream=stream,
            query="alt=sse" if in_path and exchange.streaming else "",
            prefix=stable_prefix(tenant.id, fields, len(raw)) if candidates.has_choice else 0,
            seals_ids=endpoint.name == "responses",
            reasoning="reasoning" in fields or "reasoning_effort" in fields,
            opened=opened,
        )
        if not is_native and endpoint.name in COUNTS_ONLY:
            work.answer = counted(endpoint.name, exchange.sizing.estimate().input)
        elif not is_native:
            strict = named.get(b"x-gateway-strict") == b"true"
            spoken = inbound(endpoint.api, named.get(VERSION, b"").decode("ascii", "replace"))
            work.at = Translation(
                work, spoken, exchange, document, forwarded, strict, frame_max, self._clock
            ).at
        return work, candidates

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
            candidates = self._router.candidates(_tenant(exchange), model, endpoint.api)
            exchange.route = candidates.route
            asked = form.fields.get("stream")
            exchange.streaming = asked is not None and asked.value.lower() == b"true"
            exchange.sizing = self._sizing(form.size, endpoint, _tenant(exchange), candidates)
        except BaseException:
            form.close()
            raise

        def body(target: Target | None) -> StreamedBody:
            assert target is not None
            return form.replaced({"model": target.model.encode()} if "model" in form.fields else {})

        frame_max = self._bounds.frame_bytes
        stream = (lambda: MediaStream(frame_max)) if exchange.streaming else None
        work = _work(endpoint, named, body, content_type=form.content_type, stream=stream)
        return (work, candidates), form

    def _sizing(
        self, source: Document | int, endpoint: Endpoint, tenant: Tenant, candidates: Candidates
    ) -> Sizing:
        target, route = candidates.first_target, candidates.route
        assert target is not None and route is not None, "what names a model has a target"
        return Sizing(source, endpoint.name, self._estimator, tenant.id, route.label, target.model)

    async def from_upload(
        self,
        endpoint: Endpoint,
        path: str,
        pinned: str | None,
        exchange: Exchange,
        named: dict[bytes, bytes],
        receive: Receive,
        connection: TimedBody,
    ) -> tuple[Prepared, Form]:
        """A multipart body that names no model: a file, or a part of an upload."""
        tenant = _tenant(exchange)
        candidates = self._router.without_model(tenant, endpoint.api, pinned)
        form = await read_form(receive, connection, named, self._bounds.body_bytes, self._bounds.spool_bytes)
        work = _work(
            endpoint,
            named,
            lambda _: form.replaced({}),
            path=path,
            content_type=form.content_type,
            pinned=pinned,
        )
        return (work, candidates), form

    async def from_owned_json(
        self,
        endpoint: Endpoint,
        path: str,
        pinned: str | None,
        exchange: Exchange,
        named: dict[bytes, bytes],
        receive: Receive,
        connection: TimedBody,
    ) -> Prepared:
        """A JSON body (or none) about objects of a provider key: batches, uploads, cancelling."""
        raw = await read_body(receive, connection, named, self._bounds.body_bytes)
        tenant = _tenant(exchange)
        sent: bytes | None = None
        opened = _NONE_OPENED
        if raw:
            check_json_type(named)
            document, owner, opened = self._opened(tenant, await self._document(raw))
            if pinned is not None and owner is not None and owner != pinned:
                raise GatewayError(OBJECT_NOT_FOUND, "The objects named belong to different provider keys.")
            pinned = pinned or owner
            sent = document.raw
        candidates = self._router.without_model(tenant, endpoint.api, pinned)
        work = _work(endpoint, named, lambda _: sent, path=path, pinned=pinned)
        work.opened = opened
        return work, candidates

    def from_owned(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        pinned: str,
        query: str,
        exchange: Exchange,
        named: dict[bytes, bytes],
    ) -> Prepared:
        """Reading or deleting one object at the provider key that owns it."""
        tenant = _tenant(exchange)
        query, opened = with_cursors_opened(query, self._ids, tenant.id, pinned, sealed_only=False)
        candidates = self._router.without_model(tenant, endpoint.api, pinned)
        frame_max = self._bounds.frame_bytes
        exchange.streaming = "stream=true" in query
        stream = (lambda: ResponsesStream(frame_max)) if exchange.streaming else None
        work = _work(
            endpoint, named, None, method=method, path=path, query=query, pinned=pinned, stream=stream
        )
        work.opened = opened
        return work, candidates

    def from_list(
        self, endpoint: Endpoint, query: str, exchange: Exchange, named: dict[bytes, bytes]
    ) -> Prepared:
        """Listing objects: only where a provider key is this tenant's alone, or others' objects would show."""
        tenant = _tenant(exchange)
        candidates = self._router.without_model(tenant, endpoint.api, None)
        key = candidates.targets[0][0].account.key
        if not self._is_own(key, tenant):
            raise GatewayError(
                UNSUPPORTED_ENDPOINT,
                f"'{endpoint.api}' can be listed only on a provider key of the tenant's own.",
            )
        query, opened = with_cursors_opened(query, self._ids, tenant.id, key.id, sealed_only=True)
        work = _work(endpoint, named, None, method="GET", query=query, pinned=key.id)
        work.opened = opened
        return work, candidates

    def _is_own(self, key: ProviderKey, tenant: Tenant) -> bool:
        """Whether no other tenant may use the provider key."""
        tenants = set(self._router.snapshot.tenants)
        return (tenants if key.tenants is None else tenants.intersection(key.tenants)) == {tenant.id}

    def _on_own_keys(
        self, tenant: Tenant, candidates: Candidates, pinned: str | None, param: str, real: str
    ) -> Candidates:
        """Where an object may be named by an id that we did not give: it might be another tenant's elsewhere."""
        targets = tuple(own for ways in candidates.targets if (own := self._own(tenant, ways, pinned)))
        if not targets or MARK.decode() in real:
            shown = real[:64].encode("ascii", "replace").decode()
            raise GatewayError(OBJECT_NOT_FOUND, f"No such object: '{shown}'.", param=param)
        return Candidates(candidates.route, targets)

    def _own(self, tenant: Tenant, ways: tuple[Way, ...], pinned: str | None) -> tuple[Way, ...]:
        return tuple(
            way for way in ways if pinned in (None, way.key_id) and self._is_own(way.account.key, tenant)
        )

    def owner_of(self, exchange: Exchange, sealed: str) -> tuple[str, str]:
        """(pool, real id) behind an id in a path. Raises GatewayError: the same for foreign and unknown ids."""
        owned = self._ids.open(_tenant(exchange).id, sealed)
        if owned is None:
            raise GatewayError(OBJECT_NOT_FOUND, f"No such object: '{sealed[:64]}'.", param="id")
        return owned.pool, owned.real

    def _opened(self, tenant: Tenant, document: Document) -> tuple[Document, str | None, Opened]:
        """`document` with sealed ids replaced by the provider's, the pool that owns them all, and which they are.

        A reference that this tenant was not given is refused here: at the provider it might be another's.
        """
        for name, condition in _REFERENCES.items():
            reference = document.text(name)
            if reference is not None and self._ids.open(tenant.id, reference) is None:
                raise GatewayError(condition, f"No such object: '{reference[:64]}'.", param=name)
        if document.raw.find(MARK) < 0:
            return document, None, _NONE_OPENED
        raw, found = self._ids.open_all(tenant.id, document.raw)
        pools = {owned.pool for owned in found.values()}
        if len(pools) > 1:
            raise GatewayError(INVALID_VALUE, "The objects named belong to different provider keys.")
        opened = tuple((owned.real, sealed) for sealed, owned in found.items())
        return document.edited(raw), next(iter(pools), None), opened


def _work(
    endpoint: Endpoint,
    named: dict[bytes, bytes],
    body: Callable[[Target | None], bytes | StreamedBody | None] | None,
    *,
    method: str = "POST",
    path: str = "",
    query: str = "",
    content_type: bytes = b"application/json",
    pinned: str | None = None,
    stream: Callable[[], OpenAIStream] | None = None,
) -> Work:
    """What goes upstream for all but JSON bodies that name a model; `path` where it is not the endpoint's own."""
    return Work(
        method,
        endpoint.api,
        path or endpoint.path,
        body or (lambda _: None),
        content_type=content_type,
        query=query,
        forwarded=forwarded_lines(named),
        pinned=pinned,
        stream=stream,
        seals_ids=endpoint.api in _SEALING,
    )


def _raw_references(endpoint: Endpoint, document: Document, opened: Opened) -> Iterator[tuple[str, str]]:
    """(param, id) of the objects named by an id that is not one of ours."""
    given = [real for real, _ in opened]
    for real in named_files(document.raw):
        if real not in given:
            yield "file_id", real
    conversation = document.fields.get("conversation") if endpoint.api == "responses" else None
    if conversation is not None:
        named = conversation.get("id") if isinstance(conversation, dict) else conversation
        if named not in given:
            yield "conversation", str(named)


def _tenant(exchange: Exchange) -> Tenant:
    assert exchange.tenant_key is not None, "authenticated before anything is read"
    return exchange.tenant_key.tenant


def _asks_for_stream(document: Document, endpoint: Endpoint) -> bool:
    if endpoint.name == "speech":
        return document.text("stream_format") == "sse"
    if endpoint.name in ("chat", "completions", "responses", "messages", "images"):
        return document.flag("stream")
    return False
