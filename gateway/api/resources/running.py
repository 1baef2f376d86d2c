"""What runs: `/metrics`, `/workers`, `/config`, `/queue` and `/explain`. All of it works without the database."""

from gateway.api.live import Live
from gateway.api.rest.answer import NO_CONTENT, Answer, Problem
from gateway.api.rest.ask import Ask
from gateway.api.rest.operation import PAGING, Operation
from gateway.api.rest.principal import CHANGES, READS, SCRAPES
from gateway.api.rest.schemas import ANYTHING, TEXT, fields, listed
from gateway.settings.apis import APIS
from gateway.settings.schema_admin import ExplainBody


class Running:
    def __init__(self, live: Live, metrics_type: str) -> None:
        self._live = live
        self._metrics_type = metrics_type

    def operations(self) -> list[Operation]:
        queue, one = "/admin/v1/queue", "/admin/v1/queue/{id}"
        return [
            Operation(
                method="GET", path="/metrics", name="metrics.read", summary="Metrics, as Prometheus reads them.",
                roles=SCRAPES, read=self._metrics, media_types=("text/plain",),
            ),
            Operation(
                method="GET", path="/admin/v1/workers", name="workers.list", summary="The processes that serve.",
                roles=READS, read=self._workers, answer=listed(ANYTHING), parameters=PAGING,
            ),
            Operation(
                method="GET", path="/admin/v1/config", name="config.read",
                summary="The configuration in force, and its generation at every worker.",
                roles=READS, read=self._config, answer=ANYTHING,
            ),
            Operation(
                method="POST", path="/admin/v1/config/reload", name="config.reload",
                summary="Read the configuration file again.", roles=CHANGES, act=self._reload, answer=ANYTHING,
            ),
            Operation(
                method="GET", path=queue, name="queue.list", summary="Who waits: in sums, and one by one.",
                roles=READS, read=self._queue, answer=listed(ANYTHING), parameters=PAGING,
            ),
            Operation(
                method="GET", path=one, name="queue.read", summary="Where a request stands.",
                roles=READS, read=self._waiting, answer=fields({"request_id": TEXT}),
            ),
            Operation(
                method="DELETE", path=one, name="queue.cancel",
                summary="Take a request out of the line; its caller is told so.",
                roles=CHANGES, act=self._cancel, possible=self._waits, status=204,
            ),
            Operation(
                method="POST", path="/admin/v1/explain", name="explain",
                summary="Where a request would go, and why not elsewhere. Nothing is sent.",
                roles=READS, read=self._explain, body=ExplainBody,
                answer=fields({"candidates": {"type": "array"}}),
            ),
        ]  # fmt: skip

    async def _metrics(self, _: Ask) -> Answer:
        return Answer(await self._live.metrics(), media_type=self._metrics_type)

    async def _workers(self, ask: Ask) -> Answer:
        ask.page()  # there are few: they all fit
        return Answer({"data": await self._live.workers(), "next": None})

    async def _config(self, _: Ask) -> Answer:
        return Answer(await self._live.config())

    async def _reload(self, _: Ask) -> Answer:
        return Answer(await self._live.reload())

    async def _queue(self, ask: Ask) -> Answer:
        return Answer(await self._live.queue(ask.page()))

    async def _waiting(self, ask: Ask) -> Answer:
        row = await self._live.waiting(ask.path["id"])
        if row is None:
            raise _not_waiting(ask)
        return Answer(row)

    async def _waits(self, ask: Ask) -> None:
        await self._waiting(ask)

    async def _cancel(self, ask: Ask) -> Answer:
        if not await self._live.cancel(ask.path["id"]):
            raise _not_waiting(ask)
        return NO_CONTENT

    async def _explain(self, ask: Ask) -> Answer:
        asked = ask.section(ExplainBody)
        if asked.api not in APIS:
            raise Problem(422, f"api: no such API; known: {', '.join(sorted(APIS))}")
        return Answer(await self._live.explain(asked.model_dump(mode="json")))


def _not_waiting(ask: Ask) -> Problem:
    return Problem(404, f"No request {ask.path['id'][:128]} waits.")
