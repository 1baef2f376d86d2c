"""Memory and Valkey side by side, step by step: their answers are equal (reference §3.8, invariant 13), and
no window ever holds more than the ceiling (1, 2, 12), through crashes, lost and repeated answers, losses of
all state and jumps of the clock.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import (
    Answer,
    Ask,
    Batch,
    Demand,
    Observation,
    Queued,
    Recall,
    Report,
    Return,
    Sent,
    Served,
    Settle,
    StockAsk,
)
from gateway.admission.window import LEASE_MS_MAX
from gateway.charge import Charge
from tests.admission.charging import worst
from tests.admission.ledgers import MemoryUnderTest, RedisUnderTest, terms
from tests.admission.servers import Server, binaries

RPM, TPM, RPD, AT_ONCE = 6, 120, 40, 12
#: No shrinking: an example is a minute of two servers' work, and what fails is short enough to be read.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
WORKERS = ("a", "b", "c")
RANKS, TOKENS, TENANTS = st.integers(0, 4), st.integers(1, 130), st.sampled_from(["", "x", "y", "z"])
WAITS = st.tuples(RANKS, st.integers(1, 3), st.integers(0, 9), TENANTS)


@dataclass
class Lease:
    at: int
    charge: Charge
    rank: int
    sent_at: int = 0


@dataclass
class Worker:
    """A worker as it should be: leases in hand, sends on the way, and the batch that is not answered yet."""

    name: str
    number: int = 0
    last: Answer | None = None
    before_call: int = 0
    whole: Answer | None = None  # the last of a ledger that knew all
    before_whole: int = 0
    hand: list[Lease] = field(default_factory=list)
    away: list[Lease] = field(default_factory=list)  # sent, not ended
    own: list[tuple[int, Charge]] = field(default_factory=list)  # what it sent, by its clock
    news: dict[str, Any] = field(
        default_factory=lambda: {"reports": [], "returns": [], "settles": [], "observations": []}
    )
    unanswered: Batch | None = None


class LedgerMachine(RuleBasedStateMachine):
    """`real` is time as it passes for provider and workers; `skew` what the ledgers' clock was set to besides."""

    server: Server
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.memory, self.redis = MemoryUnderTest(), RedisUnderTest(self.server.url)
        self.burst_s: float | None = None
        self.resliced_at = 0
        self.real, self.skew = self.memory.now, 0
        self.workers = {name: Worker(name) for name in WORKERS}
        self.sent: list[tuple[int, Charge]] = []

    def teardown(self) -> None:
        self.loop.run_until_complete(self.redis.aclose())

    def _both(self, batch: Batch) -> Answer:
        self.memory.now = self.redis.now = self.real + self.skew

        async def ask() -> tuple[Answer, Answer]:
            return await self.memory.exchange(batch), await self.redis.exchange(batch)

        one, other = self.loop.run_until_complete(ask())
        assert one == other
        return one

    def _batch(self, worker: Worker, asks: tuple[Ask, ...], demand: tuple[Demand, ...], **more: Any) -> Batch:
        if worker.unanswered is not None:  # the same number again, with new asks
            again = worker.unanswered
            return again._replace(
                asks=asks, demand=demand, seen=self._seen(worker), in_flight=self._busy(worker)
            )
        worker.number += 1
        sent = recall = None
        if worker.last is not None and worker.last.relearn:
            sent = tuple(Sent(self.real - at, charge) for at, charge in worker.own if at > self.real - 60_500)
            recall = self._recall(worker, sent)
        news = {name: tuple(rows) for name, rows in worker.news.items()}
        for rows in worker.news.values():
            rows.clear()
        return Batch(
            self.account, worker.name, worker.number, self._seen(worker), asks=asks, demand=demand, sent=sent,
            recall=recall, in_flight=self._busy(worker),
            **news, **more,
        )  # fmt: skip

    def _seen(self, worker: Worker) -> Any:
        return None if worker.last is None else worker.last.seen(self.real - worker.before_call)

    def _recall(self, worker: Worker, sent: tuple[Sent, ...]) -> Recall | None:
        was = worker.whole
        if was is None:
            return None
        rpm, tpm, rpd = (one.used for one in was.usage[:3])
        # Settlements that were said last may have been lost.
        own = Charge(len(sent), tokens=sum(max(0, one.charge.tokens - 5) for one in sent))
        elapsed_ms = self.real - worker.before_whole
        return Recall(
            was.epoch, was.version, was.now, elapsed_ms, was.live, Charge(rpm, tokens=tpm), own, rpd
        )

    def _busy(self, worker: Worker) -> int:
        return len(worker.hand) + len(worker.away)

    def _accept(self, worker: Worker, batch: Batch, answer: Answer) -> None:
        worker.unanswered = None
        if worker.last is not None and worker.last.epoch != answer.epoch:
            worker.hand.clear()  # leases of a state that is gone are void
        worker.last, worker.before_call = answer, self.real
        if not (answer.learning or answer.relearn):
            worker.whole, worker.before_whole = answer, self.real
        for ask, verdict in zip(batch.asks, answer.verdicts, strict=True):
            over = ask.charge.tokens > TPM
            assert verdict.too_large == over
            assert verdict.granted or over or verdict.wait_ms > 0
            if verdict.granted:
                worker.hand.append(Lease(verdict.at, ask.charge, ask.rank))
        if batch.stock is not None:
            worker.hand += [Lease(answer.stock_at, batch.stock.charge, 1) for _ in range(answer.stock)]

    def _ledger_now(self, worker: Worker) -> int:
        assert worker.last is not None
        return worker.last.now + self.real - worker.before_call

    @initialize(burst_s=st.sampled_from([None, 10.0]), paced=st.booleans())
    def begin(self, burst_s: float | None, paced: bool) -> None:
        """Each example has an account of its own."""
        self.account = terms(*self._dimensions(burst_s), paced=paced)

    def _dimensions(self, burst_s: float | None) -> tuple[Dimension, ...]:
        self.burst_s = burst_s
        dimensions = Dimension("rpm", RPM, burst_s), Dimension("tpm", TPM), Dimension("rpd", RPD)
        return (*dimensions, Dimension("concurrency", AT_ONCE))

    @rule(
        name=st.sampled_from(WORKERS),
        asked=st.lists(st.tuples(RANKS, TOKENS, st.integers(0, 9), TENANTS), max_size=4),
        served=st.lists(st.tuples(RANKS, TENANTS, st.integers(-9, 40), st.booleans()), max_size=4),
        waits=st.lists(WAITS, max_size=2, unique_by=lambda one: one[0]),
        lease_ms=st.sampled_from([0, 300, 2_000]),
        stock=st.sampled_from([None, 2, 40]),
        fate=st.sampled_from(["answered", "answered", "answered", "answer lost", "never arrived", "twice"]),
    )
    def exchange(
        self, name: str, asked: list[Any], served: list[Any], waits: list[Any], lease_ms: int,
        stock: int | None, fate: str,
    ) -> None:  # fmt: skip
        worker = self.workers[name]
        asks = tuple(Ask(Charge(1, tokens=tokens), rank, *place) for rank, tokens, *place in asked)
        demand = tuple(
            Demand(rank, n, Charge(n, tokens=9 * n), Charge(1, tokens=9), *place) for rank, n, *place in waits
        )
        more: dict[str, Any] = {"lease_ms": lease_ms, "served": tuple(Served(*one) for one in served)}
        more["queued"] = tuple(
            Queued(rank, tenant, 1.0, 0.5, 0.1, n, n / 9, n, 0.0, 0.0, 9.5 * n)
            for rank, n, _, tenant in waits
        )
        more["stock"] = stock and StockAsk(Charge(1, tokens=3), stock, 2_000)
        batch = self._batch(worker, asks, demand, **({} if worker.unanswered else more))
        worker.unanswered = batch
        if fate == "never arrived":
            return
        answer = self._both(batch)
        if fate == "twice":
            answer = self._both(batch)
        if fate != "answer lost":
            self._accept(worker, batch, answer)

    @rule(name=st.sampled_from(WORKERS), pick=st.integers(0, 9))
    def send(self, name: str, pick: int) -> None:
        """A lease in hand is used, if it may still be."""
        worker = self.workers[name]
        usable = [one for one in worker.hand if worker.last and self._ledger_now(worker) <= one.at]
        if not usable:
            return
        lease = usable[pick % len(usable)]
        worker.hand.remove(lease)
        lease.sent_at = min(self._ledger_now(worker), lease.at)
        worker.news["reports"].append(Report(lease.at, lease.sent_at, lease.charge))
        worker.away.append(lease)
        worker.own.append((self.real, lease.charge))
        self.sent.append((self.real, lease.charge))

    @rule(name=st.sampled_from(WORKERS), count=st.integers(1, RPM))
    def serve(self, name: str, count: int) -> None:
        """As it mostly goes: asked, answered, sent at once."""
        worker = self.workers[name]
        batch = self._batch(worker, tuple(Ask(Charge(1, tokens=3), 0) for _ in range(count)), ())
        worker.unanswered = batch
        self._accept(worker, batch, self._both(batch))
        for _ in range(count):
            self.send(name, 0)

    @rule(name=st.sampled_from(WORKERS))
    def give_back(self, name: str) -> None:
        worker = self.workers[name]
        if worker.hand:
            lease = worker.hand.pop()
            worker.news["returns"].append(Return(lease.at, lease.charge, lease.rank))

    @rule(name=st.sampled_from(WORKERS), less=st.integers(0, 5))
    def settle(self, name: str, less: int) -> None:
        """It ends, having cost what was granted or a little less by the provider's own count of it."""
        worker = self.workers[name]
        if worker.away:
            lease = worker.away.pop(0)
            delta = Charge(tokens=-min(less, lease.charge.tokens))
            worker.news["settles"].append(Settle(lease.sent_at, delta, lease.rank))

    @rule(
        name=st.sampled_from(WORKERS),
        of=st.sampled_from(["rpm", "rpm", "rpm", "rpd", "concurrency"]),
        limit=st.sampled_from([None, None, 4]),
        left=st.integers(0, RPM),
        unexpected=st.booleans(),
        blocked=st.sampled_from([0, 700]),
    )
    def observe(
        self, name: str, of: str, limit: int | None, left: int, unexpected: bool, blocked: int
    ) -> None:
        told = Observation(of, limit, left if of == "rpm" else None, blocked, unexpected)
        self.workers[name].news["observations"].append(told)

    @rule(burst_s=st.sampled_from([None, 10.0, 20.0]))
    def reslice(self, burst_s: float | None) -> None:
        """The configuration changes; leases that were granted before are sent all the same."""
        if burst_s == self.burst_s:
            return
        self.account = self.account._replace(dimensions=self._dimensions(burst_s))
        for worker in self.workers.values():
            if worker.unanswered is not None:
                worker.unanswered = worker.unanswered._replace(account=self.account)
            self._hello(worker)
        self.resliced_at = self.real + LEASE_MS_MAX

    @rule(passed=st.sampled_from([1, 40, 130, 600, 3_000, 11_000, 30_000, 61_000, 75_000]))
    def pass_time(self, passed: int) -> None:
        self.real += passed

    @rule()
    def pass_ten_minutes(self) -> None:
        """Longer than an observed limit is believed; by then every worker has called again."""
        for _ in range(2):
            self.real += 300_000
            for worker in self.workers.values():
                self._hello(worker)

    @rule(name=st.sampled_from(WORKERS))
    def crash(self, name: str) -> None:
        """What it sent stays sent; what it knew is gone."""
        self.workers[name] = Worker(f"{name}{self.real}{len(self.sent)}")

    @precondition(lambda self: any(one.last for one in self.workers.values()))
    @rule(by=st.sampled_from([-3_600_000, -1_500, -400, 5_000, 90_000]))
    def set_clock(self, by: int) -> None:
        self.skew += by
        for worker in sorted(self.workers.values(), key=lambda one: one.last is None):
            self._hello(worker)  # those who can notice come before anybody new does

    @precondition(lambda self: all(one.last for one in self.workers.values()))
    @rule(name=st.sampled_from(WORKERS))
    def forget(self, name: str) -> None:
        """All is lost, between two heartbeats; one of those who knew comes before anybody new does."""
        for worker in self.workers.values():
            self._hello(worker)
        self.real += 1
        self.loop.run_until_complete(self._forgotten())
        self._hello(self.workers[name])

    async def _forgotten(self) -> None:
        await self.memory.forget()
        await self.redis.forget()

    def _hello(self, worker: Worker) -> None:
        batch = self._batch(worker, (), ())
        worker.unanswered = batch
        self._accept(worker, batch, self._both(batch))

    @invariant()
    def ceilings_hold(self) -> None:
        assert worst(((at, 1) for at, _ in self.sent), 60_000) <= RPM
        assert worst(((at, charge.tokens) for at, charge in self.sent), 60_000) <= TPM
        if self.burst_s is not None:
            length = round(1000 * self.burst_s)
            sends = [at for at, _ in self.sent]
            for at in sends:
                if at > self.resliced_at:
                    assert sum(at - length < one <= at for one in sends) <= RPM * length // 60_000


@pytest.fixture
def event_loop_of_its_own() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("kind", binaries())
def test_memory_and_redis_agree(
    kind: str, servers: dict[str, Server], event_loop_of_its_own: asyncio.AbstractEventLoop
) -> None:
    class Machine(LedgerMachine):
        server = servers[kind]
        loop = event_loop_of_its_own

    examples = int(os.environ.get("MACHINE_EXAMPLES", "120"))
    Machine.TestCase.settings = settings(
        max_examples=examples, stateful_step_count=40, phases=PHASES, report_multiple_bugs=False
    )
    Machine.TestCase("runTest").debug()
