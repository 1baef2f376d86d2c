"""Runs one world: its callers, its replicas on a ledger, its providers; then judges what happened."""

import asyncio
import gc
from random import Random
from typing import Any

from gateway.admission.grantor import Grantor
from gateway.admission.leases import Leases
from gateway.admission.memory_ledger import LedgerTime
from gateway.settings.snapshot import Limits, ProviderKey
from tests.simulation.caller_end import CallerEnd
from tests.simulation.invariants import SOON_S, Invariants
from tests.simulation.judge import AXES, Judge
from tests.simulation.observed import Witness
from tests.simulation.plan import Plan, Request
from tests.simulation.provider import Attempt, Keyed, Providers
from tests.simulation.replica import Replica, WorldClock
from tests.simulation.shared import Link, SharedLedger
from tests.simulation.told import Told, etas, retries
from tests.simulation.virtual_time import VirtualLoop

#: Between two looks at what must hold at any moment; they come in pairs.
_LOOK_S = 3.0
#: Longer than a window, its allowance for the way, and a slot.
_WINDOW_OVER_S = 62.0
#: Longer than what was asked for in the last moment can be held unused.
_LEASE_OVER_S = 10.0


class Report:
    """What a world came to."""

    def __init__(self, plan: Plan, broken: list[str], outcomes: dict[str, int], attempts: int) -> None:
        self.plan, self.broken, self.outcomes, self.attempts = plan, broken, outcomes, attempts
        self.sent: list[Attempt] = []
        self.codes: dict[str, str] = {}  # by request
        self.calls: list[float] = []  # when the shared ledger was asked
        self.etas: list[Told] = []  # on arrival, and at looks while it waited
        self.retries: list[Told] = []


class World:
    """One plan, run once."""

    def __init__(self, plan: Plan, loop: VirtualLoop) -> None:
        self.plan, self._loop = plan, loop
        self.witness = Witness()
        self.providers = Providers(
            {f"secret-{key.id}": _keyed(key, plan) for key in plan.snapshot.provider_keys},
            plan.host_faults, _worst_ways(plan), plan.seed, self.witness.beyond,
        )  # fmt: skip
        loop.network = self.providers
        loop.set_exception_handler(self._unhandled)
        self.invariants = Invariants(plan, self.providers, self.witness)
        self.ends: dict[str, CallerEnd] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._clock = WorldClock(loop)
        self.time = LedgerTime(self._clock)
        self.shared = SharedLedger(self.time, plan.ledger_away)
        self._born = 0
        self._dead: set[asyncio.Task[None]] = set()
        self.replicas = [self._replica() for _ in range(plan.replicas)]
        self._all_replicas = list(self.replicas)

    async def run(self) -> Report:
        """Everything that was planned, and the checks."""
        plan, loop = self.plan, self._loop
        for request in plan.requests:
            loop.call_at(request.at, self._arrive, request)
        for at, number in plan.crashes:
            loop.call_at(at, self._crash, number)
        for key_id, times in plan.outsiders.items():
            key = self.providers.keys[f"secret-{key_id}"]
            for at in times:
                loop.call_at(at, self.providers.outsider, key)
        while loop.time() < plan.until and not self.witness.broken:
            await asyncio.sleep(_LOOK_S)
            self.invariants.look(loop.time())
            await asyncio.sleep(SOON_S)
            self.invariants.look(loop.time())
        if self.witness.broken:
            return await self._given_up()
        for name, task in self.tasks.items():
            if not task.done():
                self.ends[name].leave()
        await asyncio.sleep(1.0)
        self._check_end(loop.time())
        await asyncio.sleep(_LEASE_OVER_S if self.plan.replicas > 1 else 0.0)
        await self._close()
        await asyncio.sleep(_WINDOW_OVER_S)
        accounts = {name for replica in self.replicas for name in replica.accounts.by_id}
        accounts &= self.shared.ledger._books.keys()  # of all it knows nothing any more when it was lost
        self.invariants.windows_empty(self.shared.ledger, accounts, self.time.now())
        return self._report()

    async def _given_up(self) -> Report:
        """What was broken in the middle makes the end meaningless."""
        broken = list(self.witness.broken)
        tasks = [task for task in self.tasks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()
        self.witness.broken[:] = broken
        return self._report()

    async def _close(self) -> None:
        for replica in self._all_replicas:
            await replica.aclose()
        gc.collect()
        await asyncio.sleep(0)

    def _report(self) -> Report:
        codes: dict[str, int] = {}
        for seen in {id(one): one for one in self.witness.seen.values()}.values():
            code = seen.exchange.code or seen.exchange.outcome
            codes[code] = codes.get(code, 0) + 1
        report = Report(self.plan, self.witness.broken, codes, len(self.providers.attempts))
        report.sent, report.calls = self.providers.attempts, self.shared.calls
        report.codes = {one.request.id: one.exchange.code or "" for one in self.witness.seen.values()}
        report.etas = etas([*self.witness.expected, *self.invariants.forecasts], self.witness.seen)
        report.retries = retries(self.witness.seen, self.ends)
        return report

    def _check_end(self, now: float) -> None:
        for task in self.tasks.values():
            if not task.done():
                self.invariants.broken(11, "an exchange never ended")
        checks = self.invariants
        checks.ceilings()
        for dispatcher in self.witness.dispatchers:
            checks.conservation(dispatcher)  # type: ignore[arg-type]
        checks.outcomes(self.ends)
        checks.deadlines()
        checks.failures()
        checks.first_come()
        checks.retries(now - self.plan.requests[0].at if self.plan.requests else 0.0)

    def _arrive(self, request: Request) -> None:
        end = self.ends[request.id] = CallerEnd({})
        replica = self.replicas[request.replica]
        serving = replica.serve(request, self.plan.secrets[request.tenant], end)
        task = self.tasks[request.id] = end.task = self._loop.create_task(serving)
        task.add_done_callback(self._over)
        if request.leaves_after_s is not None:
            self._loop.call_later(request.leaves_after_s, end.leave)

    def _replica(self) -> Replica:
        """A new process: the only one on a ledger of its own, or one of several on a shared one."""
        plan, number = self.plan, self._born
        self._born += 1
        chance = Random(f"{plan.seed}/replica/{number}")
        grantor: Grantor = self.shared.ledger
        link = None
        if plan.replicas > 1:
            link = Link(self.shared, chance, plan.link_s, plan.link_loses)
            grantor = Leases(
                link, self.time, f"r{number}", on_ledger_loss=plan.snapshot.on_ledger_loss,
                workers=plan.replicas, jitter=chance.random,
            )  # fmt: skip
        return Replica(
            f"r{number}", plan.snapshot, self._clock, grantor, self.time, self.witness, chance, link=link
        )

    def _crash(self, number: int) -> None:
        """A replica dies with all it had under way, and another takes its place."""
        replica = self.replicas[number]
        replica.crash()
        for name, task in self.tasks.items():
            seen = self.witness.seen.get(name)
            if seen is not None and seen.dispatcher is replica.dispatcher and not task.done():
                self._dead.add(task)
                self.ends[name].gone = True
                task.cancel()
        self.replicas[number] = self._replica()
        self._all_replicas.append(self.replicas[number])

    def _over(self, task: asyncio.Task[None]) -> None:
        if task in self._dead:
            return
        if task.cancelled() or task.exception() is not None:
            self.invariants.broken(11, f"an exchange raised: {task!r}")

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.invariants.broken(11, f"unhandled: {context.get('message')}: {context.get('exception')!r}")


def _keyed(key: ProviderKey, plan: Plan) -> Keyed:
    judges = {pattern: Judge(_rates(limits), key.burst_s) for pattern, limits in key.model_limits}
    judges[""] = Judge(_rates(plan.ceilings.get(key.id, key.limits)), key.burst_s)
    return Keyed(
        key.id, key.provider.id, judges, plan.faults.get(key.id, ()), key.id in plan.tells,
        plan.latency_s.get(key.id, 0.3), key.limits.concurrency,
    )  # fmt: skip


def _worst_ways(plan: Plan) -> dict[str, float]:
    """What the gateway allows for: half a second in a minute's window, a hundredth of a slice."""
    slices: dict[str, float] = {}
    for key in plan.snapshot.provider_keys:
        allowed = min(0.45, 0.009 * (key.burst_s or 60.0))
        slices[key.provider.id] = min(allowed, slices.get(key.provider.id, allowed))
    return slices


def _rates(limits: Limits) -> dict[str, int]:
    return {name: limit for name in AXES if (limit := getattr(limits, name)) is not None}


def run(plan: Plan) -> Report:
    """The plan's world on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)

        async def main() -> Report:
            return await World(plan, loop).run()

        return runner.run(main())
