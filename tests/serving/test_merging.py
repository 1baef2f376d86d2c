"""How metrics and documents of several workers become one."""

import pytest

from gateway.serving.merge_documents import merge_documents
from gateway.serving.merge_metrics import Families, rule_of
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


def test_documents_merge_by_id_and_numbers_add_up() -> None:
    one = {"data": [{"id": "a", "in_flight": 1, "healthy": True, "last": None}], "next": None}
    two = {"data": [{"id": "a", "in_flight": 2, "healthy": False, "last": "429"}, {"id": "b"}], "next": None}
    assert merge_documents([one, two]) == {
        "data": [{"id": "a", "in_flight": 3, "healthy": True, "last": "429"}, {"id": "b"}],
        "next": None,
    }
