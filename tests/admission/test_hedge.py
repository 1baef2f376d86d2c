"""Second attempts: late enough, cheap enough, and only for those who wait in person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.hedge import SURPLUS, Hedging
from gateway.settings.snapshot import Hedge

ON = Hedge(enabled=True)


def learned(settings: Hedge = ON) -> Hedging:
    hedging = Hedging(settings)
    for number in range(100):
        hedging.observe("t", 0, 0.5 if number % 20 else 4.0)
    return hedging


def test_off_by_default() -> None:
    hedging = learned(Hedge())
    hedging.sent(10**9)
    assert hedging.after_s(0, "t", 0, 100) is None and not hedging.may_fire(1, 1.0)


@pytest.mark.parametrize(
    ("rank", "target", "size", "tokens", "hedged"),
    [
        (0, "t", 0, 100, True),
        (1, "t", 0, 16_000, True),
        (2, "t", 0, 100, False),
        (0, "t", 0, 16_001, False),
        (0, "t", 1, 2_000, False),
        (0, "new", 0, 100, False),
    ],
)
def test_who_is_hedged(rank: int, target: str, size: int, tokens: int, hedged: bool) -> None:
    after = learned().after_s(rank, target, size, tokens)
    assert (after is not None) == hedged
    if after is not None:
        assert 0.5 <= after <= 0.56, "the 95th of a hundred"


def test_only_into_surplus() -> None:
    hedging = learned()
    hedging.sent(1_000_000)
    assert not hedging.may_fire(100, SURPLUS)
    assert hedging.may_fire(100, SURPLUS + 0.01)


@given(
    st.lists(st.tuples(st.sampled_from(["sent", "fire"]), st.integers(0, 20_000)), min_size=1, max_size=300)
)
def test_hedged_tokens_are_a_fixed_share_at_every_moment(events: list[tuple[str, int]]) -> None:
    hedging, sent, hedged = Hedging(ON), 0, 0
    for event, tokens in events:
        if event == "sent":
            hedging.sent(tokens)
            sent += tokens
        elif hedging.may_fire(tokens, 1.0):
            hedged += tokens
        assert hedged <= ON.tokens_ratio * sent + 1e-6


def test_when_everything_is_slow_it_stops_by_itself() -> None:
    hedging = learned()
    fired = 0
    for _ in range(10_000):
        hedging.sent(1000)
        fired += hedging.may_fire(1000, 1.0)
    assert fired == pytest.approx(200, abs=2)


def test_what_is_learned_is_bounded() -> None:
    hedging = Hedging(ON)
    for number in range(6000):
        hedging.observe(f"model-{number}", 0, 1.0)
    assert len(hedging._usual) <= 5 * 1024
