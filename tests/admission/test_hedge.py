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
    hedging = funded(learned(Hedge()))
    assert hedging.after_s(0, "t", 0, 100) is None and not hedging.may_fire(1, 1.0)


def funded(hedging: Hedging) -> Hedging:
    for _ in range(100):
        hedging.sent()
    hedging.used(10**9)
    return hedging


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
    hedging = funded(learned())
    assert not hedging.may_fire(100, SURPLUS)
    assert hedging.may_fire(100, SURPLUS + 0.01)


_EVENTS = st.lists(
    st.tuples(st.sampled_from(["sent", "sent", "used", "fire"]), st.integers(0, 20_000)),
    min_size=1,
    max_size=300,
)


@given(_EVENTS)
def test_second_attempts_are_a_fixed_share_in_any_stretch_of_time(events: list[tuple[str, int]]) -> None:
    """Of requests and of tokens: from the start on exactly, in any stretch but for what little is saved up."""
    hedging, ratio = Hedging(ON), ON.tokens_ratio
    # What has been fired above the share of what was sent: now, and at its lowest.
    attempts = fewest = tokens = least = 0.0
    for event, size in events:
        if event == "sent":
            hedging.sent()
            attempts -= ratio
        elif event == "used":
            hedging.used(size)
            tokens -= ratio * size
        elif hedging.may_fire(size, 1.0):
            attempts, tokens = attempts + 1, tokens + size
        assert attempts <= 1e-6 and tokens <= 1e-6
        fewest, least = min(fewest, attempts), min(least, tokens)
        assert attempts - fewest <= 1.0 + 1e-6
        assert tokens - least <= 2 * ON.input_tokens_max + 1e-6


def test_a_cold_start_saves_nothing_up() -> None:
    """Two hundred short answers, then the provider is slow: not all of its requests go twice."""
    hedging = learned()
    for _ in range(200):
        hedging.sent()
        hedging.used(15)
    fired = 0
    for _ in range(30):
        hedging.sent()
        fired += hedging.may_fire(15, 1.0)
    assert fired == 1


def test_when_everything_is_slow_it_stops_by_itself() -> None:
    hedging = learned()
    fired = 0
    for _ in range(10_000):
        hedging.sent()
        hedging.used(1000)
        fired += hedging.may_fire(1000, 1.0)
    assert fired == pytest.approx(200, abs=2)


def test_what_is_learned_is_bounded() -> None:
    hedging = Hedging(ON)
    for number in range(6000):
        hedging.observe(f"model-{number}", 0, 1.0)
    assert len(hedging._usual) <= 5 * 1024
