"""Without a ledger: shares that are safe together with those still connected, and a way back always tried."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.ceiling import Ceiling
from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.last_minute import LastMinute
from gateway.admission.ledger_loss import LedgerLoss, terms_without_ledger
from gateway.charge import Charge

MODES = st.sampled_from(["closed", "safe_share", "open"])


@given(limit=st.integers(1, 10**9), permille=st.integers(0, 200), workers=st.integers(1, 64))
def test_shares_and_grants_together_stay_within_the_ceiling(limit: int, permille: int, workers: int) -> None:
    terms = AccountTerms("a", (Dimension("rpm", limit),), set_aside_permille=permille)
    alone = terms_without_ledger("safe_share", terms, workers)
    if alone is not None:
        assert alone.dimensions[0].limit >= 1
        assert workers * alone.dimensions[0].limit + Ceiling(limit, permille).limit <= limit


def test_closed_has_nothing_and_open_no_ceiling() -> None:
    terms = AccountTerms("a", (Dimension("rpm", 1_000_000),), set_aside_permille=5)
    assert terms_without_ledger("closed", terms, 1) is None
    opened = terms_without_ledger("open", terms, 1)
    assert opened is not None and opened.dimensions == ()


@given(mode=MODES, steps=st.lists(st.integers(0, 3_000), max_size=60))
def test_a_lost_ledger_is_tried_every_second_and_one_answer_ends_it(mode: str, steps: list[int]) -> None:
    loss, now, tried = LedgerLoss(mode), 0, 0
    assert loss.may_call(now) and loss.mode(now, 0) is None
    loss.failed(now)
    for step in steps:
        now += step
        may = loss.may_call(now)
        assert may or now - tried < 1_000
        if may:
            loss.failed(now)
            tried = now
        assert loss.mode(now, now + 1) == "leases" and loss.mode(now, now) == mode
    loss.answered()
    assert loss.may_call(now) and loss.mode(now, 0) is None


@given(sends=st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 9)), max_size=100))
def test_the_last_minute_is_never_told_as_less_or_earlier(sends: list[tuple[int, int]]) -> None:
    minute, now, all_ = LastMinute(), 0, []
    for passed, requests in sends:
        now += passed
        minute.add(Charge(requests), now)
        all_.append((now, requests))
    told = minute.sent(now)
    for begin in {at for at, _ in all_ if at >= now - 60_000}:
        assert sum(one.charge.requests for one in told if now - one.age_ms >= begin) >= sum(
            requests for at, requests in all_ if at >= begin
        )
