"""The admin listener of a gateway with several workers: every answer covers all of them.

The admin key is checked here and again by each worker. A worker that does not answer is named in `/workers`
and in `gateway_degraded`; a page fails only when no worker answers.
"""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.api.admin import AdminGate, not_waiting, problem, refused
from gateway.api.health import health_routes
from gateway.api.paging import page_of
from gateway.serving.gather import Answer, Gatherer
from gateway.serving.merge_pools import merge_pools
from gateway.serving.merge_queue import merge_queue
from gateway.serving.seat import Seat
from gateway.serving.totals import Totals
from keys.secret import Secret

#: What a worker may say of one request.
_OF_RELOAD = frozenset({200, 422})
_OF_ONE = frozenset({200, 204, 404})


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
            Route("/admin/v1/config/reload", self._reload, methods=["POST"]),
            Route("/admin/v1/pools", self._pools),
            Route("/admin/v1/queue", self._queue),
            Route("/admin/v1/queue/{request_id}", self._waiting, methods=["GET", "DELETE"]),
            *health_routes(lambda: draining() or all(seat.state != "serving" for seat in seats)),
        ]
        handlers: dict[Any, Any] = {404: refused, 405: refused}
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

    async def _pools(self, request: Request) -> Response:
        answers = await self._ask(request)
        pools = {answer.seat.number: orjson.loads(answer.content)["data"] for answer in answers}
        return JSONResponse({"data": merge_pools(pools), "next": None}) if pools else _nobody()

    async def _queue(self, request: Request) -> Response:
        try:
            page = page_of(request.query_params)
        except ValueError as error:
            return problem(400, str(error))
        pages = [orjson.loads(answer.content) for answer in await self._ask(request)]
        return JSONResponse(merge_queue(pages, page.limit)) if pages else _nobody()

    async def _waiting(self, request: Request) -> Response:
        """Whoever has the request answers; that nobody has it is known only once all have said so."""
        request_id = request.path_params["request_id"]
        answers = await self._gatherer.ask(
            f"/admin/v1/queue/{quote(request_id, safe='')}",
            "",
            request.headers.get("authorization", ""),
            method=request.method,
            statuses=_OF_ONE,
        )
        for answer in answers:
            if answer.status != HTTPStatus.NOT_FOUND:
                kind = "application/json" if answer.content else None
                return Response(answer.content, answer.status, media_type=kind)
        if len(answers) < sum(seat.state == "serving" for seat in self._seats) or not answers:
            return problem(503, "A worker that may have it does not answer.")
        return not_waiting(request_id)

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

    async def _reload(self, request: Request) -> Response:
        """Every worker reads the file again; the first refusal speaks for all, as the file is one."""
        answers = await self._gatherer.ask(
            request.url.path, "", request.headers.get("authorization", ""), method="POST", statuses=_OF_RELOAD
        )
        for answer in answers:
            if answer.status != HTTPStatus.OK:
                return Response(answer.content, answer.status, media_type="application/problem+json")
        if len(answers) < sum(seat.state == "serving" for seat in self._seats) or not answers:
            return problem(503, "A worker does not answer; it may not have read the file again.")
        return JSONResponse(orjson.loads(answers[-1].content))

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


def _nobody() -> Response:
    return problem(503, "No worker answers.")
