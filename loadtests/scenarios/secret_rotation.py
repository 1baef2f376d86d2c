"""A provider secret is rotated under load, and no request notices.

The provider takes the new secret from the moment of the rotation on, and the old one for a while longer: no refusal
tells the gateway that there is another, and its TTL of a minute is too long. It has to watch the secret's version.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import failure_figure, refusal_figure
from loadtests.offered.stream import MIX, mixed
from loadtests.scenarios import command
from loadtests.scenarios.run import Run
from loadtests.world.disturbance import ROTATED, Disturbance, rotate_secret, set_faults
from loadtests.world.layout import Layout, ProviderKey, RoutePlan, SimPlan

UNUSED_AFTER_S = 5.0
#: Both secrets are taken for so long.
GRACE_S = 10.0
RATE, CI_RATE = 500.0, 120.0
#: More than is offered: what is limited is written down in the simulator's log, by credential.
PLENTY = {"rpm": 1_000_000}


def last_use(evidence: Evidence, key: str) -> float:
    """Seconds from the rotation until the provider last saw the old secret; never seen since: 0."""
    rotated = [at for at, said in evidence.events if said == f"{ROTATED} {key}"]
    if not rotated or key not in evidence.charges:
        return nan
    old = evidence.key(key).credential
    uses = [row.at for row in evidence.charges[key] if row.account == old and row.kind == "taken"]
    return max(0.0, max(uses, default=rotated[0]) - rotated[0])


def first_use(evidence: Evidence, key: str) -> float:
    """Seconds from the rotation until the provider first saw the new secret."""
    rotated = [at for at, said in evidence.events if said == f"{ROTATED} {key}"]
    new = evidence.key(key).successor
    uses = [row.at for row in evidence.charges.get(key, []) if row.account == new and row.kind == "taken"]
    return min(uses, default=inf) - rotated[0] if rotated else nan


def runs(ci: bool) -> list[Run]:
    """One key, so that every request goes by the secret that is rotated; half the rate for a busy machine."""
    if ci:
        return [rotating("vault", CI_RATE, rotation=4.0, seconds=4.0 + GRACE_S + 3.0, workers=1)]
    return [
        rotating(name, rate, rotation=30.0, seconds=90.0, workers=2)
        for name, rate in (("vault", RATE), ("vault-half", RATE / 2))
    ]


def rotating(name: str, rate: float, *, rotation: float, seconds: float, workers: int) -> Run:
    """The rotation at that second of the load."""
    key = ProviderKey("only", PLENTY)
    layout = Layout(
        (SimPlan("paid", (key,), 20.0),),
        (RoutePlan("smart", ("paid/chat",)),),
        workers=workers,
        ledger="memory" if workers == 1 else "embedded",
        vault=True,
    )
    refusal: dict[str, object] = {"status": 401}
    disturbances = (
        Disturbance(0.0, set_faults("paid", refusal, key.successor)),  # as nobody knows it yet
        Disturbance(rotation, rotate_secret("paid", key.id)),
        Disturbance(rotation + GRACE_S, set_faults("paid", refusal, key.credential)),
    )
    streams = mixed(((0, rate),), MIX, input_tokens=30, output_tokens=4)
    title = f"a secret in an OpenBao rotated at {rate:g} requests/s"
    return Run(name, title, layout, streams, seconds, 0.0, judge, disturbances)


def judge(evidence: Evidence) -> list[Figure]:
    """By what callers got, and what the simulator saw."""
    served = sum(call.served for call in evidence.calls) / evidence.seconds
    return [
        failure_figure(evidence.calls),
        refusal_figure(evidence.calls, judged=True),
        Figure("old secret last used after", last_use(evidence, "only"), "s", UNUSED_AFTER_S, tolerance=0),
        Figure("new secret first used after", first_use(evidence, "only"), "s"),
        Figure("served", served, "/s"),
    ]


def main(words: Sequence[str]) -> int:
    """The exit status."""
    return command.main("secret-rotation", __doc__, runs, words)
