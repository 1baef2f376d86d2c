"""A refused credential: fetched anew once, then out of use until it is another one."""

from gateway.admission.health_table import HealthTable
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


def test_another_secret_is_tried_with_one_request() -> None:
    table = HealthTable([provider_key("a", P)])
    health = table.target("p", "m").by_key["a"]
    health.failed(health.started(NOW), "credential", NOW)
    table.refreshed("a")
    health.failed(health.started(NOW), "credential", NOW)
    table.credentials["a"].changed(NOW + 5, "rotated")
    assert (health.state, health.history[-1].reason) == ("probing", "rotated")
    turn = health.started(NOW + 5)
    assert not health.allows(4, NOW + 6)
    health.answered(turn, NOW + 6)
    assert health.open
