"""`/lost-workers`: who holds slices of hard budgets and is not heard of, and the end of those whose spool is lost.

A worker whose spool is on this machine is posted and closed without anybody's doing, so it is not closed here.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from pathlib import Path

from budgets.lost_workers import AliveError, Held, close_lost, lost_slices
from budgets.spool.claim import identities
from gateway.api.resources.configured import Configured
from gateway.api.rest.answer import Answer, Problem, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.operation import PAGING, Done, Operation
from gateway.api.rest.principal import CHANGES, READS
from gateway.api.rest.reading import database_for
from gateway.api.rest.schemas import FLAG, MOMENT_OR_NULL, TEXT, WHOLE, fields, listed
from storage.connection import Connection
from storage.database import EVERY_TENANT
from storage.reads import Read, ReadRouter

_SLICE = fields({"budget": TEXT, "period": TEXT, "epoch": WHOLE, "held_nusd": WHOLE})
_WORKER = fields(
    {
        "id": TEXT,
        "last_seen": MOMENT_OR_NULL,
        "recovers_here": FLAG,
        "slices": {"type": "array", "items": _SLICE},
    }
)


def operations(
    reads: ReadRouter | None,
    configured: Callable[[], Configured],
    data_dir: Path | None,
    now: Callable[[], datetime],
) -> list[Operation]:
    return _LostWorkers(reads, configured, data_dir, now).operations()


class _LostWorkers:
    def __init__(
        self,
        reads: ReadRouter | None,
        configured: Callable[[], Configured],
        data_dir: Path | None,
        now: Callable[[], datetime],
    ) -> None:
        self._reads = reads
        self._configured = configured
        self._spools = None if data_dir is None else data_dir / "spool"
        self._now = now

    def operations(self) -> list[Operation]:
        path = "/admin/v1/lost-workers"
        return [
            Operation(
                method="GET", path=path, name="lost-workers.list",
                summary="Workers that are not heard of and hold parts of hard budgets.",
                roles=READS, read=self._page, answer=listed(_WORKER), parameters=PAGING,
            ),
            Operation(
                method="POST", path=f"{path}/{{id}}/close", name="lost-workers.close",
                summary="The spool is lost: all that this worker held counts as spent.",
                roles=CHANGES, change=self._close, answer=_WORKER,
            ),
        ]  # fmt: skip

    async def _page(self, ask: Ask) -> Answer:
        limit, after = ask.page()
        database = database_for(self._reads, Read.ADMIN_LIST)
        here = await self._here()
        async with database.admin.transaction(EVERY_TENANT, readonly=True) as connection:
            held = await lost_slices(connection, limit + 1, after)
        workers = [_shown(name, list(slices), here) for name, slices in groupby(held, lambda one: one.worker)]
        more = len(workers) > limit
        return Answer({"data": workers[:limit], "next": workers[limit - 1]["id"] if more else None})

    async def _close(self, ask: Ask, connection: Connection) -> Done:
        worker, here = ask.path["id"], await self._here()
        if worker in here:
            raise Problem(
                409, "Its spool is on this machine: it is posted, and its slices closed, by itself."
            )
        try:
            held = await close_lost(connection, worker, self._now().timestamp(), self._key_of())
        except AliveError:
            raise Problem(409, "That worker was heard of within the last 30 s: it lives.") from None
        if not held:
            raise Problem(404, "No such worker holds anything.")
        shown = _shown(worker, held, here)
        return Done(Answer(shown), f"lost-worker/{worker}", before=shown, after={"source": "unreconciled"})

    def _key_of(self) -> dict[str, str]:
        """Of the budgets of single keys in force."""
        snapshot = self._configured().snapshot
        keys = (*snapshot.tenant_keys.values(), *snapshot.awaited_keys)
        return {budget.id: key.id for key in keys for budget in key.budgets}

    async def _here(self) -> frozenset[str]:
        """Whose spools are on this machine."""
        return frozenset() if self._spools is None else await asyncio.to_thread(identities, self._spools)


def _shown(worker: str, held: list[Held], here: frozenset[str]) -> Row:
    seen = held[0].seen_at
    return {
        "id": worker,
        "last_seen": None if seen is None else seen.isoformat(),
        "recovers_here": worker in here,
        "slices": [
            {"budget": one.account, "period": one.period, "epoch": one.epoch, "held_nusd": one.held}
            for one in held
        ],
    }
