"""Requests about objects that live at a provider key: files, batches, uploads, stored responses."""

from collections.abc import Callable

from gateway.api.document_of import document_of
from gateway.api.object_ids import NONE_OPENED, ObjectIds, tenant_of
from gateway.api.query import with_cursors_opened
from gateway.api.routes import Endpoint
from gateway.dialects.openai_stream import ResponsesStream
from gateway.dialects.sealed_ids import SealedIds
from gateway.errors import OBJECT_NOT_FOUND, UNSUPPORTED_ENDPOINT, GatewayError
from gateway.exchange import Exchange
from gateway.pipeline.form import Form, read_form
from gateway.pipeline.forwarded import forwarded_lines
from gateway.pipeline.receive import Receive, TimedBody, check_json_type, read_body
from gateway.pipeline.router import Candidates, Router
from gateway.pipeline.work import Stream, StreamedBody, Work
from gateway.settings.snapshot import Bounds, Target

Prepared = tuple[Work, Candidates]
_SEALING = frozenset({"responses", "files", "batches", "uploads"})


class ObjectRequests:
    """Reads them under one snapshot."""

    def __init__(self, router: Router, ids: SealedIds, objects: ObjectIds) -> None:
        self._router = router
        self._ids = ids
        self._objects = objects
        self._bounds: Bounds = router.snapshot.bounds

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
        tenant = tenant_of(exchange)
        candidates = self._router.without_model(tenant, endpoint.api, pinned)
        form = await read_form(receive, connection, named, self._bounds.body_bytes, self._bounds.spool_bytes)
        work = other_work(
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
        tenant = tenant_of(exchange)
        sent: bytes | None = None
        opened = NONE_OPENED
        if raw:
            check_json_type(named)
            document, owner, opened = self._objects.opened(
                tenant, await document_of(raw, self._bounds.json_depth)
            )
            if pinned is not None and owner is not None and owner != pinned:
                raise GatewayError(OBJECT_NOT_FOUND, "The objects named belong to different provider keys.")
            pinned = pinned or owner
            sent = document.raw
        candidates = self._router.without_model(tenant, endpoint.api, pinned)
        work = other_work(endpoint, named, lambda _: sent, path=path, pinned=pinned)
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
        tenant = tenant_of(exchange)
        query, opened = with_cursors_opened(query, self._ids, tenant.id, pinned, sealed_only=False)
        candidates = self._router.without_model(tenant, endpoint.api, pinned)
        frame_max = self._bounds.frame_bytes
        exchange.streaming = "stream=true" in query
        stream = (lambda: ResponsesStream(frame_max)) if exchange.streaming else None
        work = other_work(
            endpoint, named, None, method=method, path=path, query=query, pinned=pinned, stream=stream
        )
        work.opened = opened
        return work, candidates

    def from_list(
        self, endpoint: Endpoint, query: str, exchange: Exchange, named: dict[bytes, bytes]
    ) -> Prepared:
        """Listing objects: only where a provider key is this tenant's alone, or others' objects would show."""
        tenant = tenant_of(exchange)
        candidates = self._router.without_model(tenant, endpoint.api, None)
        key = candidates.targets[0][0].account.key
        if not self._objects.is_own(key, tenant):
            raise GatewayError(
                UNSUPPORTED_ENDPOINT,
                f"'{endpoint.api}' can be listed only on a provider key of the tenant's own.",
            )
        query, opened = with_cursors_opened(query, self._ids, tenant.id, key.id, sealed_only=True)
        work = other_work(endpoint, named, None, method="GET", query=query, pinned=key.id)
        work.opened = opened
        return work, candidates


def other_work(
    endpoint: Endpoint,
    named: dict[bytes, bytes],
    body: Callable[[Target | None], bytes | StreamedBody | None] | None,
    *,
    method: str = "POST",
    path: str = "",
    query: str = "",
    content_type: bytes = b"application/json",
    pinned: str | None = None,
    stream: Callable[[], Stream] | None = None,
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
