"""The pace after a provider asked for a slower rise: back, hold, then up by half a minute's worth a minute."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.health import Health
from gateway.admission.ramp import GROWTH, RATE_MIN, Ramp, StartRate, hold_s
from tests.admission.keys import serve, target

NOW = 6000.0


def used(health: Health, rate: float, seconds: int, start: float) -> float:
    for tick in range(int(seconds * rate)):
        serve(health, 1, start + tick / rate)
    return start + seconds


def risen(hold: float = 900.0) -> tuple[Health, float]:
    """A key that was used at 2/s for twenty minutes and then at 20/s."""
    health = target(1, hold)[0]
    return health, used(health, 20, 60, used(health, 2, 1200, NOW))


def test_it_goes_back_to_the_previous_rate_and_holds_it() -> None:
    health, now = risen()
    health.failed(health.started(now), "ramp", now, "Slow Down")
    ramp = health.ramp
    assert ramp is not None and health.state == "healthy" and not health.open
    assert ramp.start == pytest.approx(2, rel=0.2)
    assert ramp.rate(now + 899) == ramp.start
    assert ramp.rate(now + 960) == pytest.approx(ramp.start * GROWTH, rel=0.01)
    assert ramp.over(now + 900 + 60 * 20)
    assert health.history[-1].reason.endswith("Slow Down") and health.history[-1].until == now + 900


def test_what_starts_is_what_the_ramp_says() -> None:
    health, now = risen()
    health.failed(health.started(now), "ramp", now, "Slow Down")
    started = 0
    for tick in range(60 * 50):
        if health.allows(0, now + tick / 50):
            serve(health, 1, now + tick / 50)
            started += 1
    assert health.ramp is not None
    assert started == pytest.approx(60 * health.ramp.start, abs=health.ramp.start + 2)


def test_a_verdict_on_what_had_started_before_changes_nothing() -> None:
    health, now = risen()
    turns = [health.started(now) for _ in range(10)]
    for turn in turns:
        health.failed(turn, "ramp", now, "Slow Down")
    first = health.ramp
    assert first is not None and len(health.history) == 1
    health.failed(health.started(now + 1), "ramp", now + 1, "Slow Down")
    assert health.ramp is not None and health.ramp.start == pytest.approx(0.7 * first.start)


def test_anthropic_forgives_sooner() -> None:
    assert hold_s("openai") == 900.0 and hold_s("azure") == 900.0
    assert hold_s("anthropic") < 900.0


def test_a_key_without_a_past_keeps_half_of_what_it_had() -> None:
    health = target(1)[0]
    now = used(health, 20, 30, NOW)
    health.failed(health.started(now), "ramp", now)
    assert health.ramp is not None and health.ramp.start == pytest.approx(10, rel=0.1)


@given(
    start=st.floats(RATE_MIN, 1e4),
    goal=st.floats(0.1, 1e5),
    hold=st.floats(0, 1e4),
    growth=st.floats(1.1, 10),
    times=st.lists(st.floats(0, 1e6), min_size=2, max_size=30),
)
def test_a_ramp_never_falls_and_ends(
    start: float, goal: float, hold: float, growth: float, times: list[float]
) -> None:
    ramp = Ramp(start, goal, hold, growth, asked=True)
    rates = [ramp.rate(now) for now in sorted(times)]
    assert all(one <= other for one, other in pairwise(rates))
    assert start <= rates[0] and rates[-1] <= ramp.goal
    assert ramp.over(hold + 3601) and (hold == 0 or goal <= start or not ramp.over(hold))
    for _ in range(20):
        ramp.started(hold)
    at, paced = ramp.opens_at(), pytest.approx(hold + 20 / start - 1)
    assert at <= hold + 3600 and (at == paced or ramp.over(at + 1)), "it ends on time"


@given(gaps=st.lists(st.floats(0, 400), min_size=1, max_size=200))
def test_a_start_rate_is_about_what_was_started(gaps: list[float]) -> None:
    rate, now, times = StartRate(), 5.0, []
    for gap in gaps:
        now += gap
        rate.add(now)
        times.append(now)
    elapsed = min(60.0, max(1.0, now - times[0]))
    most, least = (sum(now - one <= seconds for one in times) for seconds in (120.0, 0.0))
    assert least / 60.0 - 1e-9 <= rate.recent(now) <= most / elapsed + 1e-9
    earlier = rate.earlier(now)
    assert earlier is None or 0 <= earlier <= len(times) / 60.0
