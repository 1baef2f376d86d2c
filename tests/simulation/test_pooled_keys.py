"""Three keys in one pool, behind four replicas and one ledger, at twice the load: what one key refuses is asked for
at the others, without waiting and without asking again and again.
"""

from collections import defaultdict
from dataclasses import replace

import pytest

from gateway.settings.snapshot import Limits
from keys.secret import Secret
from tests.admission.simulation import MIX
from tests.simulation.plan import BEGIN_S, Plan, steady
from tests.simulation.world import run

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]  # nothing but computing, twenty seconds
RPM = 400
KEYS = 3
WARM_UP_S, MEASURED_S = 70.0, 45.0


def pooled() -> Plan:
    load = 2 * RPM * KEYS / 60
    sources = [("a", "p", rank, load * part) for rank, part in enumerate(MIX)]
    plan = steady({"p": Limits(rpm=RPM)}, sources, WARM_UP_S + MEASURED_S, replicas=(1.0,) * 4, depth=250)
    (one,) = plan.snapshot.provider_keys
    keys = tuple(replace(one, id=f"p-{at}", secret=Secret(f"secret-p-{at}")) for at in range(KEYS))
    plan.snapshot = replace(plan.snapshot, provider_keys=keys)
    return plan


def test_the_top_class_hardly_waits_and_the_ledger_is_not_asked_for_nothing() -> None:
    plan = pooled()
    report = run(plan)
    assert not report.broken, report.broken
    begin = BEGIN_S + WARM_UP_S
    arrived = {one.id: one for one in plan.requests}
    waits = defaultdict(list)
    for attempt in report.sent:
        request = arrived[attempt.request]
        if request.at >= begin:
            waits[request.rank].append(attempt.at - request.at)
    top = sorted(waits[0])
    assert len(top) > 150
    assert top[int(0.95 * len(top))] <= 0.050
    assert top[int(0.99 * len(top))] <= 0.250
    sent = sum(attempt.at >= begin for attempt in report.sent)
    assert sent >= 0.98 * RPM * KEYS * MEASURED_S / 60
    calls = sum(at >= begin for at in report.calls)
    assert calls <= 8 * sent


def test_a_ledger_that_takes_half_a_second_to_answer_is_used_to_the_full() -> None:
    """Leases last for some calls: those that end before they are heard of serve nobody."""
    plan = pooled()
    plan.link_s = 0.1, 0.5
    report = run(plan)
    assert not report.broken, report.broken
    sent = sum(attempt.at >= BEGIN_S + WARM_UP_S for attempt in report.sent)
    assert sent >= 0.94 * RPM * KEYS * MEASURED_S / 60
