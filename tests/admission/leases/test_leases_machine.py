"""Several workers on one ledger: whatever is lost, repeated or crashes, no window holds more than the ceiling, and
nothing that was charged is forgotten (reference §3.8, invariants 1, 2, 11, 13).
"""

import os
from collections.abc import Coroutine
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import Batch, Observation
from gateway.admission.memory_ledger import MemoryLedger
from gateway.charge import Charge
from gateway.record import replace
from tests.admission.charging import worst
from tests.admission.leases.fleet import Fleet, Line
from tests.admission.ledgers import terms
from tests.clock import StillLoop

RPM, TPM, SIZE = 200, 20_000, 3
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
PICK, RANKS, TOKENS = st.integers(0, 9), st.integers(0, 4), st.integers(1, 900)
troubled = precondition(lambda self: not self.calm)


class LeasesMachine(RuleBasedStateMachine):
    """`exact`: every answer has come and nobody crashed, so that the ledger holds what was sent, nothing besides.

    `known`: nobody was cut off, so that it holds at least that. Of a safe share it is not told.
    """

    mode = "safe_share"

    def __init__(self) -> None:
        super().__init__()
        self.loop = StillLoop()
        self.exact = self.known = True
        self.calm = False
        self.run(self._begin())

    def run(self, does: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(does)

    async def _begin(self) -> None:
        account = terms(
            Dimension("rpm", RPM), Dimension("tpm", TPM), Dimension("concurrency", 150), set_aside_permille=50
        )
        self.fleet = Fleet(account, SIZE, on_ledger_loss=self.mode)
        for line in self.fleet.lines:
            line.took_s = None

    def line(self, pick: int) -> Line:
        return self.fleet.lines[pick % len(self.fleet.lines)]

    @initialize(calm=st.booleans())
    def weather(self, calm: bool) -> None:
        """Half of the examples without any trouble: there all must be exact."""
        self.calm = calm

    @rule(
        pick=PICK,
        rank=RANKS,
        tokens=TOKENS,
        count=st.integers(1, 12),
        connecting=st.sampled_from([0, 0, 0.03, 3]),
    )
    def arrive(self, pick: int, rank: int, tokens: int, count: int, connecting: float) -> None:
        async def come() -> None:
            line = self.line(pick)
            line.connecting_s = connecting
            for _ in range(count):
                line.arrive(Charge(1, 0, 0, tokens), rank)

        self.run(come())

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.03, 0.3, 1.0, 2.5, 8.0, 31.0, 64.0, 75.0]))
    def pass_time(self, seconds: float) -> None:
        self.run(self.fleet.passes(seconds))

    @rule(pick=PICK, less=st.integers(0, 100), count=st.integers(1, 12))
    def end(self, pick: int, less: int, count: int) -> None:
        async def over() -> None:
            line = self.line(pick)
            for grant in list(line.under_way)[:count]:
                charge = grant.charge
                line.end(grant, replace(charge, tokens=max(1, charge.tokens - less)))

        self.run(over())

    @rule(pick=PICK)
    def give_back(self, pick: int) -> None:
        async def back() -> None:
            line = self.line(pick)
            for grant in line.connecting[:2]:
                line.give_back(grant)

        self.run(back())

    @troubled
    @rule(pick=PICK, blocked=st.sampled_from([0, 700]))
    def observe(self, pick: int, blocked: int) -> None:
        async def told() -> None:
            said = Observation("rpm", blocked_ms=blocked, unexpected=True)
            self.line(pick).leases.observe(self.fleet.terms.id, said, self.fleet.time.now())

        self.run(told())

    @troubled
    @rule(
        pick=PICK,
        fates=st.lists(st.sampled_from(["answered", "answer lost", "never arrived", "twice"]), max_size=5),
    )
    def trouble(self, pick: int, fates: list[str]) -> None:
        self.exact = self.exact and fates.count("answered") == len(fates)
        self.known = self.known and not {"answer lost", "never arrived"} & set(fates)
        self.fleet.roads[pick % len(self.fleet.roads)].loses = iter(fates)

    @troubled
    @rule(pick=PICK, cut=st.booleans())
    def cut(self, pick: int, cut: bool) -> None:
        self.exact = self.known = False
        self.fleet.roads[pick % len(self.fleet.roads)].cut = cut

    @precondition(lambda self: not self.calm and not any(road.cut for road in self.fleet.roads))
    @rule(pick=PICK)
    def crash(self, pick: int) -> None:
        """Another comes in its place. Not while it was cut off, for nobody knows what it sent then."""
        self.exact = False

        async def die() -> None:
            self.fleet.crash(self.line(pick))
            self.fleet.add().took_s = None

        self.run(die())

    @precondition(lambda self: not self.calm and not any(road.cut for road in self.fleet.roads))
    @rule()
    def forget(self) -> None:
        """The ledger loses everything; within a second all who knew it have come back."""
        self.exact = self.known = False

        async def lose() -> None:
            await self.fleet.passes(2.5)
            ledger = MemoryLedger(self.fleet.time)
            self.fleet.ledger = ledger
            for road in self.fleet.roads:
                road.ledger = ledger
            await self.fleet.passes(1.1)

        self.run(lose())

    @invariant()
    def ceilings_hold(self) -> None:
        assert worst([(at, 1) for at, _ in self.fleet.sent], 60_000) <= RPM
        assert worst([(at, charge.tokens) for at, charge in self.fleet.sent], 60_000) <= TPM

    def teardown(self) -> None:
        self.run(self._quiet())
        self.loop.close()

    async def _quiet(self) -> None:
        fleet = self.fleet
        for road in fleet.roads:
            road.cut, road.loses = False, iter(())
        for line in fleet.lines:
            for waiting in line.waiting:
                waiting.clear()
        await fleet.passes(4.0)
        for line in fleet.lines:
            for grant in [*line.under_way]:
                line.end(grant, grant.charge)
        await fleet.passes(3.0)
        used = await self._used()
        in_hand = sum(line.leases._channels[fleet.terms.id].lots.places for line in fleet.lines)
        recent = [charge for at, charge in fleet.sent if at > fleet.time.now() - 60_000]
        assert not self.known or used["rpm"] >= len(recent)
        if self.exact:
            slack = [charge for at, charge in fleet.sent if at > fleet.time.now() - 60_800]
            assert len(recent) <= used["rpm"] - in_hand <= len(slack)
        await fleet.passes(80.0)
        used = await self._used()
        assert used == {"rpm": 0, "tpm": 0, "concurrency": 0}
        for line in fleet.lines:
            channel = line.leases._channels[fleet.terms.id]
            assert channel.in_flight == channel.lots.places == 0 and not channel.unsettled()
        await fleet.aclose()

    async def _used(self) -> dict[str, int]:
        """As somebody else is told: who is dead holds nothing from then on."""
        answer = await self.fleet.ledger.exchange(Batch(self.fleet.terms, "auditor", 1))
        return {one.dimension: one.used for one in answer.usage}


def test_no_ceiling_is_passed_and_nothing_is_forgotten() -> None:
    examples = int(os.environ.get("MACHINE_EXAMPLES", "60"))
    LeasesMachine.TestCase.settings = settings(
        max_examples=examples, stateful_step_count=40, phases=PHASES, report_multiple_bugs=False
    )
    LeasesMachine.TestCase("runTest").debug()
