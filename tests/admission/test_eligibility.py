"""What is open to a request, by any histories of the ways that it has."""

from dataclasses import dataclass
from itertools import count
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.candidate import Candidate
from gateway.admission.credential import Credential
from gateway.admission.eligibility import (
    DOUBTED,
    EJECTED,
    LOOK_AGAIN_S,
    RISING,
    SHUT,
    SOUND,
    grade,
    look_at,
    opens_at,
)
from gateway.admission.health import PROBE_PATIENCE_S, Health
from gateway.admission.retry_budget import RetryBudget
from tests.admission.keys import fail, serve

NOW = 1000.0
LOW, URGENT = 4, 0
Way = Candidate["Account"]


@dataclass
class Account:
    name: str
    in_flight: int = 0
    weight: float = 1.0


def way(became: int = SOUND, in_flight: int = 0, *, probed: bool = False) -> Way:
    """One of that grade since NOW."""
    health = Health("key", "m", Credential(), count(1), 900.0)
    if became == DOUBTED:
        fail(health, 1, NOW)
    elif became == SHUT:
        health.failed(health.started(NOW), "quota", NOW, until=NOW + 30)
    elif became in (EJECTED, RISING):
        fail(health, 5, NOW if became == EJECTED else NOW - 3)
    if became == RISING:
        serve(health, 3, NOW)
    if probed:
        health.started(health.until)
    assert grade(health) == became
    return Candidate(Account("key", in_flight), health)


def budget(attempts: int) -> RetryBudget:
    """That many more may be made at NOW."""
    retries = RetryBudget()
    for _ in range(5 * max(attempts, 1)):
        retries.deposit(NOW)
    if not attempts:
        assert retries.withdraw(NOW)
    assert retries.left(NOW) == attempts
    return retries


def opens(one: Way, *others: Way, rank: int = LOW, now: float = NOW, attempts: int = 5) -> float:
    return max(0.0, opens_at(one, [one, *others], rank, now, budget(attempts)) - now)


@pytest.mark.parametrize("became", [SOUND, RISING, DOUBTED, EJECTED])
def test_the_best_of_what_there_is_is_open_whatever_it_is(became: int) -> None:
    for other in range(became, SHUT + 1):
        assert opens(way(became), way(other), rank=URGENT, attempts=0) == 0.0


def test_a_doubted_way_is_tried_while_each_that_is_tried_could_be_made_good() -> None:
    sound = way()
    assert opens(way(DOUBTED), sound, attempts=1) == 0.0
    assert opens(way(DOUBTED, 1), sound, attempts=1) == LOOK_AGAIN_S
    assert opens(way(DOUBTED), way(DOUBTED, 4), sound, attempts=4) == LOOK_AGAIN_S
    assert opens(way(DOUBTED), way(EJECTED, 7), sound, attempts=1) == 0.0, "there only a probe is tried"
    assert opens(way(DOUBTED), way(EJECTED, probed=True), sound, attempts=1) == LOOK_AGAIN_S
    assert opens(way(DOUBTED), sound, attempts=0) == 61.0, "when the attempt that was made is a minute ago"


def test_an_ejected_way_is_tried_by_its_probe_alone_and_nobody_knows_when_it_serves() -> None:
    ejected, sound = way(EJECTED), way()
    due = ejected.health.until
    assert opens(ejected, sound) == inf
    assert look_at(ejected, [ejected, sound], LOW, NOW, budget(1)) == due
    assert opens(ejected, sound, now=due) == 0.0
    assert opens(ejected, sound, now=due, rank=URGENT) == inf
    assert opens(ejected, sound, now=due + PROBE_PATIENCE_S, rank=URGENT) == 0.0
    assert opens(ejected, sound, now=due, attempts=0) == inf
    assert look_at(ejected, [ejected, sound], LOW, due, budget(0)) == due + LOOK_AGAIN_S
    ejected.health.started(due)
    assert opens(ejected, sound, now=due) == inf
    assert look_at(ejected, [ejected, sound], LOW, due, budget(1)) == due + LOOK_AGAIN_S


def test_what_comes_back_at_a_time_that_is_known_is_waited_for() -> None:
    assert opens(way(SHUT), way(), attempts=0) == 61.0
    assert opens(way(SHUT), way()) == opens(way(SHUT)) == 30.0


def test_a_way_on_its_ramp_is_paced_beside_a_sound_one_only() -> None:
    rising = way(RISING)
    for _ in range(99):
        rising.health.started(NOW)
    assert 0.0 < opens(rising, way(), attempts=0) <= 60.0, "what was not paced does not make the ramp longer"
    assert opens(rising, way(DOUBTED), attempts=0) == 0.0
    fail(rising.health, 1, NOW)
    assert opens(rising, way(DOUBTED), attempts=0) == 0.0
    rising.health.failed(rising.health.started(NOW), "ramp", NOW)
    for _ in range(99):
        rising.health.started(NOW)
    assert opens(rising, attempts=0) > 0.0, "a pace that its provider asked for is for all"


def test_nobody_goes_where_the_provider_asks_to_be_left_alone() -> None:
    ejected = way(EJECTED)
    ejected.health.failed(ejected.health.started(NOW), "health", NOW, "503", until=NOW + 20)
    assert opens(ejected, way(EJECTED)) == opens(ejected) == 20.0


def test_who_waits_for_a_probe_of_what_is_shut_looks_again() -> None:
    assert opens(way(SHUT, probed=True)) == opens(way(SHUT, probed=True), way()) == LOOK_AGAIN_S


HISTORIES = st.lists(
    st.tuples(
        st.sampled_from(["fail", "fail", "fail 5", "serve", "quota", "ramp", "invalid", "asked", "begin"]),
        st.sampled_from([0.0, 0.0, 1.0, 4.0, 30.0]),
    ),
    max_size=6,
)


def lived(history: list[tuple[str, float]], in_flight: int) -> Way:
    """A way that went through that, at times that end at NOW."""
    one = way(in_flight=in_flight)
    health, now = one.health, NOW - sum(seconds for _, seconds in history)
    for what, seconds in history:
        if what.startswith("fail"):
            fail(health, 5 if what == "fail 5" else 1, now)
        elif what == "serve":
            serve(health, 1, now)
        elif what == "invalid":
            health.quarantine(now, "401")
        elif what == "begin":
            health.started(now)
        elif what == "asked":
            health.failed(health.started(now), "health", now, "503", until=now + 20)
        else:
            health.failed(health.started(now), "quota" if what == "quota" else "ramp", now, until=now + 40)
        now += seconds
    return one


@given(
    st.lists(st.tuples(HISTORIES, st.integers(0, 3)), min_size=1, max_size=4),
    st.integers(0, 4),
    st.integers(0, 3),
)
def test_any_histories(lives: list[tuple[list[tuple[str, float]], int]], rank: int, attempts: int) -> None:
    ways = [lived(*one) for one in lives]
    retries = budget(attempts)
    best = min(grade(one.health) for one in ways)
    for one in ways:
        health, own = one.health, grade(one.health)
        at, look = opens_at(one, ways, rank, NOW, retries), look_at(one, ways, rank, NOW, retries)
        assert look <= at
        assert look < inf or health.state == "invalid", "somebody looks again"
        if own == best:
            asked = health.rests_until > NOW or health.ramp is not None
            assert at <= NOW or own == SHUT or asked, "its provider alone can close it to all"
        elif at <= NOW:
            assert health.allows(rank, NOW), "no sooner than its own health lets something start"
            assert own < DOUBTED or attempts > (one.account.in_flight if own == DOUBTED else 0)
