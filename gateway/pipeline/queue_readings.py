"""The line as operators see it: what waits by class, tenant and accounts, and where each request stands.

Positions and waits are forecasts of this worker's line. A listing is made in steps, so that a long line holds
nobody up; what left the line meanwhile is missing from it.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from math import isfinite

from gateway.admission.classes import RANKS
from gateway.admission.item import Item
from gateway.admission.lanes import Bucket
from gateway.admission.signatures import Signature
from gateway.clock import Clock
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.ticket import ticket_of
from gateway.settings.snapshot import PRIORITIES

#: Tenants, and sets of accounts, that a listing names: those with most waiting.
NAMED_MAX = 100
#: Forecasts before others of the loop's work get a turn.
_AT_ONCE = 16
#: Of a name of the caller's own.
_MODEL_MAX = 256


class QueueReadings:
    """Read when somebody asks; nothing is counted here."""

    def __init__(self, worker: int, dispatcher: Dispatcher, clock: Clock) -> None:
        self._worker = worker
        self._dispatcher = dispatcher
        self._line = dispatcher.line
        self._clock = clock

    async def page(self, limit: int, after: str) -> dict[str, object]:
        """All that waits, in sums; and one by one, by id, those whose ids come after `after`."""
        line = self._line
        listed = line.after(after, limit + 1)
        page = listed[:limit]
        return {
            "depth": len(line),
            "bytes": line.bytes,
            "classes": self._classes(),
            "tenants": self._tenants(),
            "lines": await self._lines(),
            "data": await self._rows(page),
            "next": page[-1].id if len(listed) > limit else None,
        }

    def one(self, request_id: str) -> dict[str, object] | None:
        """A request that waits; None if it does not."""
        item = self._line.find(request_id)
        return None if item is None else self._row(item)

    def cancel(self, request_id: str) -> bool:
        """As `Dispatcher.cancel`."""
        return self._dispatcher.cancel(request_id)

    def _classes(self) -> list[dict[str, object]]:
        shut_from = self._line.overload.shut_from
        backlogs = self._line.backlogs.classes
        return [
            {
                "priority": PRIORITIES[rank],
                "depth": backlogs[rank].count,
                "bytes": backlogs[rank].bytes,
                "shut": rank >= shut_from,
            }
            for rank in RANKS
        ]

    def _tenants(self) -> list[dict[str, object]]:
        totals: dict[str, list[int]] = {}
        for backlog in self._line.backlogs.classes:
            for tenant, count in backlog.by_tenant().items():
                total = totals.setdefault(tenant, [0, 0])
                total[0] += count
                total[1] += backlog.bytes_of(tenant)
        most = sorted(totals.items(), key=lambda entry: (-entry[1][0], entry[0]))[:NAMED_MAX]
        return [{"tenant": tenant, "depth": depth, "bytes": size} for tenant, (depth, size) in most]

    async def _lines(self) -> list[dict[str, object]]:
        """By the accounts that may serve them, and the model."""
        deepest = sorted(self._line.signatures(), key=lambda one: (-one.count, one.accounts))[:NAMED_MAX]
        lines = []
        for one in deepest:
            lines.append(
                {
                    "accounts": list(one.accounts),
                    "model": one.group,
                    "depth": one.count,
                    "classes": self._waits(one),
                }
            )
            await asyncio.sleep(0)
        return lines

    def _waits(self, signature: Signature) -> list[dict[str, object]]:
        now = self._clock.monotonic()
        return [
            {
                "priority": PRIORITIES[bucket.rank],
                "depth": bucket.work.count,
                "expected_wait_ms": _ms(self._dispatcher.expected(_newest(bucket), now).wait_s),
            }
            for bucket in signature.buckets
            if bucket.lanes
        ]

    async def _rows(self, items: Sequence[Item]) -> list[dict[str, object]]:
        rows = []
        for at, item in enumerate(items, 1):
            if self._line.find(item.id) is item:
                rows.append(self._row(item))
            if at % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return rows

    def _row(self, item: Item) -> dict[str, object]:
        ticket, now = ticket_of(item), self._clock.monotonic()
        exchange, place = ticket.exchange, self._dispatcher.expected(item, now)
        assert exchange.tenant_key is not None
        deadline = None
        if item.deadline is not None:
            at = self._clock.utc() + timedelta(seconds=item.deadline - now)
            deadline = at.isoformat(timespec="milliseconds")
        return {
            "request_id": item.id,
            "worker": self._worker,
            "tenant": item.tenant,
            "key": exchange.tenant_key.id,
            "priority": PRIORITIES[item.rank],
            "model": exchange.model[:_MODEL_MAX] if exchange.model is not None else None,
            "accounts": list(item.signature),
            "position": place.position,
            "expected_wait_ms": _ms(place.wait_s),
            "waited_ms": _ms(exchange.waited + now - ticket.waiting_since),
            "expires_in_ms": _ms(max(0.0, item.expires_at - now)),
            "deadline": deadline,
        }


def _newest(bucket: Bucket) -> Item:
    return max((lane.newest() for lane in bucket.lanes.values()), key=lambda item: item.order)


def _ms(seconds: float) -> int | None:
    """None for what nobody can tell."""
    return round(seconds * 1000) if isfinite(seconds) else None
