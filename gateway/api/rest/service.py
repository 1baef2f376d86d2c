"""The admin API as an ASGI application: deny by default, read what was asked, carry it out, answer.

Alone knows Starlette. Nothing of an exception that nobody expected is told to who asked.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from gateway.api.rest.admin_keys import AdminKeys
from gateway.api.rest.answer import JSON, Answer, Fault, Problem, away
from gateway.api.rest.ask import Ask
from gateway.api.rest.change import Changes
from gateway.api.rest.json_text import JSONDecodeError, dumps, loads, twice
from gateway.api.rest.operation import HEADER_CHARS_MAX, Denied, Operation
from gateway.api.rest.principal import NOBODY, Principal
from storage.audit import SYSTEM, Deed, Outcome
from storage.database import DatabaseAwayError, DatabaseBusyError

_OPEN = ("/healthz", "/readyz")
_BODY_S = 30.0

log = logging.getLogger(__name__)


class Service:
    """`changes` is None in a process without a database, where nothing of it is changed or written down."""

    def __init__(
        self,
        operations: Sequence[Operation],
        keys: AdminKeys,
        changes: Changes | None,
        request_id: Callable[[], str],
        open_routes: Sequence[BaseRoute],
    ) -> None:
        self._keys = keys
        self._changes = changes
        self._request_id = request_id
        by_path: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            by_path.setdefault(operation.path, {})[operation.method] = operation
        routes = [Route(path, _Resource(self, methods)) for path, methods in by_path.items()]
        self._routed = Starlette(routes=[*routes, *open_routes], exception_handlers={404: _no_such_path})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self._routed(scope, receive, send)
            return
        request_id = self._request_id()
        request = Request(scope)
        try:
            presented = _presented(request)
            principal = await self._keys.principal(presented)
            if principal is None:
                await self._denied(_ask(request, NOBODY, request_id), "authenticate", known=False)
                why = "The admin key is not valid." if presented else "An admin key is needed."
                raise Problem(401, why, headers={"www-authenticate": "Bearer"})
        except Problem as problem:
            await _response(problem.answer(), request_id)(scope, receive, send)
            return
        scope["kaze"] = (principal, request_id)
        await self._routed(scope, receive, send)

    async def reloaded_by_signal(self, problem: str | None) -> None:
        """Writes down that the file was read again, and what was wrong with it; nothing where others do that."""
        if self._changes is not None:
            outcome: Outcome = "done" if problem is None else "failed"
            deed = Deed("system", SYSTEM, "config.reload", "", outcome, method="SIGHUP", reason=problem)
            await self._changes.note(deed)

    async def carry_out(self, request: Request, methods: dict[str, Operation]) -> Response:
        """The answer of the operation that is asked for."""
        principal, request_id = request.scope["kaze"]
        method = "GET" if request.method == "HEAD" else request.method
        operation = methods.get(method)
        try:
            if operation is None:
                raise Problem(
                    405, "There is no such method here.", headers={"allow": ", ".join(sorted(methods))}
                )
            ask = _ask(request, principal, request_id)
            operation.permit(ask)
            answer = await self._answer(await _read(request, ask, operation), operation)
        except Denied as denied:
            await self._denied(denied.ask, denied.action)
            answer = denied.answer()
        except Problem as problem:
            answer = problem.answer()
        except DatabaseAwayError:
            answer = away("The database is away.").answer()
        except DatabaseBusyError:
            answer = away("The database does not get to it now.").answer()
        except Exception:
            log.exception("%s failed (%s)", "?" if operation is None else operation.name, request_id)
            answer = Problem(500, "This is an error of the gateway's; its log says more.").answer()
        return _response(answer, request_id)

    async def _answer(self, ask: Ask, operation: Operation) -> Answer:
        if operation.read is not None:
            return await operation.read(ask)
        if self._changes is None:
            if operation.act is None:
                raise away("There is no database here.")
            return await operation.act(ask)
        if operation.change is not None:
            return await self._changes.carry_out(ask, operation)
        return await self._changes.act(ask, operation)

    async def _denied(self, ask: Ask, action: str, *, known: bool = True) -> None:
        if self._changes is not None:
            await self._changes.denied(ask, action, "role" if known else "admin key", known=known)


class _Resource:
    """The operations of one path, as Starlette calls them."""

    def __init__(self, service: Service, methods: dict[str, Operation]) -> None:
        self._service = service
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._service.carry_out(Request(scope, receive), self._methods)
        await response(scope, receive, send)


async def _no_such_path(request: Request, _: Exception) -> Response:
    return _response(Problem(404, "There is nothing here.").answer(), request.scope["kaze"][1])


def _presented(request: Request) -> bytes:
    """The credential; of several none counts."""
    given = request.headers.getlist("authorization")
    scheme, _, value = (given[0] if len(given) == 1 else "").partition(" ")
    return value.strip().encode("latin-1") if scheme.lower() == "bearer" else b""


def _ask(request: Request, principal: Principal, request_id: str) -> Ask:
    source = request.client.host if request.client is not None else None
    return Ask(principal, request_id, path=request.path_params, source=source)


async def _read(request: Request, ask: Ask, operation: Operation) -> Ask:
    """With what was sent; raises a Problem for what no operation can take."""
    if not all(value.isprintable() for value in ask.path.values()):
        raise Problem(404, "There is nothing of that name.")
    query: dict[str, str] = {}
    known = {parameter.name: parameter.schema for parameter in operation.parameters}
    for name, value in request.query_params.multi_items():
        if name not in known or name in query:
            raise Problem(400, f"The query takes, once each: {', '.join(sorted(known)) or 'nothing'}")
        if not value.isprintable() or len(value) > known[name].get("maxLength", len(value)):
            raise Problem(400, f"{name}: is too long, or not printable")
        if value not in known[name].get("enum", (value,)):
            raise Problem(400, f"{name}: one of {', '.join(known[name]['enum'])}")
        query[name] = value
    headers = {
        name: request.headers[name] for name in ("if-match", "idempotency-key") if name in request.headers
    }
    for name, value in headers.items():
        if not 1 <= len(value) <= HEADER_CHARS_MAX:
            raise Problem(400, f"{name}: must have 1 to {HEADER_CHARS_MAX} characters")
    body = await _body(request, operation.body_bytes_max)
    if body and operation.body is None:
        raise Problem(422, "This takes no body.")
    return Ask(ask.principal, ask.request_id, ask.path, query, headers, body, ask.source)


async def _body(request: Request, bytes_max: int) -> dict[str, Any]:
    content = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for piece in request.stream():
                content += piece
                if len(content) > bytes_max:
                    raise Problem(
                        413, f"This body has at most {bytes_max} bytes.", headers={"connection": "close"}
                    )
    except TimeoutError:
        raise Problem(408, "The body did not come.", headers={"connection": "close"}) from None
    if not content:
        return {}
    if request.headers.get("content-type", JSON).partition(";")[0].strip().lower() != JSON:
        raise Problem(415, f"A body is {JSON}.")
    try:
        said = loads(content)
        again = twice(content)
    except JSONDecodeError:
        raise Problem(400, "The body is not JSON.") from None
    except RecursionError:
        raise Problem(400, "The body is nested too deeply.") from None
    if not isinstance(said, dict):
        raise Problem(400, "The body is not a JSON object.")
    if again is not None:
        faults = [Fault(again, "is there twice")]
        raise Problem(400, "The body says a field twice.", faults=faults)
    return said


def _response(answer: Answer, request_id: str) -> Response:
    headers = {**answer.headers, "x-request-id": request_id, "cache-control": "no-store"}
    body, kind = answer.body, answer.media_type
    if answer.status == 204:
        return Response(status_code=204, headers=headers)
    if isinstance(body, AsyncIterator):
        return StreamingResponse(body, answer.status, headers, kind)
    content = body if isinstance(body, bytes) else dumps(body)
    return Response(content, answer.status, headers, kind)
