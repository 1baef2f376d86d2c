"""Metrics: plain additions that Prometheus' own parser reads back as the same numbers, with bounded labels."""

from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import LABEL_VALUES_MAX, Ended, LabelCap, Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(registry: CollectorRegistry) -> Samples:
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def made() -> tuple[Metrics, CollectorRegistry]:
    registry = CollectorRegistry()
    return Metrics(registry, lambda: 3), registry


def ended(route: str = "smart", outcome: str = "ok", model: str = "m", tenant: str = "t") -> Ended:
    return Ended(route, "conversation", outcome, "p", "k", model, tenant)


@given(st.lists(st.text(max_size=5), max_size=600))
def test_labels_are_capped(values: list[str]) -> None:
    cap = LabelCap()
    shown = [cap(value) for value in values]
    assert len(set(shown) - {"other"}) <= LABEL_VALUES_MAX
    first = list(dict.fromkeys(values))[:LABEL_VALUES_MAX]
    assert all(label == value for label, value in zip(shown, values, strict=True) if value in first)


_EVENTS = st.tuples(
    st.sampled_from(["smart", "fast", 'od"d\\\n']),
    st.sampled_from(["ok", "error"]),
    st.one_of(st.sampled_from([0.005, 0.5, 1.0, 900.0, 901.0]), st.floats(0, 2000)),
    st.floats(0, 2),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)


@given(st.lists(_EVENTS, max_size=60))
def test_what_happened_is_what_is_scraped(events: list[tuple[str, str, float, float, int, int]]) -> None:
    metrics, registry = made()
    for route, outcome, seconds, overhead_s, inputs, outputs in events:
        metrics.ended(ended(route, outcome), seconds, overhead_s, 0.0, inputs, outputs)
    samples = scraped(registry)

    def value(name: str, **labels: str) -> float:
        return samples.get((f"gateway_{name}", tuple(sorted(labels.items()))), 0.0)

    for (route, outcome), count in Counter((event[0], event[1]) for event in events).items():
        assert value("requests_total", route=route, priority="conversation", outcome=outcome) == count
    for route in {event[0] for event in events}:
        took = sorted(event[2] for event in events if event[0] == route)
        assert value("request_seconds_count", route=route) == len(took)
        assert value("request_seconds_sum", route=route) == pytest.approx(sum(took))
        for bound in (0.005, 0.5, 1.0, 900.0):
            names = [str(bound), str(int(bound)) if bound == int(bound) else str(bound)]
            told = max(value("request_seconds_bucket", route=route, le=name) for name in names)
            assert told == sum(1 for seconds in took if seconds <= bound)
        assert value("request_seconds_bucket", route=route, le="+Inf") == len(took)
    assert value("overhead_seconds_count") == len(events)
    assert value("overhead_seconds_sum") == pytest.approx(sum(event[3] for event in events))
    for place, kind in ((4, "input"), (5, "output")):
        total = sum(event[place] for event in events)  # type: ignore[misc]
        assert value("tokens_total", provider="p", model="m", kind=kind) == total
        assert value("tenant_tokens_total", tenant="t", kind=kind) == total


def test_buckets_only_grow_and_bounds_belong_to_the_lower_one() -> None:
    metrics, registry = made()
    for seconds in (0.0, 0.005, 0.0051, 900, 1e9):
        metrics.ended(ended(), seconds, 0.0, 0.0, 0, 0)
    buckets = {
        float(dict(labels)["le"]): value
        for (name, labels), value in scraped(registry).items()
        if name == "gateway_request_seconds_bucket"
    }
    ordered = [buckets[bound] for bound in sorted(buckets)]
    assert ordered == sorted(ordered)
    assert (buckets[0.005], buckets[0.01], buckets[900.0], buckets[float("inf")]) == (2, 3, 4, 5)
    assert bisect_left((0.005,), 0.005) == 0


def test_models_that_callers_make_up_fold_into_other_and_none_is_lost() -> None:
    metrics, registry = made()
    for number in range(1000):
        metrics.ended(
            ended(model=f"made-up-{number}", tenant=f"t{number}", route=f"r{number}"), 1, 0, 0.0, 2, 3
        )
    samples = scraped(registry)
    for name, label in (
        ("tokens_total", "model"),
        ("tenant_tokens_total", "tenant"),
        ("requests_total", "route"),
    ):
        rows = {labels: value for (family, labels), value in samples.items() if family == f"gateway_{name}"}
        assert len({dict(labels)[label] for labels in rows}) == LABEL_VALUES_MAX + 1
        assert sum(rows.values()) == (1000 if label == "route" else 5000)


def test_attempts_rejections_gauges() -> None:
    metrics, registry = made()
    metrics.attempted("p", "k", "rate_limit_exceeded")
    metrics.rejected("k", "rate_limit_exceeded")
    metrics.ended(ended(), 1, 0, 0.0, 0, 0)
    metrics.log_dropped()
    metrics.lagged(0.25)
    metrics.degraded("ledger", "safe_share", True)
    samples = {name: value for (name, _), value in scraped(registry).items()}
    by_outcome = {
        dict(labels)["outcome"]: value
        for (name, labels), value in scraped(registry).items()
        if name == "gateway_attempts_total"
    }
    assert by_outcome == {"rate_limit_exceeded": 1, "ok": 1}
    assert samples["gateway_provider_rejections_total"] == 1
    assert samples["gateway_log_lines_dropped_total"] == 1
    assert samples["gateway_loop_lag_seconds"] == 0.25
    assert samples["gateway_exchanges_in_flight"] == 3
    assert samples["gateway_degraded"] == 1
