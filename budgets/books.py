"""The books in PostgreSQL: what every budget has spent, and who may spend how much more of it.

Every method is one transaction that may be repeated, since a commit whose answer was lost may have happened: what
is said are totals that only grow, and rows that are inserted once. tests/budgets/books.py is the same in memory.
While the database is away everything raises DatabaseAwayError or DatabaseBusyError, and nothing is lost: slices are
spent, records wait in the spool.
"""

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from budgets.flush_batch import FlushBatch
from budgets.holder import Holder
from budgets.slice import Grant, Standing, Want
from storage.connection import Connection
from storage.database import EVERY_TENANT, Pool

#: A worker that was not heard of for so long does not count among those who share what remains.
ALIVE_S = 30.0

_HERE = Path(__file__).parent
_OPEN_ACCOUNTS, _EXCHANGE, FLUSH, _CLOSE, _RECONCILE = (
    (_HERE / f"{name}.sql").read_text()
    for name in ("open_accounts", "exchange", "flush", "close", "reconcile")
)
#: What workers spent while their budget was soft was leased to none of them: now it counts as if it had been, or it
#: would make room for others.
_COVER = """
UPDATE budget_slices AS s SET granted_nusd = s.returned_nusd + s.spent_nusd
FROM budget_accounts a JOIN unnest($1::text[], $2::text[]) AS made (account, period) USING (account, period)
WHERE (s.account, s.period) = (a.account, a.period) AND a.enforce = 'hard'
    AND s.granted_nusd < s.returned_nusd + s.spent_nusd
"""
#: Of accounts just made: what was posted to them before, by budgets that were soft or had another life.
_RECOUNT = """
UPDATE budget_accounts AS a SET committed_nusd =
    coalesce((SELECT sum(posted_nusd) FROM budget_posted p WHERE (p.account, p.period) = (a.account, a.period)), 0)
    + coalesce((SELECT sum(granted_nusd - returned_nusd - spent_nusd) FROM budget_slices s
                WHERE (s.account, s.period) = (a.account, a.period)), 0)
FROM unnest($1::text[], $2::text[]) AS made (account, period)
WHERE (a.account, a.period) = (made.account, made.period)
"""
#: Heartbeat and registration in one: no row comes back when this epoch is closed, or not the last.
_SEEN = """
INSERT INTO workers AS w (name, epoch) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET seen_at = now(), epoch = excluded.epoch
    WHERE w.epoch <= excluded.epoch AND w.closed_epoch < excluded.epoch
RETURNING epoch
"""
_NO_MORE = """
INSERT INTO workers AS w (name, epoch, closed_epoch, seen_at) VALUES ($1, $2, $2, '-infinity')
ON CONFLICT (name) DO UPDATE SET closed_epoch = greatest(w.closed_epoch, excluded.closed_epoch),
    seen_at = CASE WHEN w.epoch <= excluded.epoch THEN '-infinity' ELSE w.seen_at END
"""
_FORGET = """
DELETE FROM budget_slices AS s USING budget_accounts AS a
WHERE (a.account, a.period) = (s.account, s.period)
    AND s.period <> 'total' AND split_part(s.period, ':', 2) < $1::date::text
    AND (a.enforce = 'soft' OR s.granted_nusd = s.returned_nusd + s.spent_nusd)
"""
_SET_ASIDE = """
UPDATE budget_slices AS s SET worker = $3, set_aside_at = now() FROM budget_accounts AS a
WHERE (a.account, a.period) = (s.account, s.period) AND a.enforce = 'hard'
    AND s.worker = $1 AND s.epoch = ANY($2::bigint[]) AND s.granted_nusd > s.returned_nusd + s.spent_nusd
"""
_LOCK_HELD = """
SELECT 1 FROM budget_accounts WHERE (account, period) IN (
    SELECT account, period FROM budget_slices WHERE worker = $1 AND epoch <= $2)
ORDER BY account, period FOR UPDATE
"""
_LOCK_CORRECTED = """
SELECT 1 FROM budget_accounts WHERE (account, period) IN (
    SELECT one ->> 0, one ->> 1
    FROM unnest($1::text[]) AS said, jsonb_array_elements(said::jsonb -> 0 -> 4) AS one)
ORDER BY account, period FOR UPDATE
"""


_STANDINGS = """
SELECT account, period, posted_nusd, reserved_nusd FROM budget_balances
JOIN unnest($1::text[], $2::text[]) AS asked (account, period) USING (account, period)
"""


class Difference(NamedTuple):
    """An account whose parts do not add up, in nano-dollars."""

    budget: str
    period: str
    logged: int  # by the usage log
    posted: int
    committed: int  # posted and held by workers, as the account has it
    due: int  # the same, added up


class Books:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def exchange(self, holder: Holder, wants: Sequence[Want]) -> list[Grant] | None:
        """What the books hold for `holder` now; None when they hold nothing for it any more.

        `wants` are sorted: every worker locks accounts in the same order. Also says that the worker lives.
        """
        async with self._pool.transaction(EVERY_TENANT) as connection:
            if await connection.fetchval(_SEEN, *holder) is None:
                return None
            return await _granted(connection, holder, wants) if wants else []

    async def flush(self, batch: FlushBatch, cursor: tuple[Holder, int] | None = None) -> int:
        """Posts what was not posted before; how many that were. `cursor`: whose spool is now flushed how far."""
        worker, epoch, sequence = (*cursor[0], cursor[1]) if cursor is not None else (None, None, None)
        async with self._pool.transaction(EVERY_TENANT) as connection:
            if batch.corrected:
                await connection.execute(_LOCK_CORRECTED, batch.corrected)
            inserted: int = await connection.fetchval(
                FLUSH, batch.settled, batch.corrected, worker, epoch, sequence
            )
            return inserted

    async def close(self, last: Holder, damaged: Collection[int] = ()) -> None:
        """`last` and all epochs of its worker before hold nothing any more. Only when all they spent is posted.

        Of `damaged` epochs not all is known: what they held of hard budgets is held by `set_aside_name` now.
        """
        async with self._pool.transaction(EVERY_TENANT) as connection:
            await end_leases(connection, last)
            if damaged:
                name = set_aside_name(last.worker)
                await connection.execute(_SET_ASIDE, last.worker, list(damaged), name)
            await close_slices(connection, last)

    async def forget(self, before: date) -> None:
        """Slices of periods that began before, all spent or returned: their workers forgot them long ago."""
        async with self._pool.transaction(EVERY_TENANT) as connection:
            await connection.execute(_FORGET, before)

    async def reconcile(self, since: date | None = None) -> list[Difference]:
        """Where sums and rows differ, of periods that began on `since` or later; there are to be none."""
        async with self._pool.transaction(
            EVERY_TENANT, isolation="repeatable_read", readonly=True
        ) as connection:
            return [Difference(*row.values()) for row in await connection.fetch(_RECONCILE, since, ALIVE_S)]


async def standings(
    pool: Pool, accounts: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, int]]:
    """By account and period what is posted, and what workers hold, of those of which there is anything."""
    async with pool.transaction(EVERY_TENANT, readonly=True) as connection:
        rows = await connection.fetch(_STANDINGS, [one[0] for one in accounts], [one[1] for one in accounts])
    return {(row["account"], row["period"]): (row["posted_nusd"], row["reserved_nusd"]) for row in rows}


def set_aside_name(worker: str) -> str:
    """Who holds what a worker held whose spool was damaged: nobody that is ever heard of."""
    return f"{worker}-damaged"


async def end_leases(connection: Connection, last: Holder) -> None:
    """Nothing more is leased to it; its accounts are locked, in order, until the transaction ends."""
    await connection.execute(_NO_MORE, *last)
    await connection.execute(_LOCK_HELD, *last)


async def close_slices(connection: Connection, last: Holder) -> None:
    """After `end_leases`: what is left of its slices is nobody's."""
    await connection.execute(_CLOSE, *last)


async def recount(connection: Connection, accounts: Sequence[str], periods: Sequence[str]) -> None:
    """What is committed of accounts that are new, or have another kind of cap now: of soft ones nobody keeps it."""
    await connection.execute(_COVER, accounts, periods)
    await connection.execute(_RECOUNT, accounts, periods)


async def _granted(connection: Connection, holder: Holder, wants: Sequence[Want]) -> list[Grant]:
    names, periods = [want.budget for want in wants], [want.period for want in wants]
    terms = [want.terms for want in wants]
    opened = await connection.fetch(
        _OPEN_ACCOUNTS,
        names,
        periods,
        [one.tenant for one in terms],
        [one.limit for one in terms],
        ["hard" if one.hard else "soft" for one in terms],
    )
    if opened:
        await recount(connection, [row["account"] for row in opened], [row["period"] for row in opened])
    rows = await connection.fetch(
        _EXCHANGE,
        *holder,
        names,
        periods,
        [want.granted for want in wants],
        [want.least for want in wants],
        [want.returned for want in wants],
        ALIVE_S,
    )
    asked = {(want.budget, want.period): want.asked for want in wants}
    grants = []
    for row in rows:
        account, period, granted, returned, spent, limit, committed, recalled, posted, workers = row.values()
        standing = Standing(limit, posted, committed - posted, workers, recalled)
        grants.append(Grant(account, period, granted, returned, spent, standing, asked[account, period]))
    return grants
