"""What runs in several workers, as one: every answer covers all of them.

The workers are asked with the gateway's own admin key: who asked the supervisor it has looked at itself. A worker
that does not answer is named in `/workers` and in `gateway_degraded`; nothing fails unless no worker answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from gateway.api.paging import Page
from gateway.api.rest.answer import Problem, Row, away
from gateway.api.rest.json_text import dumps, loads
from gateway.serving.gather import DEED_S, Answer, Gatherer
from gateway.serving.merge_config import merge_config
from gateway.serving.merge_pools import merge_pools
from gateway.serving.merge_queue import merge_queue
from gateway.serving.seat import Seat
from gateway.serving.totals import Totals
from keys.secret import Secret

#: What a worker may say of one request.
_OF_ONE = frozenset({200, 204, 404})
#: Whether a provider accepts a key, from the worst on.
_VERDICTS = (False, None, True)
#: What it may say to a deed; all but the first are problems that are passed on.
_OF_DEED = frozenset({200, 400, 404, 409, 422, 501, 503})


class GatheredLive:
    """As `gateway.api.live.Live`."""

    def __init__(
        self,
        admin_key: Secret,
        seats: Sequence[Seat],
        gatherer: Gatherer,
        totals: Totals,
        reread: Callable[[], Awaitable[str | None]],
    ) -> None:
        self._authorization = f"Bearer {admin_key.reveal()}"
        self._seats = seats
        self._gatherer = gatherer
        self._totals = totals
        self._reread = reread
        self._one_scrape = asyncio.Lock()

    async def metrics(self) -> bytes:
        async with self._one_scrape:  # an older answer must not replace a newer one
            answering: set[str] = set()
            for answer in await self._ask("/metrics"):
                self._totals.scraped(answer.life, answer.content.decode())
                answering.add(answer.life)
            merged = self._totals.merged(answering)
        silent = len(self._seats) - len(answering)
        degraded = merged.family("gateway_degraded", "gauge", "1 while a dependency is away.")
        degraded.take(degraded.name, (("dependency", "worker"), ("mode", "silent")), min(silent, 1))
        return merged.text()

    async def pools(self) -> list[Row]:
        """Every worker's, to the last page: they have the same ones."""
        pools: dict[int, list[Any]] = {}
        after: str | None = ""
        while after is not None:
            answers = [(one, loads(one.content)) for one in await self._ask("/admin/v1/pools", after)]
            for answer, page in answers:
                pools.setdefault(answer.seat.number, []).extend(row["live"] for row in page["data"])
            after = max((page["next"] for _, page in answers if page["next"] is not None), default=None)
        if not pools:
            raise _nobody()
        return merge_pools(pools)

    async def config(self) -> Row:
        """The newest configuration in force, and which generation each worker has."""
        answers = await self._ask("/admin/v1/config")
        said = {answer.seat.number: loads(answer.content) for answer in answers}
        if not said:
            raise _nobody()
        return merge_config(said)

    async def workers(self) -> list[Row]:
        answers = await self._ask("/admin/v1/workers")
        said = {answer.seat: loads(answer.content)["data"][0] for answer in answers}
        return [
            {
                **said.get(seat, {}),
                "worker": seat.number,
                "process": seat.pid,
                "state": "silent" if seat.state == "serving" and seat not in said else seat.state,
                "restarts": max(0, seat.lives - 1),
            }
            for seat in self._seats
        ]

    async def queue(self, page: Page) -> Row:
        answers = await self._ask("/admin/v1/queue", page.after, page.limit)
        pages = [loads(answer.content) for answer in answers]
        if not pages:
            raise _nobody()
        return merge_queue(pages, page.limit)

    async def waiting(self, request_id: str) -> Row | None:
        answer = await self._of_one(request_id, "GET")
        return None if answer is None else loads(answer.content)

    async def cancel(self, request_id: str) -> bool:
        return await self._of_one(request_id, "DELETE") is not None

    async def explain(self, asked: Mapping[str, Any]) -> Row:
        """By one worker, which it names: each has learned for itself."""
        return await self._by_first("/admin/v1/explain", dumps(asked))

    async def verify(self, pool: str) -> Row:
        """By every worker, with the secret that it has; the worst that the provider said is what counts."""
        said = await self._by_every(pool, "verify")
        worst = min(said, key=lambda row: _VERDICTS.index(row["accepted"]))
        return {**worst, **_reinstated(said)}

    async def refresh(self, pool: str) -> Row:
        """At every worker, as each keeps secrets of its own."""
        said = await self._by_every(pool, "refresh")
        return {"pool": pool, "changed": any(row["changed"] for row in said), **_reinstated(said)}

    async def enable(self, pool: str) -> Row:
        """At every worker, as each has learned for itself what is out."""
        return {"pool": pool, **_reinstated(await self._by_every(pool, "enable"))}

    async def reload(self) -> Row:
        """Here and by every worker; the first refusal speaks for all, as the file is one."""
        problem = await self._reread()
        if problem is not None:
            raise Problem(422, problem)
        answers = await self._gatherer.ask(
            "/admin/v1/config/reload", "", self._authorization, method="POST", statuses=_OF_DEED
        )
        said = [_told(answer) for answer in answers]
        if len(said) < sum(seat.state == "serving" for seat in self._seats) or not said:
            raise away("A worker does not answer; it may not have read the file again.")
        return said[-1]

    async def _ask(self, path: str, after: str = "", limit: int | None = None) -> list[Answer]:
        query = {"after": after} if after else {}
        if limit is not None:
            query["limit"] = str(limit)
        return await self._gatherer.ask(path, urlencode(query), self._authorization)

    async def _of_one(self, request_id: str, method: str) -> Answer | None:
        """Whoever has the request answers; that nobody has it is known only once all have said so."""
        path = f"/admin/v1/queue/{quote(request_id, safe='')}"
        answers = await self._gatherer.ask(path, "", self._authorization, method=method, statuses=_OF_ONE)
        for answer in answers:
            if answer.status != HTTPStatus.NOT_FOUND:
                return answer
        if len(answers) < sum(seat.state == "serving" for seat in self._seats) or not answers:
            raise away("A worker that may have it does not answer.")
        return None

    async def _by_every(self, pool: str, verb: str) -> list[Row]:
        answers = await self._gatherer.ask(
            f"/admin/v1/pools/{quote(pool, safe='')}/{verb}", "", self._authorization,
            method="POST", statuses=_OF_DEED, timeout_s=DEED_S,
        )  # fmt: skip
        said = [_told(answer) for answer in answers]
        if len(said) < len(self._seats):
            raise away("A worker does not answer: there the key is as it was.")
        return said

    async def _by_first(self, path: str, body: bytes) -> Row:
        for seat in self._seats:
            answer = await self._gatherer.ask_one(seat, path, self._authorization, body, _OF_DEED)
            if answer is not None:
                return _told(answer)
        raise _nobody()


def _told(answer: Answer) -> Row:
    said: Row = loads(answer.content)
    if answer.status != HTTPStatus.OK:
        raise Problem(answer.status, str(said.get("detail", "")))
    return {**said, "worker": answer.seat.number}


def _reinstated(said: list[Row]) -> Row:
    return {"reinstated": any(row["reinstated"] for row in said), "workers": said}


def _nobody() -> Problem:
    return away("No worker answers.")
