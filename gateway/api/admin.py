"""The admin listener of one process: metrics, health and live state, behind the admin key."""

import hmac
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.health import health_routes
from gateway.settings.secret import Secret

State = Callable[[], dict[str, object]]


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
            problem = {
                "type": "about:blank",
                "title": "Unauthorized",
                "status": 401,
                "detail": "An admin key is needed.",
            }
            response = JSONResponse(
                problem, 401, {"www-authenticate": "Bearer"}, media_type="application/problem+json"
            )
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        presented = dict(scope["headers"]).get(b"authorization", b"")
        scheme, _, value = presented.partition(b" ")
        if self._admin_key is None or scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(value.strip(), self._admin_key.reveal().encode())


def admin_app(
    admin_key: Secret | None, registry: CollectorRegistry, state: State, draining: Callable[[], bool]
) -> ASGIApp:
    """The admin application. `state` gives the live state as JSON-able data."""

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def pools(_: Request) -> JSONResponse:
        return JSONResponse({"data": state()["pools"], "next": None})

    async def config(_: Request) -> JSONResponse:
        return JSONResponse(state()["config"])

    async def workers(_: Request) -> JSONResponse:
        return JSONResponse({"data": [state()["worker"]], "next": None})

    routes = [
        Route("/metrics", metrics),
        Route("/admin/v1/pools", pools),
        Route("/admin/v1/config", config),
        Route("/admin/v1/workers", workers),
        *health_routes(draining),
    ]
    return AdminGate(Starlette(routes=routes, exception_handlers={404: _problem, 405: _problem}), admin_key)


async def _problem(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    title = {404: "Not Found", 405: "Method Not Allowed"}.get(status, "Error")
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": f"{request.method} {request.url.path[:128]}",
    }
    return JSONResponse(body, status, media_type="application/problem+json")
