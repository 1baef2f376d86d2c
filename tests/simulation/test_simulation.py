"""Two hundred worlds drawn from seeds; and worlds made for the invariants that need two, or a steady state.

In most of them replicas die, the ledger they share is lost, calls to it and answers go astray or are made twice.
"""

from collections import Counter
from dataclasses import replace

import pytest

from gateway.admission.classes import CLASSES
from gateway.settings.snapshot import Limits, ProviderKey
from keys.secret import Secret
from tests.simulation.plan import BEGIN_S, REPLICAS, Plan, draw, lose, steady
from tests.simulation.provider import Fault
from tests.simulation.told import error
from tests.simulation.world import Report, run

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]  # nothing but computing, eight seconds each
SEEDS = 200
BATCH = 10


def fine(plan: Plan) -> Report:
    """What the world came to, in which nothing was broken."""
    report = run(plan)
    assert not report.broken, report.broken
    return report


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_whatever_happens(first: int) -> None:
    for seed in range(first, first + BATCH):
        report = run(draw(seed))
        assert not report.broken, "\n".join([*report.broken, f"again: {report.plan.command}"])


def test_most_have_several_replicas_and_all_of_their_troubles() -> None:
    plans = [draw(seed) for seed in range(SEEDS)]
    assert {plan.replicas for plan in plans} == {1, *REPLICAS}
    troubled = [plan for plan in plans if plan.crashes and plan.ledger_away and plan.link_loses]
    assert len(troubled) > SEEDS / 2 and all(plan.replicas > 1 for plan in troubled)


def test_a_world_can_break() -> None:
    """Providers that allow less than the configuration says refuse what was granted: that must be seen."""
    plan = steady({"p": Limits(rpm=60)}, [("a", "p", 2, 2.0)])
    (key,) = plan.snapshot.provider_keys
    more = replace(key, limits=Limits(rpm=120))
    plan.snapshot = replace(plan.snapshot, provider_keys=(more,))
    plan.ceilings = {key.id: Limits(rpm=60)}
    assert any(line.startswith("1:") for line in run(plan).broken)


def test_5_what_is_stuck_at_one_provider_delays_nobody_at_another() -> None:
    """5. Without what waits for an empty account, all others go at the same moments."""
    limits = {"full": Limits(rpm=2), "free": Limits(rpm=60)}
    others = [("a", "free", 1, 0.5), ("b", "free", 2, 1.0)]
    stuck = [("a", "full", 1, 0.3), ("b", "full", 2, 0.5), ("c", "full", 4, 0.5)]

    def moments(sources: list[tuple[str, str, int, float]]) -> list[tuple[str, float]]:
        sent = fine(steady(limits, sources)).sent
        return [(one.request, round(one.at, 6)) for one in sent if "/free/" in one.request]

    # The sources come in the same order, so that what is drawn for each is the same.
    assert moments([*others, *stuck]) == moments(others)


@pytest.mark.parametrize(
    ("rpm", "loads", "replicas"),
    [
        (240, (0.2, 1.2, 0.3, 0.2, 0.1), 1),
        (240, (1.6, 0.5, 0.3, 0.2, 0.1), 1),
        (300, (1.4, 0.4, 0.4, 0.3, 0.3), 1),
        (300, (1.4, 0.4, 0.4, 0.3, 0.3), 4),
    ],
    ids=["conversation", "supervised", "supervised more than fits", "at four replicas"],
)
def test_6_every_class_gets_its_floor_and_the_ceiling_is_used(
    rpm: int, loads: tuple[float, ...], replicas: int
) -> None:
    """6. At twice the load and more, most of it of one class, who waits gets their part of every minute."""
    sources = [("a", "p", rank, load * rpm / 60) for rank, load in enumerate(loads)]
    report = fine(steady({"p": Limits(rpm=rpm)}, sources, seconds=300.0, replicas=[1.0] * replicas))
    for minute in range(2, 5):
        begin = BEGIN_S + 60 * minute
        sent = Counter(int(one.request.split("/")[2]) for one in report.sent if begin <= one.at < begin + 60)
        used = sum(sent.values())
        assert used >= 0.98 * rpm
        for rank, row in enumerate(CLASSES):
            assert sent[rank] >= int(0.97 * row.floor * used), (minute, sent)


@pytest.mark.parametrize("limits", [Limits(concurrency=4), Limits(concurrency=4, rpm=60_000)])
def test_6_every_class_gets_its_floor_where_places_are_short(limits: Limits) -> None:
    """6. One replica, and a model that answers four at a time, 240 a minute: the top class alone wants more."""
    sources = [("a", "p", rank, load * 4) for rank, load in enumerate((1.4, 0.4, 0.4, 0.3, 0.3))]
    plan = steady({"p": limits}, sources, seconds=180.0)
    plan.latency_s = {key.id: 1.0 for key in plan.snapshot.provider_keys}
    sent = Counter(int(one.request.split("/")[2]) for one in fine(plan).sent if one.at >= BEGIN_S + 60)
    used = sum(sent.values())
    assert used >= 0.9 * 4 * 120
    for rank, row in enumerate(CLASSES):
        assert sent[rank] >= int(0.95 * row.floor * used), sent


def test_7_equal_tenants_are_served_alike_however_much_one_asks_for() -> None:
    """7. Both wait all the while; one offers five times as much."""
    sources = [("a", "p", 2, 15.0), ("b", "p", 2, 3.0)]
    report = fine(steady({"p": Limits(rpm=240)}, sources, seconds=240.0))
    sent = Counter(one.request.split("/")[0] for one in report.sent if one.at >= BEGIN_S + 90)
    assert sent["a"] == pytest.approx(sent["b"], rel=0.05)


def test_14_expected_waits_come_true() -> None:
    """14. In a steady state the median error is less than three in ten."""
    sources = [("a", "p", 0, 0.5), ("a", "p", 1, 1.0), ("b", "p", 2, 4.0), ("a", "p", 2, 4.0)]
    report = fine(steady({"p": Limits(rpm=240)}, sources, seconds=300.0))
    told = [one for one in report.etas if one.came_s > 1.0]
    assert len(told) > 100
    assert error(told) < 0.3


def test_the_last_error_stands_when_no_way_is_left() -> None:
    """A key that is only busy is not "no key at all", which callers are told not to try again."""
    plan = steady({"p": Limits(rpm=60)}, [("a", "p", 1, 0.2)])
    plan.faults["p-0"] = [Fault("capacity", 0.0, BEGIN_S + 1e6)]
    codes = set(fine(plan).codes.values())
    assert "rate_limit_exceeded" in codes
    assert "no_eligible_key" not in codes


@pytest.mark.parametrize("seconds", [1.0, 4.0, 7.0, 25.0])
@pytest.mark.parametrize("kind", ["down", "error"])
def test_a_target_that_is_away_is_not_felt_however_few_requests_there_are(kind: str, seconds: float) -> None:
    """Each of them would try it first, and few pay for another attempt."""
    plan = steady({"p": Limits(rpm=600), "q": Limits(rpm=600)}, [("a", "p", 1, 1 / seconds)], 600.0)
    route, other = plan.snapshot.routes["p"], plan.snapshot.routes["q"]
    both = replace(route, targets=(*route.targets, *other.targets))
    plan.snapshot = replace(plan.snapshot, routes={"p": both})
    end = BEGIN_S + 400
    fault = Fault(kind, BEGIN_S + 100, end)
    if kind == "down":
        plan.host_faults["p"] = [fault]
    else:
        plan.faults["p-0"] = [fault]
    report = fine(plan)
    assert set(report.codes.values()) == {""}
    served = [one for one in report.sent if one.account == "p-0" and one.at > end + 60]
    assert len(served) > 0.9 * (600 - 460) / seconds - 3, "it is in use again"


@pytest.mark.parametrize("kind", ["down", "error"])
def test_a_target_that_is_away_is_not_asked_because_the_other_is_full(kind: str) -> None:
    """Half of the load has no room at the second: that waits, and nobody is told of the first one's failures."""
    plan = steady(
        {"p": Limits(rpm=600), "q": Limits(rpm=60)}, [("a", "p", 1, 1.0), ("b", "p", 2, 1.0)], 600.0
    )
    route, other = plan.snapshot.routes["p"], plan.snapshot.routes["q"]
    both = replace(route, targets=(*route.targets, *other.targets))
    plan.snapshot = replace(plan.snapshot, routes={"p": both})
    begin, end = BEGIN_S + 100, BEGIN_S + 300
    lose(plan, "p", Fault(kind, begin, end))
    report = fine(plan)
    assert set(report.codes.values()) <= {
        "",
        "deadline_unreachable",
        "queue_timeout",
        "queue_full",
        "overloaded",
    }
    asked = [one.at for one in report.sent if one.account == "p-0"]
    assert sum(begin + 10 <= at < end for at in asked) <= (0 if kind == "down" else 200 / 24 + 3), (
        "its probes"
    )
    assert sum(end <= at < end + 30 for at in asked) >= 3, "back in use"
    assert sum(at >= end + 120 for at in asked) > 0.9 * (600 - 420) * 2


def test_12_what_was_sent_is_not_called_too_large_for_the_keys_that_are_left() -> None:
    """12. One of two keys takes it and has no room at the moment; the other never could."""
    plan = steady({"p": Limits(rpm=60)}, [("a", "p", 1, 0.2)])
    (key,) = plan.snapshot.provider_keys
    small = ProviderKey("p-1", key.provider, Secret("secret-p-1"), None, Limits(tpm=5))
    plan.snapshot = replace(plan.snapshot, provider_keys=(key, small))
    plan.faults["p-0"] = [Fault("capacity", 0.0, BEGIN_S + 1e6)]
    assert "request_too_large" not in fine(plan).codes.values()


def test_retries_are_counted_against_attempts_and_not_against_what_waits() -> None:
    """15. A thousand that wait do not pay for the retries of the few that go."""
    plan = steady({"p": Limits(rpm=30)}, [("a", "p", 3, 6.0)])
    plan.faults["p-0"] = [Fault("limit", BEGIN_S + 20, BEGIN_S + 100)]
    report = fine(plan)
    assert report.attempts > len({one.request for one in report.sent}), "some were tried again"
