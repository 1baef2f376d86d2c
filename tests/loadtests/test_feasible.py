"""Can the declared figures be met? A gateway that does what the design says meets all of them, on paper."""

import pytest

from loadtests.scenarios import burst, ceilings, mixed_stream, noisy_neighbour
from loadtests.scenarios.run import Run
from tests.loadtests.ideal import ideal

FULL = {"rpm", "classes", "tenants", "idle"}
"""Of the full runs as many as take a test's time to play through."""
RUNS = [
    run
    for scenario in (burst, ceilings, mixed_stream, noisy_neighbour)
    for ci in (True, False)
    for run in scenario.runs(ci)
    if not run.disturbances and run.name != "scarce" and (ci or run.name in FULL)
]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.name}-{run.seconds:g}s")
def test_an_ideal_gateway_meets_every_figure(run: Run) -> None:
    missed = [figure for figure in run.judge(ideal(run)) if figure.verdict not in ("", "ok")]
    assert missed == []
