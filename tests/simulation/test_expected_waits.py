"""14 across replicas: what is told of waits comes true whoever shares the account, and however unevenly."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from gateway.admission.classes import CLASSES
from gateway.settings.snapshot import Limits
from tests.simulation.plan import BEGIN_S, Plan, steady
from tests.simulation.told import Told, error
from tests.simulation.world import Report, run

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]  # nothing but computing, ten seconds and more each
MOST = 0.30
#: Of a class that gets what others leave, each by itself.
MOST_OF_FLOORS = 0.45
REPLICAS = {"one": (1.0,), "four": (1.0,) * 4, "four, uneven": (8.0, 4.0, 2.0, 1.0)}
DEPTH = 240  # of all lines together


def settled(plan: Plan, warm_up_s: float) -> Report:
    """What the world came to once it was steady: told from then on."""
    report = run(plan)
    assert not report.broken, report.broken
    for kind in ("etas", "retries"):
        setattr(report, kind, [one for one in getattr(report, kind) if one.at > BEGIN_S + warm_up_s])
    return report


def of_rank(told: Iterable[Told], rank: int, least_s: float = 1.0) -> list[Told]:
    return [one for one in told if one.request.rank == rank and one.came_s > least_s]


@pytest.mark.parametrize("replicas", REPLICAS.values(), ids=REPLICAS)
def test_waits_are_as_told_at_every_replica(replicas: tuple[float, ...]) -> None:
    sources = [("a", "p", 2, 4.0), ("b", "p", 2, 4.0)]
    plan = steady({"p": Limits(rpm=240)}, sources, 200.0, replicas=replicas, depth=DEPTH // len(replicas))
    report = settled(plan, 60.0)
    for number in range(len(replicas)):
        for told in (report.etas, report.retries):
            here = [one for one in of_rank(told, 2) if one.request.replica == number]
            if told is report.etas or here:  # where little comes nobody is turned away
                assert len(here) > 10 and error(here) <= MOST, number
    assert len(report.retries) > 100


def test_a_tenant_with_little_is_not_told_to_wait_for_all_that_another_has_elsewhere() -> None:
    """One fills all lines but the last, where the other comes now and then: it has its half at once."""
    sources = [("loud", "p", 2, 8.0), ("quiet", "p", 2, 1.0)]
    plan = steady({"p": Limits(rpm=240)}, sources, 160.0, replicas=(1.0,) * 4, depth=60)
    for at, request in enumerate(plan.requests):
        if request.tenant == "quiet":
            plan.requests[at] = replace(request, replica=3)
    report = settled(plan, 60.0)
    quiet = [one for one in report.etas if one.request.tenant == "quiet"]
    assert len(quiet) > 20 and max(one.told_s for one in quiet) < 4.0
    loud = [one for one in of_rank(report.etas, 2) if one.request.tenant == "loud"]
    assert error(loud) <= MOST


def test_waits_of_every_class_are_as_told() -> None:
    """At twice the load, on four replicas. A class that has its floor alone goes now and then: nobody can tell more
    closely than half of that between, and of those who wait for it one world has few: it is told of several.
    """
    rpm = 600
    loads = (0.1, 0.5, 1.28, 0.08, 0.04)
    etas, retries = list[Told](), list[Told]()
    for world in range(4):
        tenants = (f"a{world}", f"b{world}")  # they come at other times
        sources = [(name, "p", rank, load * rpm / 120) for rank, load in enumerate(loads) for name in tenants]
        plan = steady({"p": Limits(rpm=rpm)}, sources, 200.0, replicas=(1.0,) * 4, depth=100)
        report = settled(plan, 80.0)
        etas += report.etas
        retries += report.retries
    for told in (etas, retries):
        waited = [one for rank in (2, 3, 4) for one in of_rank(told, rank)]
        assert error(waited) <= MOST
        for rank in (2, 3, 4):
            closely = 30.0 / (rpm * CLASSES[rank].floor) if rank > 2 else 0.0
            of = of_rank(told, rank)
            assert len(of) > (400 if rank == 2 else 20)
            assert error(of, closely) <= (MOST if rank == 2 else MOST_OF_FLOORS), CLASSES[rank].name
