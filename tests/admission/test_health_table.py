"""What a worker remembers of its keys: across changes of the configuration, bounded, and readable."""

import orjson

from gateway.admission.health_table import TARGETS_MAX, HealthTable
from tests.admission.keys import fail, provider, provider_key

NOW = 1000.0
P, Q = provider(), provider("anthropic", "q")
A, B, C = (provider_key(name, P) for name in "abc")


def test_keys_of_a_target_are_those_that_serve_its_model() -> None:
    table = HealthTable([A, provider_key("only-x", P, ("x-*",)), provider_key("other", Q)])
    assert list(table.target("p", "x-1").by_key) == ["a", "only-x"]
    assert list(table.target("p", "y").by_key) == ["a"]
    assert list(table.target("p", None).by_key) == ["a", "only-x"]
    assert table.target("p", "y") is table.target("p", "y")


def test_health_outlives_a_change_of_the_configuration() -> None:
    table = HealthTable([A, B])
    health = table.target("p", "m").by_key["a"]
    fail(health, 5, NOW)
    table.configure([A, B, C], NOW)
    assert table.target("p", "m").by_key["a"] is health and health.state == "cooling"
    table.configure([B], NOW)
    table.configure([A, B], NOW)
    assert table.target("p", "m").by_key["a"] is not health, "a key that was away is a new one"


def test_names_of_models_are_bounded_and_what_matters_is_kept() -> None:
    table = HealthTable([A, B])
    health = table.target("p", "m").by_key["a"]
    fail(health, 5, NOW)
    for number in range(3 * TARGETS_MAX):
        table.target("p", f"made-up-{number}")
    assert table.target("p", "m").by_key["a"] is health
    assert len(table._targets) <= TARGETS_MAX
    assert len(table.credentials["a"].uses) == len(table._targets)


def test_bounded_even_when_everything_matters() -> None:
    table = HealthTable([A])
    for number in range(TARGETS_MAX + 10):
        health = table.target("p", f"made-up-{number}").members[0]
        health.failed(health.started(NOW), "quota", NOW)
    assert len(table._targets) == len(table.credentials["a"].uses) == TARGETS_MAX


def test_a_key_tells_where_it_stands_and_why() -> None:
    table = HealthTable([A, B])
    health = table.target("p", "m").by_key["a"]
    assert table.state("a", NOW) == []
    fail(health, 5, NOW)
    (told,) = table.state("a", NOW + 1)
    assert orjson.loads(orjson.dumps(told)) == {
        "model": "m",
        "state": "cooling",
        "reason": "5 failures in a row: 503",
        "ends_in_s": 2.0,
        "share": 0.0,
        "failures": 0,
        "history": [
            {"ago_s": 1.0, "from": "healthy", "to": "cooling", "reason": "5 failures in a row: 503", "for_s": 3.0}
        ],
    }  # fmt: skip


def test_providers_that_ask_for_a_slower_rise_are_held_for_their_time() -> None:
    table = HealthTable([A, provider_key("d", Q)])
    for provider_id, hold in (("p", 900.0), ("q", 120.0)):
        (health,) = table.target(provider_id, "m").members
        health.failed(health.started(NOW), "ramp", NOW)
        assert health.ramp is not None and health.ramp.held_until == NOW + hold
