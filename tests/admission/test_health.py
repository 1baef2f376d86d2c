"""The state table of a provider key's health, line by line."""

from itertools import pairwise

import pytest

from gateway.admission.health import BARRED_S, PROBE_PATIENCE_S, QUOTA_S, REST_MAX_S, SUSPECT_S, Health
from gateway.admission.health_change import Kind
from tests.admission.keys import fail, serve, target

NOW = 1000.0
LOW, URGENT = 4, 0


def reasons(health: Health) -> list[tuple[str, str]]:
    return [(change.before, change.after) for change in health.history]


def cooled(keys: int = 2) -> Health:
    """The first of the keys, left out since NOW for 3 s."""
    health = target(keys)[0]
    fail(health, 5, NOW)
    assert health.state == "cooling"
    return health


def test_five_failures_in_a_row_and_no_fewer_leave_a_key_out() -> None:
    health = target(2)[0]
    fail(health, 4, NOW)
    serve(health, 1, NOW)
    fail(health, 4, NOW)
    assert health.open and health.allows(URGENT, NOW)
    fail(health, 1, NOW)
    assert (health.state, health.until) == ("cooling", NOW + 3)
    assert not health.allows(LOW, NOW + 2.9)
    assert health.history[-1].reason == "5 failures in a row: 503"


@pytest.mark.parametrize("kind", ["rate", "capacity"])
def test_a_full_window_is_no_failure(kind: Kind) -> None:
    health = target(2)[0]
    for _ in range(50):
        health.failed(health.started(NOW), kind, NOW)
    assert health.open and not health.history


def test_the_provider_may_ask_for_longer() -> None:
    health = target(2)[0]
    fail(health, 4, NOW)
    health.failed(health.started(NOW), "health", NOW, "529", until=NOW + 40)
    assert health.until == NOW + 40


@pytest.mark.parametrize(("asked_s", "rests_s"), [(20.0, 20.0), (3600.0, REST_MAX_S)])
def test_a_key_rests_for_as_long_as_its_provider_asks(asked_s: float, rests_s: float) -> None:
    health = target(1)[0]
    early = health.started(NOW)
    health.failed(health.started(NOW), "health", NOW, "503", until=NOW + asked_s)
    assert health.state == "healthy"
    for rank in (URGENT, LOW):
        assert not health.allows(rank, NOW + rests_s - 0.1) and health.opens_at(rank) == NOW + rests_s
    health.finished(early, NOW + 1)
    assert not health.allows(URGENT, NOW + 1), "what was under way says nothing of it"
    health.failed(health.started(NOW + 2), "health", NOW + 2, "503", until=NOW + 3)
    assert health.opens_at(URGENT) == NOW + rests_s, "the later of both"
    later = NOW + rests_s
    assert health.allows(URGENT, later)
    health.finished(health.started(later), later)
    assert health.open


def test_what_cools_rests_for_everybody_for_as_long_as_its_provider_asks() -> None:
    health = target(1)[0]
    fail(health, 4, NOW)
    health.failed(health.started(NOW), "health", NOW, "503", until=NOW + 3600)
    assert health.until == health.rests_until == NOW + REST_MAX_S
    health.failed(health.started(NOW + 50), "health", NOW + 50, "503", until=NOW + 90)
    assert (health.until, health.rests_until) == (NOW + REST_MAX_S, NOW + 90), "no probe either, then"
    assert health.opens_at(LOW) == NOW + 90


def test_a_model_that_the_key_may_not_use_is_left_out_for_a_while() -> None:
    one, _ = target(2)
    one.failed(one.started(NOW), "model", NOW)
    assert (one.state, one.until, one.ejected) == ("barred", NOW + BARRED_S, False)
    assert not one.credential.doubted and not one.allows(LOW, NOW + BARRED_S - 1)
    one.finished(one.started(NOW + BARRED_S), NOW + BARRED_S)
    assert one.open, "somebody has granted it"


def test_one_request_of_a_low_class_is_the_probe() -> None:
    health = cooled()
    then = health.until
    assert health.allows(2, then) and not health.allows(1, then)
    assert not health.allows(1, then + PROBE_PATIENCE_S - 0.1)
    assert health.allows(0, then + PROBE_PATIENCE_S)
    turn = health.started(then)
    assert health.state == "probing"
    assert not health.allows(LOW, then + 500) and not health.allows(URGENT, then + 500)
    health.answered(turn, then + 1)
    assert health.state == "healthy" and health.allows(LOW, then + 1)


def test_a_probe_whose_caller_left_makes_room_for_another() -> None:
    health = cooled()
    health.abandoned(health.started(NOW + 3))
    assert (health.state, health.allows(LOW, NOW + 3)) == ("probing", True)
    health.answered(health.started(NOW + 4), NOW + 4)
    assert health.state == "healthy"


@pytest.mark.parametrize("kind", ["rate", "capacity"])
def test_a_probe_that_meets_a_full_window_says_nothing(kind: Kind) -> None:
    health = cooled()
    health.failed(health.started(NOW + 3), kind, NOW + 4)
    assert (health.state, health.allows(LOW, NOW + 4)) == ("probing", True)


def test_each_failed_probe_leaves_it_out_for_longer_up_to_a_bound() -> None:
    health = cooled()
    lengths = []
    for _ in range(12):
        now = health.until
        health.failed(health.started(now), "health", now, "503")
        lengths.append(health.until - now)
    assert lengths == [6, 12, *[24] * 10]


def test_time_in_service_is_forgiving() -> None:
    health = cooled()
    now = health.until
    health.failed(health.started(now), "health", now, "503")  # the second
    now = health.until
    health.finished(health.started(now), now)
    fail(health, 5, now + 59)
    assert health.until == now + 59 + 12, "the third"
    now = health.until
    health.finished(health.started(now), now)
    fail(health, 5, now + 121)
    assert health.until == now + 121 + 6, "two are forgiven"


def test_the_share_of_a_recovered_key_grows_from_a_tenth() -> None:
    health = target(2)[0]
    for second in range(700):
        serve(health, 10, NOW + second)
    now = NOW + 700
    fail(health, 5, now)
    now = health.until
    health.answered(health.started(now), now)
    shares = [health.share(now + seconds) for seconds in range(70)]
    assert shares[0] == pytest.approx(0.1, abs=0.02)
    assert all(one <= other for one, other in pairwise(shares)) and shares[-1] == 1.0
    started = 0
    for tick in range(300):  # the first three seconds, asked a hundred times a second
        if health.allows(URGENT, now + tick / 100):
            serve(health, 1, now + tick / 100)
            started += 1
    assert 2 <= started <= 6, "a tenth of ten a second, and a second's burst"
    now += 61
    serve(health, 1, now)
    assert health.open and health.history[-1].reason == "the ramp is over"


def test_what_was_under_way_when_it_was_left_out_says_nothing_new() -> None:
    health = target(2)[0]
    turns = [health.started(NOW) for _ in range(40)]
    for turn in turns[:5]:
        health.failed(turn, "health", NOW, "503")
    until = health.until
    health.failed(turns[5], "health", NOW + 1, "503", until=NOW + 900)
    health.finished(turns[6], NOW + 2)
    health.failed(turns[7], "quota", NOW + 3)
    assert (health.state, health.until) == ("cooling", until)
    probe = health.started(until)
    health.failed(turns[8], "health", until)
    health.finished(turns[9], until)
    assert health.state == "probing" and not health.allows(LOW, until)
    health.finished(probe, until)
    fail(health, 4, until)
    for turn in turns[10:]:
        health.failed(turn, "health", until)
    assert health.state == "healthy"


def test_an_answer_while_it_cools_is_as_good_as_a_probe() -> None:
    health = cooled()
    turn = health.started(NOW + 1)  # there was no other key for that tenant
    assert health.state == "cooling"
    health.answered(turn, NOW + 2)
    assert health.state == "healthy"


def test_quota_ends_at_its_time_and_not_before() -> None:
    health = target(1)[0]
    health.failed(health.started(NOW), "quota", NOW, "spend limit", until=NOW + 5000)
    assert health.state == "quota" and not health.ejected
    assert not health.allows(LOW, NOW + 4999) and health.opens_at(LOW) == NOW + 5000
    turn = health.started(NOW + 5000)
    health.answered(turn, NOW + 5001)
    assert health.open, "a quota that is back needs no ramp"


def test_quota_without_a_time_is_asked_about_again() -> None:
    health = target(1)[0]
    health.failed(health.started(NOW), "quota", NOW)
    assert health.until == NOW + QUOTA_S
    health.failed(health.started(health.until), "quota", NOW + QUOTA_S)
    assert health.until == NOW + 2 * QUOTA_S


def test_a_person_reinstates() -> None:
    health = cooled()
    health.reinstate(NOW + 1, "by ada")
    assert health.open and health.history[-1].reason == "by ada"


def test_recent_failures_speak_for_another_key() -> None:
    health = target(1)[0]
    fail(health, 3, NOW)
    assert (health.failures(NOW + 1), health.failures(NOW + SUSPECT_S)) == (3, 0)
    serve(health, 1, NOW)
    assert health.failures(NOW + 1) == 0


def test_a_stream_that_breaks_after_its_first_content_is_a_failure() -> None:
    health = target(2)[0]
    for _ in range(5):
        turn = health.started(NOW)
        health.answered(turn, NOW)
        health.failed(turn, "health", NOW, "broke off")
    assert health.state == "cooling"


def test_the_history_is_bounded() -> None:
    health = target(2)[0]
    for n in range(100):
        health.failed(health.started(NOW + n), "quota", NOW + n, until=NOW + n)
        health.reinstate(NOW + n, "again")
    assert len(health.history) == 32 and health.history[-1].at == NOW + 99
