"""Ceilings used to the full and never tripped, whatever binds, by one worker or several.

Three keys of different tiers are offered twice what they hold, with requests, input and output tokens binding in
turn; the same by four workers sharing a Valkey, of which one worker is killed and the Valkey restarted; a key of
5 requests a minute behind eight workers; and all classes at twice 1,200 requests a minute, by one and by four.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.figures import Figure
from loadtests.judged.classes import floor_figures, shed_order_figure
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import failure_figure
from loadtests.judged.waiting import felt_figure, wait_figure
from loadtests.judged.windows import kept, used
from loadtests.offered.stream import MIX, UNPACED_MIX, Stream, mixed
from loadtests.scenarios import command
from loadtests.scenarios.key_sets import ROOMY, SHARED_WORKERS, WARM_UP_S, one_provider, tiers
from loadtests.scenarios.run import Run
from loadtests.world.disturbance import Disturbance, kill_worker, restart_ledger
from loadtests.world.layout import Layout, Ledger, ProviderKey, RoutePlan, SimPlan

MEASURED_S = 180.0
BINDING = {
    "rpm": ({"rpm": 1200, "itpm": 1_200_000, "otpm": 240_000}, 100, 20, 40.0),
    "itpm": ({"rpm": 2400, "itpm": 1_200_000, "otpm": 240_000}, 800, 20, 50.0),
    "otpm": ({"rpm": 2400, "itpm": 1_200_000, "otpm": 240_000}, 100, 160, 50.0),
}
"""What binds: ceilings of all three keys, input and output tokens of a request, requests offered a second (twice
what the ceiling allows)."""

CI_LIMITS = {
    "rpm": ({**ROOMY, "rpm": 240}, 60, 8),
    "itpm": ({**ROOMY, "itpm": 60_000}, 250, 8),
    "otpm": ({**ROOMY, "otpm": 4800}, 60, 20),
}
CI_CLASSES = dict(zip(MIX, (0.4, 0.13, 0.19, 0.13, 0.15), strict=True))
CI_CLASSES_FILL = 75
CI_SECONDS = 10.0
CI_SHARED_WORKERS = 3


def binding(limit: str, *, workers: int = 1, ledger: Ledger = "memory") -> Run:
    """One dimension binding, in full length; with several workers, through a crash and a restart."""
    limits, input_tokens, output_tokens, rate = BINDING[limit]
    keys = tiers("tier", limits)
    names = [key.id for key in keys]
    shared = workers > 1
    return Run(
        f"shared-{limit}" if shared else limit,
        f"{limit} binds, 2× load" + (f", {workers} workers on Valkey, a crash, a restart" if shared else ""),
        one_provider(keys, workers=workers, ledger=ledger),
        mixed(((0, rate),), MIX, input_tokens=input_tokens, output_tokens=output_tokens),
        WARM_UP_S + MEASURED_S,
        WARM_UP_S,
        lambda evidence: [
            *kept(evidence),
            used(evidence, names, limit, 95 if shared else 98),
            # Whoever waits at a worker that is killed is cut off: told, not judged.
            failure_figure(evidence.calls, judged=not shared),
        ],
        (Disturbance(WARM_UP_S + 60, kill_worker), Disturbance(WARM_UP_S + 120, restart_ledger))
        if shared
        else (),
    )


def scarce(ci: bool) -> Run:
    """A key so small that a lease to spare is a request lost."""
    keys = (ProviderKey("small", {"rpm": 5}),)
    since, measured = (0.0, CI_SECONDS) if ci else (WARM_UP_S, 300.0)
    workers = 8
    return Run(
        "scarce",
        f"a key of 5 requests a minute, {workers} workers",
        one_provider(keys, workers=workers, ledger="embedded"),
        mixed(((0, 1.5 if ci else 0.4),), UNPACED_MIX if ci else MIX),
        since + measured,
        since,
        lambda evidence: [
            *kept(evidence),
            used(evidence, ["small"], "rpm", 95, short=ci),
            failure_figure(evidence.calls),
        ],
    )


def classes(ci: bool, *, workers: int = 1, ledger: Ledger = "memory") -> Run:
    """Every class at twice the ceiling: the top one does not wait, the others get their floors."""
    shared = workers > 1
    rpm = 300 if ci else 1200
    keys = tiers("tier", {"rpm": rpm})
    names = [key.id for key in keys]
    since, seconds = (0.0, CI_SECONDS) if ci else (WARM_UP_S, WARM_UP_S + 300)
    rate = 45.0 if ci else 2 * rpm / 60

    def judge(evidence: Evidence) -> list[Figure]:
        return [
            *kept(evidence),
            # In ten seconds the paced classes do not take what the top one leaves, which must not take the floors.
            used(evidence, names, "rpm", CI_CLASSES_FILL if ci else 98, short=ci),
            wait_figure(evidence, "supervised", 95, 50),
            wait_figure(evidence, "supervised", 99, 250),
            felt_figure(evidence, "supervised", 95),
            *floor_figures(evidence, rpm),
            # Each worker has a line of its own, and sheds from that: order is compared where there is one.
            *([] if shared else [shed_order_figure(evidence)]),
            failure_figure(evidence.calls),
        ]

    queue = {"depth_max": 60} if ci and not shared else {}
    layout = one_provider(keys, workers=workers, ledger=ledger, queue=queue)
    return Run(
        "shared-classes" if shared else "classes",
        f"all classes at 2× of {rpm:,.0f} rpm" + (f", {workers} workers on Valkey" if shared else ""),
        layout,
        mixed(((0, rate),), CI_CLASSES if ci else MIX),
        seconds,
        since,
        judge,
    )


def all_bindings_at_once(*, shared: bool = False) -> Run:
    """For CI: three providers, one bound by each dimension, side by side for some seconds from idle.

    `shared`: by several workers on a Valkey, which is restarted empty when the windows are nearly full, and some
    seconds before that one worker is killed. (Killed together with the ledger, it would be taken to have sent all.)
    """
    sims: list[SimPlan] = []
    routes: list[RoutePlan] = []
    streams: list[Stream] = []
    bound: list[tuple[str, Sequence[ProviderKey]]] = []
    for limit, (limits, input_tokens, output_tokens) in CI_LIMITS.items():
        keys = tiers(limit, limits)
        sims.append(SimPlan(f"by-{limit}", keys, 20.0))
        routes.append(RoutePlan(limit, (f"by-{limit}/chat",)))
        shape = {"model": limit, "input_tokens": input_tokens, "output_tokens": output_tokens}
        streams += mixed(((0, 40.0),), UNPACED_MIX, **shape)  # type: ignore[arg-type]
        bound.append((limit, keys))

    def judge(evidence: Evidence) -> list[Figure]:
        # Of tokens the last request's upper bound has to fit, which at so small ceilings is up to a percent a key.
        least = {"rpm": 98, "itpm": 95, "otpm": 95}
        fills = [
            used(evidence, [key.id for key in keys], name, 80 if shared else least[name], short=True)
            for name, keys in bound
        ]
        return [*kept(evidence), *fills, failure_figure(evidence.calls, judged=not shared)]

    if not shared:
        layout = Layout(tuple(sims), tuple(routes))
        title = "each dimension binding at a provider of its own"
        return Run("binding", title, layout, streams, CI_SECONDS, 0.0, judge)
    layout = Layout(tuple(sims), tuple(routes), workers=CI_SHARED_WORKERS, ledger="own")
    title = f"the same, {CI_SHARED_WORKERS} workers on Valkey, a crash, a restart"
    disturbances = (Disturbance(1.5, kill_worker), Disturbance(5.5, restart_ledger))
    return Run("shared-binding", title, layout, streams, CI_SECONDS, 0.0, judge, disturbances)


def runs(ci: bool) -> list[Run]:
    """All cases."""
    rest = [scarce(ci), classes(ci), classes(ci, workers=SHARED_WORKERS, ledger="own")]
    if ci:
        return [all_bindings_at_once(), all_bindings_at_once(shared=True), *rest]
    alone = [binding(limit) for limit in BINDING]
    shared = [binding(limit, workers=SHARED_WORKERS, ledger="own") for limit in BINDING]
    return [*alone, *shared, *rest]


def main(words: Sequence[str]) -> int:
    """The exit status."""
    return command.main("ceilings", __doc__, runs, words)
