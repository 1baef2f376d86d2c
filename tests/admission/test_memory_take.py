"""The fast path of the memory ledger: never over a ceiling, all or nothing, honest about when there is room."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.grantor import Grant
from gateway.admission.ledger import Observation
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge
from gateway.clock import SystemClock
from tests.admission.charging import worst

START = 1_790_000_000_000
ONE = Charge(1)


def ledger(*dimensions: Dimension, paced: bool = True) -> MemoryLedger:
    made = MemoryLedger(LedgerTime(SystemClock()))
    made.open_account(AccountTerms("a", dimensions, paced), START)
    return made


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "give_back", "settle", "late", "next"]),
        st.integers(0, 4),  # rank
        st.integers(1, 60),  # tokens
        st.sampled_from([0, 1, 7, 90, 400, 1_000, 9_000, 31_000, 70_000]),  # ms passed
        st.integers(0, 30),  # which, how far off
    ),
    max_size=120,
)


@settings(max_examples=150)
@given(
    steps=STEPS,
    rpm=st.sampled_from([1, 2, 5, 12, 100]),
    tpm=st.sampled_from([60, 130, 600]),
    burst_s=st.sampled_from([None, 1.0, 10.0]),
)
def test_no_window_ever_holds_more_than_the_ceiling(
    steps: list[tuple[str, int, int, int, int]], rpm: int, tpm: int, burst_s: float | None
) -> None:
    dimensions = (Dimension("rpm", rpm, burst_s), Dimension("tpm", tpm, burst_s), Dimension("concurrency", 9))
    account = ledger(*dimensions)
    now, open_, done = START, list[Grant](), list[tuple[int, int]]()
    for kind, rank, tokens, passed, pick in steps:
        now += passed
        if kind == "take":
            grant = account.take("a", Charge(1, tokens=tokens), rank, now)
            if grant is not None:
                open_.append(grant)
        elif kind == "next":
            wait = account.next_free_in("a", Charge(1, tokens=tokens), rank, now)
            assert wait is not None and wait >= 0
        elif open_:
            grant = open_.pop(pick % len(open_))
            if kind == "give_back":
                account.give_back(grant, now)
            elif kind == "late":
                if now - grant.at < 60_000:
                    account.sent(grant, now)
                open_.append(grant)
            else:
                actual = max(0, grant.charge.tokens - pick)
                account.settle(grant, Charge(1, tokens=actual), now)
                done.append((grant.at, actual))
        assert len(open_) <= 9
    sent = [*((one.at, one.charge.tokens) for one in open_), *done]
    assert worst(((at, 1) for at, _ in sent), 60_000) <= rpm
    assert worst(sent, 60_000) <= tpm


@pytest.mark.parametrize(
    ("rpm", "burst_s", "most"), [(600, 1.0, 10), (100, 1.0, 1), (7, 10.0, 1), (70, 1.5, 1)]
)
@given(takes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 700)), max_size=200))
def test_no_slice_holds_more_than_rate_times_slice(
    rpm: int, burst_s: float, most: int, takes: list[tuple[int, int]]
) -> None:
    account = ledger(Dimension("rpm", rpm, burst_s))
    now, sent = START, []
    for rank, passed in takes:
        now += passed
        if account.take("a", ONE, rank, now) is not None:
            sent.append((now, 1))
    assert worst(sent, round(burst_s * 1000)) <= most


@settings(max_examples=200)
@given(
    before=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 90), st.integers(0, 9_000)), max_size=60),
    rank=st.integers(0, 4),
    tokens=st.integers(1, 100),
    burst_s=st.sampled_from([None, 2.0]),
)
def test_next_free_is_the_first_moment_at_which_it_fits(
    before: list[tuple[int, int, int]], rank: int, tokens: int, burst_s: float | None
) -> None:
    account = ledger(Dimension("rpm", 30, burst_s), Dimension("tpm", 100, burst_s))
    now = START
    for earlier, units, passed in before:
        now += passed
        account.take("a", Charge(1, tokens=units), earlier, now)
    charge = Charge(1, tokens=tokens)
    wait = account.next_free_in("a", charge, rank, now)
    assert wait is not None
    if wait > 1:
        assert account.take("a", charge, rank, now + wait - 1) is None
    assert account.take("a", charge, rank, now + wait) is not None


def test_what_can_never_fit_is_told_at_once() -> None:
    account = ledger(Dimension("rpm", 10), Dimension("tpm", 100))
    assert account.next_free_in("a", Charge(1, tokens=101), 0, START) is None
    assert account.next_free_in("a", Charge(1, tokens=100), 4, START) == 0


def test_what_fits_the_provider_is_let_into_an_empty_window_after_a_surprise() -> None:
    account = ledger(Dimension("tpm", 100))
    account.observe("a", Observation("tpm", unexpected=True), START)
    assert account.usage("a", START)[0].limit == 90
    assert account.take("a", Charge(1, tokens=100), 0, START) is not None


def test_all_or_nothing() -> None:
    account = ledger(Dimension("rpm", 10), Dimension("tpm", 100))
    assert account.take("a", Charge(1, tokens=100), 0, START) is not None
    assert account.take("a", Charge(1, tokens=1), 0, START) is None
    assert [(one.dimension, one.used) for one in account.usage("a", START)] == [("rpm", 1), ("tpm", 100)]


def test_given_back_is_as_if_never_taken() -> None:
    account = ledger(Dimension("rpm", 5), Dimension("concurrency", 1))
    for _ in range(50):
        grant = account.take("a", ONE, 1, START)
        assert grant is not None
        account.give_back(grant, START)


def test_places_in_flight_come_back_at_the_end() -> None:
    account = ledger(Dimension("concurrency", 2))
    first, second = account.take("a", ONE, 0, START), account.take("a", ONE, 0, START)
    assert first is not None and second is not None
    assert account.take("a", ONE, 0, START) is None
    account.settle(first, first.charge, START + 90_000)
    assert account.take("a", ONE, 0, START + 90_000) is not None


def test_more_than_granted_is_never_lost() -> None:
    account = ledger(Dimension("otpm", 1_000))
    grant = account.take("a", Charge(1, output=10), 0, START)
    assert grant is not None
    account.settle(grant, Charge(1, output=900), START + 200_000)
    assert account.usage("a", START + 200_000)[0].used == 900  # all of it written after its minute had passed


def test_someone_elses_use_of_the_key_is_charged_and_a_block_holds() -> None:
    account = ledger(Dimension("rpm", 100))
    account.observe("a", Observation("rpm", limit=50, remaining=20), START)
    usage = account.usage("a", START)[0]
    assert (usage.used, usage.limit) == (30, 50)
    account.observe("a", Observation("rpm", blocked_ms=3_000), START)
    assert account.take("a", ONE, 0, START + 2_999) is None
    assert account.take("a", ONE, 0, START + 3_000) is not None


def test_a_surprise_lowers_by_a_tenth_and_a_hundredth_a_minute_comes_back() -> None:
    account = ledger(Dimension("rpm", 1_000))
    for _ in range(20):
        account.observe("a", Observation("rpm", unexpected=True), START)
    assert account.usage("a", START)[0].limit == 900
    assert account.usage("a", START + 60_000)[0].limit == 910
    assert account.usage("a", START + 60 * 60_000)[0].limit == 1_000


def test_no_more_than_half_of_a_ceiling_is_lost_to_surprises() -> None:
    account, now = ledger(Dimension("rpm", 1_000)), START
    for _ in range(20):
        now += 5_000
        account.observe("a", Observation("rpm", unexpected=True), now)
    assert account.usage("a", now)[0].limit == 500


@pytest.mark.parametrize("dimension", ["rpm", "rpd", "concurrency"])
def test_a_limit_that_no_reply_confirms_is_forgotten(dimension: str) -> None:
    account, now = ledger(Dimension(dimension, 1_000)), START
    for _ in range(2):
        account.observe("a", Observation(dimension, limit=2, remaining=1), now)
        now += 599_000
        assert account.usage("a", now)[0].limit == 2
    account.observe("a", Observation(dimension, remaining=1), now)  # which says nothing of a limit
    assert account.levels("a", now + 1_126)[0][1] == account.usage("a", now + 1_126)[0].limit == 1_000


def test_the_day_turns_where_the_provider_keeps_its_days() -> None:
    account = ledger(Dimension("rpd", 2, zone="America/Los_Angeles"))
    evening = 1_793_516_100_000  # 23:55 on 31 October 2026 in Los Angeles
    assert [account.take("a", ONE, 0, evening + step) is not None for step in range(3)] == [True, True, False]
    assert account.next_free_in("a", ONE, 0, evening) == 300_000
    assert account.take("a", ONE, 0, evening + 300_000) is not None


def test_a_tenant_key_is_not_paced() -> None:
    account = ledger(Dimension("rpm", 600), paced=False)
    assert sum(account.take("a", ONE, 3, START) is not None for _ in range(700)) == 600
