"""What runs now, as the admin API shows it: of this process, or gathered from several.

Raises a Problem (503) when nobody answers who would know.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest

from gateway.api.paging import Page
from gateway.api.rest.answer import Problem, Row
from gateway.pipeline.explain import Explainer, NotKnownError
from gateway.pipeline.queue_readings import QueueReadings

State = Callable[[], dict[str, Any]]


class ByPerson(Protocol):
    """What may be done for the provider key of that id; each says what came of it."""

    async def verify(self, pool: str) -> Row: ...

    async def refresh(self, pool: str) -> Row: ...

    async def enable(self, pool: str) -> Row: ...


class Live(Protocol):
    async def metrics(self) -> bytes: ...

    async def pools(self) -> list[Row]:
        """Every provider key in service."""
        ...

    async def config(self) -> Row: ...

    async def workers(self) -> list[Row]: ...

    async def queue(self, page: Page) -> Row: ...

    async def waiting(self, request_id: str) -> Row | None: ...

    async def cancel(self, request_id: str) -> bool: ...

    async def explain(self, asked: Mapping[str, Any]) -> Row: ...

    async def verify(self, pool: str) -> Row: ...

    async def refresh(self, pool: str) -> Row: ...

    async def enable(self, pool: str) -> Row: ...

    async def reload(self) -> Row: ...


class OwnLive:
    """Of one process. What it is not given it cannot do, and says so."""

    def __init__(
        self,
        registry: CollectorRegistry,
        state: State,
        queue: QueueReadings,
        explainer: Explainer,
        *,
        by_person: ByPerson | None = None,
        reload: Callable[[], Awaitable[Row]] | None = None,
    ) -> None:
        self._registry = registry
        self._state = state
        self._queue = queue
        self._explainer = explainer
        self._by_person = by_person
        self._reload = reload

    async def metrics(self) -> bytes:
        return generate_latest(self._registry)

    async def pools(self) -> list[Row]:
        return list(self._state()["pools"])

    async def config(self) -> Row:
        return dict(self._state()["config"])

    async def workers(self) -> list[Row]:
        return [self._state()["worker"]]

    async def queue(self, page: Page) -> Row:
        return await self._queue.page(*page)

    async def waiting(self, request_id: str) -> Row | None:
        return self._queue.one(request_id)

    async def cancel(self, request_id: str) -> bool:
        return self._queue.cancel(request_id)

    async def explain(self, asked: Mapping[str, Any]) -> Row:
        try:
            return await self._explainer.explain(asked)
        except NotKnownError as error:
            raise Problem(404, str(error)) from None

    async def verify(self, pool: str) -> Row:
        return await self._able().verify(self._known(pool))

    async def refresh(self, pool: str) -> Row:
        return await self._able().refresh(self._known(pool))

    async def enable(self, pool: str) -> Row:
        return await self._able().enable(self._known(pool))

    async def reload(self) -> Row:
        if self._reload is None:
            raise Problem(501, "This process cannot read its configuration again.")
        return await self._reload()

    def _known(self, pool: str) -> str:
        if all(row["id"] != pool for row in self._state()["pools"]):
            raise Problem(404, "There is no such pool in service.")
        return pool

    def _able(self) -> ByPerson:
        if self._by_person is None:
            raise Problem(501, "This process cannot do that.")
        return self._by_person
