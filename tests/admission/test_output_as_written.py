"""Output that a provider counts when it writes it: no minute is ever over, and little is lost to that."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.grantor import Grant, Grantor
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge
from gateway.clock import SystemClock
from tests.admission.charging import worst
from tests.admission.leases.fleet import Fleet

START = 1_790_000_000_000
OTPM = 6_000
TERMS = AccountTerms("a", (Dimension("otpm", OTPM), Dimension("concurrency", 500)))
STEP_MS = 250


class Stream:
    """Writes for up to 30 s, and never more than was thought."""

    def __init__(self, chance: random.Random, grant: Grant) -> None:
        self.grant = grant
        self.output = 0
        self._end = grant.charge.output if chance.random() < 0.9 else chance.randint(0, grant.charge.output)
        self._steps = chance.randrange(1, 120)

    def writes(self) -> int:
        """Tokens of one step."""
        more = -(-(self._end - self.output) // self._steps)
        self._steps -= 1
        self.output += more
        return more

    @property
    def over(self) -> bool:
        return self._steps == 0


def step(streams: list[Stream], grantor: Grantor, now: int, *, told: bool = True) -> list[tuple[int, int]]:
    """One step of each: what the provider counts, a little before it can be told."""
    written = []
    for stream in [*streams]:
        written.append((now - STEP_MS + 1, stream.writes()))
        if stream.over:
            streams.remove(stream)
            grantor.settle(stream.grant, Charge(1, 0, stream.output, stream.output), now)
        elif told:
            grantor.produced(stream.grant, stream.output, now)
    return written


def three_minutes(seed: int, dimension: str = "otpm") -> tuple[float, int]:
    """More is offered than there is room for: the part of the ceiling used in the end, and the worst minute."""
    chance, now = random.Random(seed), START
    ledger = MemoryLedger(LedgerTime(SystemClock()))
    ledger.open_account(AccountTerms("a", (Dimension(dimension, OTPM),)), now)
    streams: list[Stream] = []
    written: list[tuple[int, int]] = []
    while now < START + 180_000:
        now += STEP_MS
        written += step(streams, ledger, now, told=dimension == "otpm")
        for _ in range(chance.randrange(4)):
            output = chance.randint(1, 300)
            grant = ledger.take("a", Charge(1, 0, output, output), 0, now)
            if grant is not None:
                streams.append(Stream(chance, grant))
    last = sum(units for at, units in written if at > now - 60_000)
    return last / OTPM, worst(written, 60_000)


@settings(max_examples=25)
@given(seed=st.integers(0, 1 << 32))
def test_no_minute_is_over_however_long_answers_take(seed: int) -> None:
    assert three_minutes(seed)[1] <= OTPM


def test_charged_where_they_were_sent_minutes_would_be_over() -> None:
    """So the worlds of the test before are hard enough to show something."""
    assert any(three_minutes(seed, "tpm")[1] > OTPM for seed in range(10))


def test_little_is_lost_by_being_late() -> None:
    shares = [three_minutes(seed)[0] for seed in range(8)]
    assert sum(shares) / len(shares) > 0.96


async def test_workers_that_share_a_ledger_keep_such_a_ceiling_together() -> None:
    chance = random.Random(5)
    fleet = Fleet(TERMS, 2)
    streams: list[list[Stream]] = [[], []]
    written: list[tuple[int, int]] = []
    for _ in range(4 * 150):
        await fleet.passes(STEP_MS / 1000)
        now = fleet.time.now()
        for line, own in zip(fleet.lines, streams, strict=True):
            line.took_s = None
            written += step(own, line.leases, now)
            for _ in range(chance.randrange(3)):
                if sum(map(len, line.waiting)) < 20:
                    output = chance.randint(1, 300)
                    line.arrive(Charge(1, 0, output, output), chance.randrange(5))
            known = {stream.grant for stream in own}
            own += [Stream(chance, grant) for grant in line.under_way if grant not in known]
            for grant in [*line.under_way]:
                del line.under_way[grant]
    await fleet.aclose()
    assert worst(written, 60_000) <= OTPM
    assert sum(units for at, units in written if at > now - 60_000) > OTPM // 2
