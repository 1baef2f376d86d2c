"""A dispatcher over the memory ledger, with keys and routes of a test's own, and tickets to hand it."""

import asyncio
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.admission.affinity import Affinity
from gateway.admission.choice import Choice, Wish
from gateway.admission.grantor import Grantor
from gateway.admission.health_table import HealthTable
from gateway.admission.hedge import Hedging
from gateway.admission.leases import Leases
from gateway.admission.ledger import Ledger
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.retry_budget import RetryBudget
from gateway.charge import Estimate
from gateway.clock import Clock
from gateway.errors import Condition, GatewayError
from gateway.exchange import Exchange, Sized
from gateway.metrics import Metrics
from gateway.pipeline.account import Account, Accounts
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.charging import Charging
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.lessons import Lessons
from gateway.pipeline.router import Router
from gateway.pipeline.ticket import Permit, Ticket
from gateway.settings.snapshot import (
    PRIORITIES,
    Limits,
    ModelRoute,
    Provider,
    ProviderKey,
    Queue,
    Target,
    TenantKey,
)
from tests.clock import LoopClock, turns
from tests.pipeline.parts import provider, provider_key, snapshot

TOP, CONVERSATION, SCHEDULED, CONSOLIDATION, EVALUATION = range(5)
MODEL = "m"
WINDOW_S = 60.7  # with what is allowed for the way, and a slot
LATE_S = 45.0  # into a window: what is left of it the top class waits for


class Gate:
    """What a test admits through; its keys serve the model `m`, each with the limits given.

    With a `shared` ledger it is one worker of several.
    """

    def __init__(
        self,
        *limits: Limits,
        queue: Queue | None = None,
        overflow: Limits | None = None,
        hint: str | None = None,
        strategy: Any = "round_robin",
        shared: Ledger | None = None,
        clock: Clock | None = None,
    ) -> None:
        only = provider()
        keys = [provider_key(f"k{number}", only, limits=each) for number, each in enumerate(limits)]
        local: Provider | None = None
        if overflow is not None:
            local = replace(provider("local"), flavour="vllm", local=True)
            keys.append(provider_key("l", local, limits=overflow))
        self.snapshot = replace(snapshot(keys), queue=queue or Queue())
        route = ModelRoute(
            MODEL, (Target(only, MODEL),), None if local is None else Target(local, "small"), hint
        )
        self.snapshot = replace(self.snapshot, routes={MODEL: route})
        self.clock = clock or LoopClock()
        self.time = LedgerTime(self.clock)
        self.leases = None if shared is None else Leases(shared, self.time, "w", jitter=Random(1).random)
        self.ledger: Grantor = self.leases or MemoryLedger(self.time)
        self.health = HealthTable(keys)
        self.accounts = Accounts(self.ledger, keys, 0, self.time.now())
        self.metrics = Metrics(CollectorRegistry(), lambda: 0)
        self.estimator = Estimator(self.metrics)
        retries = RetryBudget(self.snapshot.bounds.attempts_ratio)
        self.dispatcher = Dispatcher(
            self.accounts,
            self.ledger,
            Choice[Account](strategy, Affinity(), Random(1), retries),
            Charging(self.estimator),
            retries,
            self.snapshot,
            self.time,
            self.clock,
            self.metrics,
        )
        if self.leases is not None:
            self.leases.watch(self.dispatcher.waiters)
        hedging = Hedging(self.snapshot.hedge)
        self.lessons = Lessons(
            self.dispatcher, self.ledger, self.health, hedging, self.metrics, self.time, self.clock
        )
        self.router = Router(self.snapshot, self.accounts, self.health, self.time, self.clock)
        self._numbers = count(1)

    def key(self, number: int) -> ProviderKey:
        return self.snapshot.provider_keys[number]

    def account(self, name: str = "k0") -> Account:
        return self.accounts.by_id[name]

    def ticket(
        self, rank: int = CONVERSATION, tokens: int = 10, tenant: str = "a", deadline_s: float | None = None
    ) -> Ticket:
        """A request of `tokens` to be read, and none to be written."""
        now = self.clock.monotonic()
        exchange = Exchange(f"r{next(self._numbers)}", "chat", "openai", now)
        exchange.tenant_key = TenantKey("web", self.snapshot.tenants[tenant], b"")
        exchange.priority = PRIORITIES[rank]
        exchange.sizing = Sized(estimate=Estimate(tokens, tokens, 0, 0))
        if deadline_s is not None:
            exchange.deadline = now + deadline_s
        candidates = self.router.candidates(exchange.tenant_key.tenant, MODEL, "chat")
        exchange.route = candidates.route
        wish = Wish(rank, deadline=exchange.deadline)
        return Ticket(exchange, candidates, candidates.targets, rank, wish)

    def at_once(self, *args: Any, **named: Any) -> Permit | None:
        return self.dispatcher.at_once(self.ticket(*args, **named), self.clock.monotonic())

    def filled(self, number: int, *args: Any, **named: Any) -> list[Permit]:
        """So many permits at once."""
        permits = [self.at_once(*args, **named) for _ in range(number)]
        assert all(permits), "there is room for as many"
        return [permit for permit in permits if permit is not None]

    async def admit(self, ticket: Ticket) -> Permit:
        """As `Upstream.call` does."""
        now = self.clock.monotonic()
        permit = self.dispatcher.at_once(ticket, now)
        return permit if permit is not None else await self.stand(ticket)

    async def stand(self, ticket: Ticket) -> Permit:
        """The same of one who has to wait."""
        permit: Permit | None = None
        try:
            permit = await self.dispatcher.wait(ticket, self.clock.monotonic())
        finally:
            self.dispatcher.leave(ticket, permit=permit)
        return permit

    async def waiting(self, *args: Any, ticket: Ticket | None = None, **named: Any) -> asyncio.Task[Permit]:
        """A request that stands in line by now."""
        before = len(self.dispatcher.line)
        task = asyncio.get_running_loop().create_task(
            self.admit(ticket if ticket is not None else self.ticket(*args, **named))
        )
        await turns()
        assert len(self.dispatcher.line) == before + 1, "it has to wait"
        return task

    def used(self, account: str = "k0") -> dict[str, int]:
        return {one.dimension: one.used for one in self.ledger.usage(account, self.time.now())}


def left_with(task: asyncio.Task[Permit], condition: Condition) -> GatewayError:
    """The error by which a request left the line."""
    assert task.done()
    error = task.exception()
    assert isinstance(error, GatewayError)
    assert error.condition is condition
    return error
