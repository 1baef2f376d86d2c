"""Verdicts on evidence made by hand, on both sides of every promise."""

from dataclasses import replace
from math import inf, isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.figures import Figure
from loadtests.judged.classes import floor_figures, kept_for_floors, out_of_order
from loadtests.judged.degraded import degraded_figures
from loadtests.judged.outcomes import counts, failure_figure
from loadtests.judged.tenants import fairness_figures
from loadtests.judged.waiting import wait_figure
from loadtests.judged.windows import kept, rolling, used
from loadtests.offered.call import Call
from loadtests.offered.stream import CLASSES
from loadtests.scenarios import ceilings
from loadtests.scenarios.provider_outage import recovery
from loadtests.world.charge_rows import ChargeRow
from loadtests.world.watch import Sample
from tests.loadtests.evidence import call, evidence, layout, row


def verdicts(figures: list[Figure]) -> list[str]:
    return [figure.verdict for figure in figures]


@given(st.lists(st.tuples(st.floats(0, 200), st.integers(1, 50)), min_size=1, max_size=60))
def test_a_rolling_window_is_the_sum_over_it(charges: list[tuple[float, int]]) -> None:
    charges = sorted(charges)
    for at, held in rolling(charges):
        upto = [amount for when, amount in charges if at - 60 < when <= at]
        assert held <= sum(upto)
    fullest = max(held for _, held in rolling(charges))
    assert fullest == max(
        sum(amount for when, amount in charges if end - 60 < when <= end) for end, _ in charges
    )


def test_a_window_of_any_alignment_may_not_hold_more() -> None:
    at_most = [row(59.0 + at / 100) for at in range(60)]
    assert verdicts(kept(evidence(rows=at_most)))[:2] == ["ok", "ok"]
    assert verdicts(kept(evidence(rows=[*at_most, row(118.9)])))[1] == "MISSED"
    assert verdicts(kept(evidence(rows=[*at_most, row(119.0)])))[1] == "ok"


def test_what_a_ceiling_refused_was_asked_for_all_the_same() -> None:
    figures = kept(evidence(rows=[*(row(at / 10) for at in range(60)), row(7.0, "refused")]))
    assert verdicts(figures)[:2] == ["MISSED", "MISSED"]


def test_use_is_what_was_taken_after_warming_up() -> None:
    rows = [row(float(at)) for at in range(120)]
    assert used(evidence(rows=rows), ["k"], "rpm", 98).verdict == "ok"
    assert used(evidence(rows=rows[:-3]), ["k"], "rpm", 98).verdict == "MISSED"
    refused = [row(float(at), "refused") for at in range(120)]
    assert used(evidence(rows=refused), ["k"], "rpm", 98).value == 0
    tokens = [row(float(at), "produced", output=1) for at in range(120)]
    assert used(evidence(rows=tokens, otpm=60), ["k"], "otpm", 98).verdict == "ok"


@pytest.mark.parametrize(("taken", "verdict"), [(270, "ok"), (150, "MISSED"), (0, "MISSED")])
def test_the_classes_short_form_judges_how_full_the_window_got(taken: int, verdict: str) -> None:
    """150 of 300 in ten seconds is three times what a minute's ceiling gives in that time, and half a window."""
    run = ceilings.classes(ci=True)
    charges: dict[str, list[ChargeRow]] = {key.id: [] for key in run.layout.keys}
    charges["tier-1"] = [row(at / 30) for at in range(taken)]
    made = replace(evidence(seconds=10.0, since=0.0), layout=run.layout, charges=charges)
    [filled] = [figure for figure in run.judge(made) if figure.name.startswith("rpm of ")]
    assert filled.verdict == verdict


def test_without_a_log_nothing_is_said_about_ceilings() -> None:
    unknown = evidence(logs=False)
    assert set(verdicts([*kept(unknown), used(unknown, ["k"], "rpm", 98)])) == {"NOT MEASURED"}


def test_waits_count_those_who_still_wait() -> None:
    quick = [call(60.0 + at / 10, 61.0 + at / 10, queue_ms=1.0) for at in range(100)]
    assert wait_figure(evidence(quick), "conversation", 95, 50).verdict == "ok"
    stuck = [call(70.0, None) for _ in range(10)]
    assert wait_figure(evidence([*quick, *stuck]), "conversation", 95, 50).value == 50_000
    assert wait_figure(evidence([*quick, call(119.9, None)]), "conversation", 100, 50).verdict == "ok"


def test_a_gateway_that_does_not_say_how_long_it_took_has_not_been_measured() -> None:
    silent = [call(70.0, 71.0, queue_ms=None)]
    assert wait_figure(evidence(silent), "conversation", 95, 50).verdict == "NOT MEASURED"
    assert wait_figure(evidence([]), "conversation", 95, 50).verdict == "NOT MEASURED"


def test_shed_before_a_lower_class_is_out_of_order() -> None:
    none = dict.fromkeys(CLASSES, 0)
    patient = call(10.0, None, priority="evaluation")
    shed = call(20.0, 20.1, priority="scheduled", status=503, code="queue_full")
    assert out_of_order([patient, shed], 60.0, none) == 1
    overloaded = call(20.0, 20.1, priority="scheduled", status=503, code="overloaded")
    assert out_of_order([patient, overloaded], 60.0, none) == 1
    assert out_of_order([call(10.0, None, priority="conversation"), shed], 60.0, none) == 0
    assert out_of_order([call(20.0, None, priority="evaluation"), shed], 60.0, none) == 0  # came no earlier
    gone = call(10.0, 20.0, priority="evaluation", status=503, code="queue_full")
    assert out_of_order([gone, shed], 60.0, none) == 0  # shed itself, to make room
    late = call(20.0, 20.1, priority="scheduled", status=503, code="deadline_unreachable")
    assert out_of_order([patient, late], 60.0, none) == 0  # not for want of space


def test_what_a_class_keeps_for_its_floor_is_not_out_of_order() -> None:
    keeps = kept_for_floors(layout())
    assert keeps["evaluation"] > 1 and keeps["supervised"] == 0
    shed = call(20.0, 20.1, priority="scheduled", status=503, code="queue_full")
    kept = [call(10.0, None, priority="evaluation") for _ in range(keeps["evaluation"])]
    other = [call(10.0, None, priority="consolidation") for _ in range(keeps["consolidation"])]
    assert out_of_order([*kept, *other, shed], 60.0, keeps) == 0, "each class keeps its own"
    more = call(10.0, None, priority="evaluation")
    assert out_of_order([*kept, *other, more, shed], 60.0, keeps) == 1


def test_floors_are_of_the_ceiling_or_of_what_was_offered() -> None:
    served = [call(60.0 + at / 2, 61.0 + at / 2, priority="conversation") for at in range(24)]
    few = [call(70.0, 71.0, priority="evaluation")]
    starved = [call(60.0 + at / 2, None, priority="scheduled") for at in range(100)]
    made = dict(zip(("conversation", "scheduled", "consolidation", "evaluation"),
                    verdicts(floor_figures(evidence([*served, *few, *starved]), 120)), strict=True))  # fmt: skip
    assert made == {"conversation": "ok", "scheduled": "MISSED", "consolidation": "ok", "evaluation": "ok"}


def tenant_calls(tenant: str, every: float) -> list[Call]:
    """Always somebody in line, one dispatched every so often."""
    return [
        call(at - 10, at + 0.1, queue_ms=10_000.0, tenant=tenant)
        for at in (60 + number * every for number in range(int(55 / every)))
    ]


@pytest.mark.parametrize(("other", "verdict"), [(0.2, "ok"), (0.205, "ok"), (0.25, "MISSED")])
def test_equal_tenants_are_served_equally_while_both_are_backlogged(other: float, verdict: str) -> None:
    calls = [*tenant_calls("quiet", 0.2), *tenant_calls("noisy", other)]
    figures = fairness_figures(evidence(calls), ("quiet", "noisy"), 5, 30)
    assert verdicts(figures) == [verdict, "ok"]


def test_fairness_without_a_backlog_is_not_measured() -> None:
    calls = [call(70.0, 70.1, tenant=tenant) for tenant in ("quiet", "noisy")]
    figures = fairness_figures(evidence(calls), ("quiet", "noisy"), 5, 30)
    assert verdicts(figures) == ["NOT MEASURED", "MISSED"]


def test_a_relayed_429_is_an_error_and_a_refusal_in_our_words_is_not() -> None:
    relayed = call(1.0, 1.1, status=429, code="rate_limit_exceeded")
    refused = call(1.0, 1.1, status=503, code="queue_full")
    overloaded = call(1.0, 1.1, status=503, code="overloaded")
    broken = call(1.0, 1.1, status=200, error="cut short")
    assert [one.failed for one in (relayed, refused, broken, call(1.0, None))] == [True, False, True, False]
    assert failure_figure([refused, overloaded, call(1.0, 2.0)]).verdict == "ok"
    assert failure_figure([relayed]).verdict == "MISSED"
    assert counts([relayed, refused, refused])["refused: queue_full"] == 2


def test_a_loss_is_told_and_untold() -> None:
    name = 'gateway_degraded{dependency="ledger",mode="safe_share"}'
    pages = [Sample(float(at), {name: 1.0 if 12 <= at <= 25 else 0.0}) for at in range(60)]
    assert verdicts(degraded_figures(evidence(samples=pages), 10, 20)) == ["ok", "ok"]
    never = [Sample(float(at), {name: 0.0}) for at in range(60)]
    assert [one.value for one in degraded_figures(evidence(samples=never), 10, 20)] == [inf, inf]
    worker = [
        Sample(float(at), {'gateway_degraded{dependency="worker",mode="silent"}': 1.0}) for at in range(60)
    ]
    assert verdicts(degraded_figures(evidence(samples=worker), 10, 20)) == ["MISSED", "MISSED"]


def test_back_in_use_is_judged_where_it_can_be_seen() -> None:
    back = [call(50.0, 51.0, key="first")]
    assert recovery(evidence(back), "it", 40.0, 60.0).verdict == "ok"
    assert recovery(evidence([]), "it", 40.0, 60.0).verdict == ""
    assert recovery(evidence([]), "it", 40.0, 90.0).verdict == "MISSED"


def test_what_was_not_measured_is_no_number() -> None:
    figure = Figure("x", float("nan"), "%", 98, at_least=True)
    assert (figure.verdict, figure.as_json()["value"]) == ("NOT MEASURED", None)
    assert isnan(figure.value) and Figure("x", inf, "s", 5, tolerance=0).verdict == "MISSED"
    assert Figure("x", 101, "%", 100, tolerance=0).verdict == "MISSED"
