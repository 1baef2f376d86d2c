"""How metrics and documents of several workers become one."""

from typing import Any

import pytest

from gateway.serving.merge_config import merge_config
from gateway.serving.merge_metrics import Families, rule_of
from gateway.serving.merge_pools import merge_pools
from gateway.serving.merge_queue import merge_queue
from gateway.serving.totals import Totals

ONE = """# HELP gateway_requests_total Exchanges ended.
# TYPE gateway_requests_total counter
gateway_requests_total{outcome="ok"} 3.0
# TYPE gateway_request_seconds histogram
gateway_request_seconds_bucket{le="1.0"} 2.0
gateway_request_seconds_bucket{le="+Inf"} 3.0
gateway_request_seconds_count 3.0
gateway_request_seconds_sum 4.5
# TYPE gateway_exchanges_in_flight gauge
gateway_exchanges_in_flight 2.0
# TYPE gateway_loop_lag_seconds gauge
gateway_loop_lag_seconds 0.5
"""
TWO = ONE.replace('"ok"} 3.0', '"ok"} 4.0').replace("lag_seconds 0.5", "lag_seconds 0.25")


def value(text: bytes, start: str) -> float:
    (line,) = [line for line in text.decode().splitlines() if line.startswith(start + " ")]
    return float(line.split()[-1])


def test_counters_and_buckets_add_up_and_gauges_follow_their_rule() -> None:
    totals = Totals()
    totals.scraped("0.1", ONE)
    totals.scraped("1.1", TWO)
    text = totals.merged({"0.1", "1.1"}).text()
    assert value(text, 'gateway_requests_total{outcome="ok"}') == 7
    assert value(text, 'gateway_request_seconds_bucket{le="1.0"}') == 4
    assert value(text, "gateway_request_seconds_count") == 6
    assert value(text, "gateway_exchanges_in_flight") == 4
    assert value(text, "gateway_loop_lag_seconds") == 0.5


def test_what_a_dead_worker_counted_stays_and_what_it_was_goes() -> None:
    totals = Totals()
    totals.scraped("0.1", ONE)
    totals.scraped("1.1", TWO)
    totals.ended("0.1")
    totals.scraped("0.2", ONE)
    text = totals.merged({"0.2", "1.1"}).text()
    assert value(text, 'gateway_requests_total{outcome="ok"}') == 10
    assert value(text, "gateway_exchanges_in_flight") == 4


def test_a_silent_worker_keeps_its_counts_only() -> None:
    totals = Totals()
    totals.scraped("0.1", ONE)
    totals.scraped("1.1", TWO)
    text = totals.merged({"1.1"}).text()
    assert value(text, 'gateway_requests_total{outcome="ok"}') == 7
    assert value(text, "gateway_exchanges_in_flight") == 2
    assert value(text, "gateway_loop_lag_seconds") == 0.25


def test_a_merged_text_reads_back_the_same() -> None:
    text = Families.parse(ONE).text()
    assert Families.parse(text.decode()).text() == text


@pytest.mark.parametrize(
    ("name", "kind", "merged"),
    [
        ("gateway_limit_used_ratio", "gauge", 3),
        ("gateway_config_generation", "gauge", 3),
        ("gateway_requests_created", "gauge", 2),
        ("gateway_queue_depth", "gauge", 5),
        ("gateway_requests", "counter", 5),
    ],
)
def test_rules_by_family(name: str, kind: str, merged: float) -> None:
    assert rule_of(name, kind)(2, 3) == merged


def pool(in_flight: int, used: int, *health: dict[str, Any], **more: Any) -> dict[str, Any]:
    dimension = {
        "dimension": "rpm", "used": used, "limit": 100, "configured": 120, "free": 100 - used, "blocked_s": 0.0
    }  # fmt: skip
    made = {
        "id": "one", "provider": "sim", "state": "enabled", "in_flight": in_flight, "attempts": 10, "failures": 1,
        "last_refusal": None, "last_rate_limited_ago_s": None,
        "limits": [{"account": "one", "blocked_s": 0.0, "dimensions": [dimension]}], "health": list(health),
    }  # fmt: skip
    return {**made, **more}


def health(state: str, *ago_s: float, model: str = "chat") -> dict[str, Any]:
    history = [{"ago_s": ago, "to": state} for ago in ago_s]
    share = float(state == "healthy")
    return {"model": model, "state": state, "share": share, "failures": 0, "history": history}


def test_of_pools_what_workers_count_adds_up_and_what_they_share_does_not() -> None:
    second = pool(2, 60, last_refusal="rate_limit_exceeded", last_rate_limited_ago_s=3.0)
    second["limits"][0]["dimensions"][0].update(limit=90, free=30, blocked_s=1.5)
    [merged] = merge_pools({0: [pool(1, 40)], 3: [second]})
    assert (merged["in_flight"], merged["attempts"], merged["failures"]) == (3, 20, 2)
    assert (merged["last_refusal"], merged["last_rate_limited_ago_s"]) == ("rate_limit_exceeded", 3.0)
    [account] = merged["limits"]
    assert account["dimensions"] == [
        {"dimension": "rpm", "used": 60, "limit": 90, "configured": 120, "free": 30, "blocked_s": 1.5}
    ]
    assert merged["workers"] == [
        {"worker": 0, "in_flight": 1, "health": "healthy"},
        {"worker": 3, "in_flight": 2, "health": "healthy"},
    ]


def test_of_a_keys_health_the_worst_is_shown_with_all_that_happened() -> None:
    first = pool(0, 0, health("healthy", 9.0, 1.0), health("quota", 5.0, model="embed"))
    [merged] = merge_pools({0: [first], 1: [pool(0, 0, health("cooling", 4.0))]})
    chat, embed = merged["health"]
    assert (chat["model"], chat["state"], chat["share"]) == ("chat", "cooling", 0.0)
    assert [change["ago_s"] for change in chat["history"]] == [9.0, 4.0, 1.0]
    assert (embed["model"], embed["state"]) == ("embed", "quota")
    assert [row["health"] for row in merged["workers"]] == ["quota", "cooling"]


def test_pools_of_one_worker_only_are_kept_beside_the_others() -> None:
    assert [one["id"] for one in merge_pools({0: [pool(0, 0)], 1: [pool(0, 0, id="two")]})] == ["one", "two"]


def page(*ids: str, more: bool = False, wait: int | None = 1000, shut: bool = False) -> dict[str, Any]:
    depth = len(ids)
    return {
        "depth": depth, "bytes": 100 * depth,
        "classes": [{"priority": "conversation", "depth": depth, "bytes": 100 * depth, "shut": shut}],
        "tenants": [{"tenant": "a", "depth": depth, "bytes": 100 * depth}],
        "lines": [{"accounts": ["one", "two"], "model": "m", "depth": depth, "classes": [
            {"priority": "conversation", "depth": depth, "expected_wait_ms": wait}]}],
        "data": [{"request_id": one} for one in ids],
        "next": ids[-1] if more else None,
    }  # fmt: skip


def test_lines_of_workers_are_listed_together_and_their_depths_add_up() -> None:
    merged = merge_queue([page("r1", "r4", shut=True), page("r2", wait=3000)], 50)
    assert [row["request_id"] for row in merged["data"]] == ["r1", "r2", "r4"]
    assert (merged["depth"], merged["bytes"], merged["next"]) == (3, 300, None)
    assert merged["classes"] == [{"priority": "conversation", "depth": 3, "bytes": 300, "shut": True}]
    assert merged["tenants"] == [{"tenant": "a", "depth": 3, "bytes": 300}]
    [line] = merged["lines"]
    assert (line["accounts"], line["depth"]) == (["one", "two"], 3)
    assert line["classes"] == [{"priority": "conversation", "depth": 3, "expected_wait_ms": 3000}]


def test_a_wait_that_nobody_can_tell_is_not_made_up() -> None:
    [line] = merge_queue([page("r1"), page("r2", wait=None)], 50)["lines"]
    assert line["classes"][0]["expected_wait_ms"] is None


def test_a_merged_page_ends_where_any_worker_has_more() -> None:
    merged = merge_queue([page("r1", "r3", more=True), page("r2")], 2)
    assert [row["request_id"] for row in merged["data"]] == ["r1", "r2"]
    assert merged["next"] == "r2"
    assert merge_queue([page("r1", "r3"), page("r2")], 2)["next"] == "r2"
    assert merge_queue([page("r1", "r3"), page("r2")], 3)["next"] is None
    assert merge_queue([page("r1", "r3", more=True), page()], 2)["next"] == "r3"


def test_one_worker_that_vault_shuts_out_is_enough_to_say_so() -> None:
    well = {"generation": 4, "tenants": ["a", "b"], "vault": "answers"}
    shut = {"generation": 3, "tenants": ["a"], "vault": "login: Vault denies it"}
    merged = merge_config({0: well, 1: shut})
    assert (merged["generation"], merged["tenants"], merged["vault"]) == (4, ["a", "b"], shut["vault"])
    assert [(one["worker"], one["generation"], one["vault"]) for one in merged["workers"]] == [
        (0, 4, "answers"), (1, 3, shut["vault"]),
    ]  # fmt: skip
    assert merge_config({0: well})["vault"] == "answers"
    assert merge_config({0: {**well, "vault": None}})["vault"] is None
