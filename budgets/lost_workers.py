"""Workers that are not heard of and hold slices of hard budgets, and the end of those whose spool is lost.

What they spent, or did not, nobody knows any more: all that they held is posted as spent, `source` `unreconciled`.
Nothing is freed silently, so no cap is passed. If the spool turns up after all, what is in it is posted beside
that: too much is counted then, never too little.
Everything happens in the caller's transaction; without a database there is nothing to be told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from budgets.books import ALIVE_S, FLUSH, close_slices, end_leases
from budgets.flush_batch import flush_batch
from budgets.holder import Holder
from budgets.nested_losses import Loss, Part, losses
from budgets.spool.record import Intent, Settle
from storage.connection import Connection

UNRECONCILED = "unreconciled"

#: Of the worker $1, or where that is null of $4 workers after $3 that were not heard of for $2 seconds.
_HELD = """
WITH held AS (
    SELECT s.worker, s.epoch, s.account, s.period, a.tenant,
           known.seen_at,
           s.granted_nusd - s.returned_nusd - s.spent_nusd AS held,
           (extract(epoch FROM greatest(
               known.seen_at,
               nullif(split_part(s.period, ':', 2), '')::timestamp AT TIME ZONE 'UTC')) * 1000)::bigint AS at_ms
    FROM budget_slices s
    JOIN budget_accounts a USING (account, period)
    LEFT JOIN workers w ON w.name = s.worker
    CROSS JOIN LATERAL (
        SELECT coalesce(s.set_aside_at, CASE WHEN isfinite(w.seen_at) THEN w.seen_at END) AS seen_at) AS known
    WHERE a.enforce = 'hard' AND s.granted_nusd > s.returned_nusd + s.spent_nusd
        AND CASE WHEN $1::text IS NULL
            THEN s.worker > $3 AND coalesce(w.seen_at, '-infinity') < now() - make_interval(secs => $2)
            ELSE s.worker = $1 END)
SELECT * FROM held
WHERE worker IN (SELECT DISTINCT worker FROM held ORDER BY worker LIMIT $4)
ORDER BY worker, account, period, epoch
"""
_SEEN = """
SELECT epoch, seen_at > now() - make_interval(secs => $2) AS alive FROM workers WHERE name = $1 FOR UPDATE
"""


class Held(NamedTuple):
    """A slice, in nano-dollars. `at_ms` is when it was last known to be held, no earlier than its period.

    `seen_at` is when its worker was last heard of; of a damaged spool's, when the damage was found.
    """

    worker: str
    epoch: int
    account: str
    period: str
    tenant: str
    seen_at: datetime | None  # None: nobody knows any more
    held: int
    at_ms: int | None


class AliveError(Exception):
    """It was heard of just now."""


async def lost_slices(connection: Connection, workers: int, after: str = "") -> list[Held]:
    """By worker: of so many, those that are named after `after`."""
    return [Held(*row.values()) for row in await connection.fetch(_HELD, None, ALIVE_S, after, workers)]


async def _held(connection: Connection, worker: str) -> list[Held]:
    return [Held(*row.values()) for row in await connection.fetch(_HELD, worker, ALIVE_S, "", 1)]


async def close_lost(
    connection: Connection, worker: str, now: float, key_of: Mapping[str, str]
) -> list[Held]:
    """What it held is spent, and it gets nothing more; empty where it holds nothing. Raises AliveError.

    `key_of` says of budgets of single tenant keys whose they are.
    """
    known = await connection.fetchrow(_SEEN, worker, ALIVE_S)
    if known is not None and known["alive"]:
        raise AliveError
    held = await _held(connection, worker)
    if not held:
        return []
    last = Holder(worker, max([one.epoch for one in held] + ([] if known is None else [known["epoch"]])))
    await end_leases(connection, last)
    held = await _held(connection, worker)
    spent = [_spent(loss, number, last, now) for number, loss in enumerate(_losses(held, key_of), 1)]
    batch = flush_batch(spent)
    inserted = await connection.fetchval(FLUSH, batch.settled, batch.corrected, None, None, None)
    if inserted != len(spent):
        raise RuntimeError(f"slices of {worker} were closed before, and are there again")
    await close_slices(connection, last)
    return held


def _losses(held: Sequence[Held], key_of: Mapping[str, str]) -> list[Loss]:
    return losses(
        Part(one.account, one.period, one.epoch, one.tenant, key_of.get(one.account, ""), one.held, one.at_ms)
        for one in held
    )


def _spent(loss: Loss, number: int, last: Holder, now: float) -> Settle:
    at_ms = int(now * 1000) if loss.at_ms is None else loss.at_ms
    intent = Intent(
        f"lost-{last.worker}-{last.epoch}", number, at_ms, loss.cost, loss.accounts,
        str(Holder(last.worker, loss.epoch)), UNRECONCILED, loss.tenant, loss.key,
    )  # fmt: skip
    return Settle(
        intent, loss.cost, UNRECONCILED, outcome="lost", settled_ms=int(now * 1000), price_known=False
    )
