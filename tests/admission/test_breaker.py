"""The circuit breaker of a local model."""

from math import inf

from gateway.admission.breaker import Breaker


def test_closed_until_a_failure_and_again_from_an_answer_on() -> None:
    breaker = Breaker()
    assert breaker.opens_in(5, 100.0) == 0.0
    breaker.failed(100.0)
    assert breaker.opens_in(5, 101.0) == inf
    breaker.answered()
    assert breaker.opens_in(5, 101.0) == 0.0


def test_open_for_a_while_then_one_at_a_time() -> None:
    breaker = Breaker()
    breaker.failed(100.0)
    assert breaker.opens_in(0, 101.0) == 2.0
    assert breaker.opens_in(0, 103.0) == 0.0
    assert breaker.opens_in(1, 103.0) == inf


def test_each_time_twice_as_long_and_never_longer_than_half_a_minute() -> None:
    breaker, now, rests = Breaker(), 100.0, []
    for _ in range(6):
        breaker.failed(now)
        breaker.failed(now)  # was under way when it opened
        rests.append(breaker.opens_in(0, now))
        now += rests[-1]
    assert rests == [3.0, 6.0, 12.0, 24.0, 24.0, 24.0]


def test_requests_that_were_refused_never_keep_it_open_for_longer() -> None:
    breaker, now, rests = Breaker(), 100.0, []
    for refused in (True, True, True, False, True):
        breaker.failed(now, refused=refused)
        rests.append(breaker.opens_in(0, now))
        now += rests[-1]
    assert rests == [3.0, 3.0, 3.0, 6.0, 3.0]
