"""The admin listener of one process: metrics, health, live state and the queue, behind the admin key."""

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.health import health_routes
from gateway.api.paging import page_of
from gateway.pipeline.queue_readings import QueueReadings
from keys.secret import Secret

State = Callable[[], dict[str, object]]
Reload = Callable[[], Awaitable[str | None]]


class AdminGate:
    """Deny by default: every path but health needs the admin key."""

    def __init__(self, app: ASGIApp, admin_key: Secret | None) -> None:
        self._app = app
        self._admin_key = admin_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["path"] not in ("/healthz", "/readyz")
            and not self._admits(scope)
        ):
            response = problem(401, "An admin key is needed.")
            response.headers["www-authenticate"] = "Bearer"
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        presented = dict(scope["headers"]).get(b"authorization", b"")
        scheme, _, value = presented.partition(b" ")
        if self._admin_key is None or scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(value.strip(), self._admin_key.reveal().encode())


def problem(status: int, detail: str) -> Response:
    """A problem body (RFC 9457)."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


async def refused(request: Request, error: Exception) -> Response:
    """For paths and methods that there are not."""
    status = int(getattr(error, "status_code", 500))
    return problem(status, f"{request.method} {request.url.path[:128]}")


def not_waiting(request_id: str) -> Response:
    return problem(404, f"No request {request_id[:128]} waits.")


def admin_app(
    admin_key: Secret | None,
    registry: CollectorRegistry,
    state: State,
    queue: QueueReadings,
    draining: Callable[[], bool],
    reload: Reload,
) -> ASGIApp:
    """The admin application. `state` gives the live state as JSON-able data; `reload` says what is wrong, if so."""

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def pools(_: Request) -> JSONResponse:
        return JSONResponse({"data": state()["pools"], "next": None})

    async def config(_: Request) -> JSONResponse:
        return JSONResponse(state()["config"])

    async def read_again(_: Request) -> Response:
        refused = await reload()
        return JSONResponse(state()["config"]) if refused is None else problem(422, refused)

    async def workers(_: Request) -> JSONResponse:
        return JSONResponse({"data": [state()["worker"]], "next": None})

    async def waiting(request: Request) -> Response:
        try:
            page = page_of(request.query_params)
        except ValueError as error:
            return problem(400, str(error))
        return JSONResponse(await queue.page(*page))

    async def one_waiting(request: Request) -> Response:
        request_id = request.path_params["request_id"]
        if request.method == "DELETE":
            return Response(status_code=204) if queue.cancel(request_id) else not_waiting(request_id)
        row = queue.one(request_id)
        return not_waiting(request_id) if row is None else JSONResponse(row)

    routes = [
        Route("/metrics", metrics),
        Route("/admin/v1/queue", waiting),
        Route("/admin/v1/queue/{request_id}", one_waiting, methods=["GET", "DELETE"]),
        Route("/admin/v1/pools", pools),
        Route("/admin/v1/config", config),
        Route("/admin/v1/config/reload", read_again, methods=["POST"]),
        Route("/admin/v1/workers", workers),
        *health_routes(draining),
    ]
    return AdminGate(Starlette(routes=routes, exception_handlers={404: refused, 405: refused}), admin_key)
