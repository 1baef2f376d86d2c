"""What one process leaves to the next: never less than was used, nothing that has left, and no clock does harm."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.checkpoint import ChargedDay, ChargedRate, Checkpoint, taken_over
from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge
from gateway.clock import SystemClock

START = 1_790_000_000_000
DAY_MS = 86_400_000
TERMS = AccountTerms(
    "a", (Dimension("rpm", 400, 5.0), Dimension("tpm", 9_000), Dimension("rpd", 900)), paced=False
)
#: On from the takeover, milliseconds: within slices and slots, and past the window.
LATER = (0, 1, 124, 125, 900, 5_049, 5_200, 20_000, 59_999, 60_500, 60_626, 63_000)


@dataclass
class Process:
    """One ledger, whose clock reads `ahead` more than the wall's."""

    ledger: MemoryLedger
    ahead: int = 0

    @classmethod
    def begun(cls, ahead: int = 0, *terms: AccountTerms, now: int = START) -> "Process":
        made = cls(MemoryLedger(LedgerTime(SystemClock())), ahead)
        for one in terms:
            made.ledger.open_account(one, now + ahead)
        return made

    def left(self, wall: int) -> list[Checkpoint]:
        found = [self.ledger.checkpoint(one, wall + self.ahead) for one in self.ledger.accounts()]
        return [one for one in found if one is not None]

    def take_over(self, kept: Iterable[Checkpoint], former: "Process", written: int, wall: int) -> None:
        for one in kept:
            brought = taken_over(one, written + former.ahead, wall - written, wall + self.ahead)
            self.ledger.take_over(brought, wall + self.ahead)

    def used(self, wall: int) -> dict[str, int]:
        return {one.dimension: one.used for one in self.ledger.usage("a", wall + self.ahead)}

    def sends(self, wall: int, count: int = 1) -> int:
        """So many of them went."""
        return sum(
            self.ledger.take("a", Charge(1, tokens=1), 0, wall + self.ahead) is not None for _ in range(count)
        )


def restarted(
    former: Process, written: int, after_ms: int, ahead: int = 0, *, opened: bool = True
) -> Process:
    """The process after `former`, which wrote at `written`."""
    begun = Process.begun(ahead, *([TERMS] if opened else []), now=written + after_ms)
    begun.take_over(former.left(written), former, written, written + after_ms)
    return begun


SENT = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 200), st.sampled_from([0, 1, 30, 130, 900, 7_000])),
    max_size=80,
)


@settings(max_examples=150)
@given(
    sent=SENT,
    before=st.sampled_from([0, 1, 100, 5_000, 61_000]),
    after=st.sampled_from([0, 60, 2_000, 40_000, 70_000]),
    clocks=st.tuples(st.integers(-90_000, 90_000), st.integers(-90_000, 90_000)),
    opened=st.booleans(),
)
def test_never_less_is_used_than_if_it_had_gone_on(
    sent: list[tuple[int, int, int]], before: int, after: int, clocks: tuple[int, int], opened: bool
) -> None:
    former, now = Process.begun(clocks[0], TERMS), START
    for rank, tokens, passed in sent:
        now += passed
        former.ledger.take("a", Charge(1, tokens=tokens), rank, now + clocks[0])
    written = now + before
    next_ = restarted(former, written, after, clocks[1], opened=opened)
    if not opened:
        next_.ledger.open_account(TERMS, written + after + clocks[1])
    for later in LATER:
        at = written + after + later
        was, is_ = former.used(at), next_.used(at)
        assert all(is_[name] >= was[name] for name in was)
        if before + after + later > 60_626 + 125:
            assert is_["rpm"] == is_["tpm"] == 0
    assert next_.used(written + after)["rpd"] == former.used(written + after)["rpd"]


def test_on_the_same_clock_it_is_the_same() -> None:
    former = Process.begun(0, TERMS)
    for at in range(START, START + 30_000, 700):
        former.sends(at)
    next_ = restarted(former, START + 30_000, 1_000)
    for later in range(1_000, 63_000, 250):
        assert next_.used(START + 30_000 + later) == former.used(START + 30_000 + later)


def test_a_sub_window_follows_from_the_window() -> None:
    former = Process.begun(0, TERMS)
    assert former.sends(START, 50) == 33  # 400 a minute are 33 and a third in five seconds
    next_ = restarted(former, START + 1_000, 0)
    assert next_.sends(START + 1_000) == 0
    assert next_.sends(START + 5_300, 50) == 33


def test_what_nobody_opens_is_handed_on_until_it_has_left() -> None:
    former = Process.begun(0, TERMS)
    former.sends(START, 3)
    between = restarted(former, START, 20_000, opened=False)
    last = restarted(between, START + 40_000, 10_000)
    assert last.used(START + 50_000) == {"rpm": 3, "tpm": 3, "rpd": 3}
    assert [len(one.rates) for one in between.left(START + 90_000)] == [0]  # the day's count alone
    assert between.left(START + 2 * DAY_MS) == [] == between.ledger.accounts()


def test_an_account_that_is_closed_is_forgotten() -> None:
    former = Process.begun(0, TERMS)
    former.sends(START)
    between = restarted(former, START, 0, opened=False)
    between.ledger.close_account("a")
    assert between.left(START) == []


@pytest.mark.parametrize("back_ms", [1, 5_000, 13 * 3_600_000, 40 * DAY_MS])
def test_a_clock_that_was_set_back_frees_nothing(back_ms: int) -> None:
    former = Process.begun(0, TERMS)
    former.sends(START, 20)
    next_ = restarted(former, START + 1_000, -back_ms)
    at = START + 1_000 - back_ms
    assert next_.used(at) == {"rpm": 20, "tpm": 20, "rpd": 20}
    assert next_.used(at + 59_000)["rpm"] == 20
    assert next_.used(at + 62_000)["rpm"] == 0


def test_a_day_ends_at_the_providers_midnight() -> None:
    zoned = AccountTerms("a", (Dimension("rpd", 5, zone="America/Los_Angeles"),))
    evening = 1_793_516_100_000  # 23:55 on 31 October 2026 in Los Angeles
    former = Process.begun(0, zoned, now=evening)
    former.sends(evening, 5)
    for minutes, free in ((4, 0), (6, 5)):
        next_ = Process.begun(0, zoned, now=evening)
        wall = evening + minutes * 60_000
        next_.take_over(former.left(evening), former, evening, wall)
        assert next_.sends(wall, 9) == free


def test_what_is_unused_of_an_allotment_is_not_left_as_used() -> None:
    former = Process.begun(0, AccountTerms("a", (Dimension("rpm", 60_000),), paced=False))
    assert former.sends(START, 40) == 40
    (left,) = former.left(START + 10)
    assert sum(map(sum, (rate.units for rate in left.rates))) == 40


@pytest.mark.parametrize("moment", [-(1 << 48), 0, 1 << 48])
def test_no_time_in_it_does_harm(moment: int) -> None:
    next_ = Process.begun(0, TERMS)
    absurd = Checkpoint("a", [ChargedRate(0, moment, [7, 0, 1])], [ChargedDay(moment, 3)])
    for written, elapsed in ((START, 0), (0, 1 << 62), (1 << 62, -(1 << 62)), (-(1 << 62), 5)):
        next_.ledger.take_over(taken_over(absurd, written, elapsed, START), START)
    assert next_.used(START + 62_626)["rpm"] == 0
    assert next_.sends(START + 62_626) == 1
