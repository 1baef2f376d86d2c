"""A refused credential: fetched anew once, then out of use until it is another one."""

from dataclasses import replace

from gateway.admission.health_table import HealthTable
from keys.secrets.reference import Reference
from tests.admission.keys import provider, provider_key

NOW = 1000.0
P = provider()


def test_the_second_refusal_after_a_refresh_quarantines_all_models_of_the_key() -> None:
    table = HealthTable([provider_key("a", P), provider_key("b", P)])
    m, n = (table.target("p", model).by_key["a"] for model in ("m", "n"))
    assert m.failed(m.started(NOW), "credential", NOW, "401") == "refresh"
    assert m.open
    table.refreshed("a")
    assert m.failed(m.started(NOW), "credential", NOW, "401") == "invalid"
    assert (m.state, n.state) == ("invalid", "invalid")
    assert table.target("p", "new").by_key["a"].state == "invalid"
    assert table.target("p", "m").by_key["b"].open
    assert not m.allows(4, NOW + 1e9), "time does not mend it"


def test_refusals_of_the_old_secret_ask_for_the_new_one() -> None:
    table = HealthTable([provider_key("a", P)])
    health = table.target("p", "m").by_key["a"]
    turns = [health.started(NOW) for _ in range(5)]
    assert [health.failed(turn, "credential", NOW) for turn in turns[:3]] == ["refresh"] * 3
    late = health.started(NOW)  # before the new secret is there
    table.refreshed("a")
    assert [health.failed(turn, "credential", NOW) for turn in (*turns[3:], late)] == ["refresh"] * 3
    assert health.open


def test_a_secret_that_is_taken_again_is_believed_again() -> None:
    table = HealthTable([provider_key("a", P)])
    health = table.target("p", "m").by_key["a"]
    for _ in range(3):
        assert health.failed(health.started(NOW), "credential", NOW) == "refresh"
        table.refreshed("a")
        health.finished(health.started(NOW), NOW)


def test_the_old_secret_still_being_taken_proves_nothing() -> None:
    table = HealthTable([provider_key("a", P)])
    health = table.target("p", "m").by_key["a"]
    old = health.started(NOW)
    health.failed(health.started(NOW), "credential", NOW)
    table.refreshed("a")
    health.finished(old, NOW)
    assert health.failed(health.started(NOW), "credential", NOW) == "invalid"


def test_refusals_of_the_old_secret_say_nothing_of_the_new_one() -> None:
    table = HealthTable([provider_key("a", P)])
    health = table.target("p", "m").by_key["a"]
    turns = [health.started(NOW) for _ in range(3)]
    assert health.failed(turns[0], "credential", NOW) == "refresh"
    assert health.doubted
    table.changed("a", NOW, "rotated")
    assert [health.failed(turn, "credential", NOW) for turn in turns[1:]] == ["refresh"] * 2
    assert not health.doubted
    assert health.failed(health.started(NOW), "credential", NOW) == "refresh"
    assert health.doubted


def test_another_secret_is_tried_with_one_request() -> None:
    table = HealthTable([provider_key("a", P)])
    health = table.target("p", "m").by_key["a"]
    health.failed(health.started(NOW), "credential", NOW)
    table.refreshed("a")
    health.failed(health.started(NOW), "credential", NOW)
    table.changed("a", NOW + 5, "rotated")
    assert (health.state, health.history[-1].reason) == ("probing", "rotated")
    turn = health.started(NOW + 5)
    assert not health.allows(4, NOW + 6)
    health.answered(turn, NOW + 6)
    assert health.open


def test_without_its_secret_a_key_is_out_until_it_is_there_again_and_no_person_can_say_otherwise() -> None:
    there = provider_key("a", P)
    gone = replace(there, secret=None, reference=Reference("file", "/run/key"))
    table = HealthTable([there])
    m = table.target("p", "m").by_key["a"]
    table.configure([gone], NOW)
    assert (m.state, m.history[-1].at, "secret" in m.history[-1].reason) == ("invalid", NOW, True)
    new = table.target("p", "new").by_key["a"]
    assert (new.state, new.history[-1].at, new.history[-1].reason) == ("invalid", NOW, m.history[-1].reason)
    table.configure([gone], NOW + 5)
    assert len(m.history) == 1, "it is said once"
    assert not table.reinstate("a", NOW + 6, "a person says so")
    assert (m.state, new.state) == ("invalid", "invalid")
    table.configure([there], NOW + 7)
    assert (m.state, new.state) == ("probing", "probing")
    m.answered(m.started(NOW + 8), NOW + 8)
    assert m.open


def test_a_key_without_its_secret_that_nobody_asked_for_yet_tells_so_too() -> None:
    local = provider_key("local", P)
    gone = replace(local, id="a", reference=Reference("file", "/run/key"))
    table = HealthTable([gone, replace(local, secret=None)], NOW)
    [told] = table.state("a", NOW + 2)
    assert (told["state"], told["share"]) == ("invalid", 0.0)
    assert "secret" in str(told["reason"])
    assert table.state("local", NOW + 2) == [], "it needs none"


def test_what_was_refused_before_its_secret_was_away_is_tried_again() -> None:
    there = provider_key("a", P)
    table = HealthTable([there])
    m = table.target("p", "m").by_key["a"]
    m.failed(m.started(NOW), "credential", NOW)
    table.refreshed("a")
    m.failed(m.started(NOW), "credential", NOW)
    table.configure([replace(there, secret=None, reference=Reference("file", "/run/key"))], NOW + 1)
    assert m.state == "invalid" and "secret" in m.history[-1].reason
    table.configure([there], NOW + 2)
    assert m.state == "probing"
