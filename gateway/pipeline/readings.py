"""Admission as an operator sees it: how full each provider key is, how its health stands, who waits."""

from collections.abc import Iterator
from math import inf
from typing import Protocol

from gateway.admission.grantor import Grantor
from gateway.admission.health_table import HealthTable
from gateway.admission.memory_ledger import LedgerTime
from gateway.clock import Clock
from gateway.metrics import Reading
from gateway.pipeline.account import Account, Accounts
from gateway.pipeline.admit import Dispatcher
from gateway.settings.snapshot import PRIORITIES, ProviderKey


class Readings:
    """Read when somebody asks; nothing is counted here."""

    def __init__(
        self,
        accounts: Accounts,
        dispatcher: Dispatcher,
        grantor: Grantor,
        health: HealthTable,
        time: LedgerTime,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._grantor = grantor
        self._health = health
        self._time = time
        self._clock = clock

    def gauges(self) -> Iterator[Reading]:
        """For a scrape."""
        backlogs = zip(PRIORITIES, self._dispatcher.line.backlogs.classes, strict=True)
        depths = [((priority,), float(backlog.count)) for priority, backlog in backlogs]
        yield Reading("queue_depth", "Requests waiting in line.", ("priority",), depths)
        now = self._time.now()
        used = [
            ((account.id, usage.dimension), usage.used / usage.limit)
            for account in self._accounts.by_id.values()
            if account.limited
            for usage in self._grantor.usage(account.id, now)
            if usage.limit > 0
        ]
        yield Reading("limit_used_ratio", "Part of a ceiling in use now.", ("pool", "dimension"), used)

    def pool(self, key: ProviderKey) -> dict[str, object]:
        """The live state of a provider key, for the admin API."""
        now = self._clock.monotonic()
        accounts = self._accounts.of_key(key.id)
        refused = [at for account in accounts if (at := account.last_rate_limited) is not None]
        return {
            "id": key.id,
            "provider": key.provider.id,
            "state": key.state,
            "in_flight": sum(account.in_flight for account in accounts),
            "attempts": sum(account.attempts for account in accounts),
            "failures": sum(account.failures for account in accounts),
            "last_refusal": next((one.last_refusal for one in accounts if one.last_refusal), None),
            "last_rate_limited_ago_s": round(now - max(refused), 3) if refused else None,
            "limits": [
                self._limits(account, now)
                for account in accounts
                if account.limited or account.blocked_until > now
            ],
            "health": self._health.state(key.id, now),
        }

    def _limits(self, account: Account, now: float) -> dict[str, object]:
        blocked_until = account.blocked_until if account.blocked_until < inf else 0.0  # it is out of service
        usages = self._grantor.usage(account.id, self._time.at(now)) if account.limited else ()
        return {
            "account": account.id,
            "blocked_s": round(max(0.0, blocked_until - now), 3),
            "dimensions": [
                {
                    "dimension": usage.dimension,
                    "used": usage.used,
                    "limit": usage.limit,
                    "configured": dimension.limit,
                    "free": max(0, usage.limit - usage.used),
                    "blocked_s": usage.blocked_ms / 1000,
                }
                for usage, dimension in zip(usages, account.terms.dimensions, strict=False)
            ],
        }


class Counting(Protocol):
    """What leases count."""

    lease_hits: int
    lease_misses: int


def lease_counts(leases: Counting) -> Iterator[Reading]:
    """How often a lease was in hand, and how often the ledger had to be asked."""
    for name, text, count in (
        ("lease_hits", "Requests that went on a lease in hand.", leases.lease_hits),
        ("lease_misses", "Requests for which the ledger had to be asked.", leases.lease_misses),
    ):
        yield Reading(name, text, (), [((), float(count))], counts=True)
