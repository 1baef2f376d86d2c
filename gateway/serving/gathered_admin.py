"""The admin listener of a gateway with several workers: every answer covers all of them.

The admin key is checked here and again by each worker. A worker that does not answer is named in `/workers`
and in `gateway_degraded`; a page fails only when no worker answers.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.api.admin import AdminGate
from gateway.api.health import health_routes
from gateway.serving.gather import Answer, Gatherer
from gateway.serving.merge_documents import merge_documents
from gateway.serving.seat import Seat
from gateway.serving.totals import Totals
from gateway.settings.secret import Secret


class GatheredAdmin:
    """`app` is the ASGI application."""

    def __init__(
        self,
        admin_key: Secret,
        seats: Sequence[Seat],
        gatherer: Gatherer,
        totals: Totals,
        draining: Callable[[], bool],
    ) -> None:
        self._seats = seats
        self._gatherer = gatherer
        self._totals = totals
        self._one_scrape = asyncio.Lock()
        routes = [
            Route("/metrics", self._metrics),
            Route("/admin/v1/workers", self._workers),
            Route("/admin/v1/config", self._config),
            Route("/admin/v1/pools", self._merged),
            *health_routes(lambda: draining() or all(seat.state != "serving" for seat in seats)),
        ]
        handlers: dict[Any, Any] = {404: _refused, 405: _refused}
        self.app: ASGIApp = AdminGate(Starlette(routes=routes, exception_handlers=handlers), admin_key)

    async def _metrics(self, request: Request) -> Response:
        async with self._one_scrape:  # an older answer must not replace a newer one
            answering: set[str] = set()
            for answer in await self._ask(request):
                self._totals.scraped(answer.life, answer.content.decode())
                answering.add(answer.life)
            merged = self._totals.merged(answering)
        silent = len(self._seats) - len(answering)
        degraded = merged.family("gateway_degraded", "gauge", "1 while a dependency is away.")
        degraded.take(degraded.name, (("dependency", "worker"), ("mode", "silent")), min(silent, 1))
        return Response(merged.text(), media_type=CONTENT_TYPE_LATEST)

    async def _merged(self, request: Request) -> Response:
        documents = [orjson.loads(answer.content) for answer in await self._ask(request)]
        return JSONResponse(merge_documents(documents)) if documents else _nobody()

    async def _config(self, request: Request) -> Response:
        """The newest configuration in force, and which generation each worker has."""
        answers = [(answer, orjson.loads(answer.content)) for answer in await self._ask(request)]
        if not answers:
            return _nobody()
        newest = max((document for _, document in answers), key=lambda document: int(document["generation"]))
        workers = [
            {"worker": answer.seat.number, "generation": document["generation"]}
            for answer, document in answers
        ]
        return JSONResponse({**newest, "workers": workers})

    async def _workers(self, request: Request) -> Response:
        said = {answer.seat: orjson.loads(answer.content)["data"][0] for answer in await self._ask(request)}
        rows = [
            {
                **said.get(seat, {}),
                "worker": seat.number,
                "process": seat.pid,
                "state": "silent" if seat.state == "serving" and seat not in said else seat.state,
                "restarts": max(0, seat.lives - 1),
            }
            for seat in self._seats
        ]
        return JSONResponse({"data": rows, "next": None})

    async def _ask(self, request: Request) -> list[Answer]:
        authorization = request.headers.get("authorization", "")
        return await self._gatherer.ask(request.url.path, request.url.query, authorization)


def _problem(status: int, title: str, detail: str) -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


def _nobody() -> Response:
    return _problem(503, "Service Unavailable", "No worker answers.")


async def _refused(request: Request, error: Exception) -> Response:
    status = int(getattr(error, "status_code", 500))
    title = {404: "Not Found", 405: "Method Not Allowed"}.get(status, "Error")
    return _problem(status, title, f"{request.method} {request.url.path[:128]}")
