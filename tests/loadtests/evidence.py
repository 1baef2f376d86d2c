"""Evidence made by hand: what a run would leave, with exactly what a test is about."""

from loadtests.judged.evidence import Evidence
from loadtests.offered.call import Call
from loadtests.offered.saturation import GeneratorReport
from loadtests.world.charge_rows import ChargeRow
from loadtests.world.layout import Layout, ProviderKey, RoutePlan, SimPlan
from loadtests.world.watch import Sample


def layout(**limits: int) -> Layout:
    """One provider, one key."""
    keys = (ProviderKey("k", limits or {"rpm": 60}),)
    return Layout((SimPlan("paid", keys),), (RoutePlan("smart", ("paid/chat",)),))


def row(at: float, kind: str = "taken", *, input_tokens: float = 0, output: float = 0) -> ChargeRow:
    return ChargeRow(
        at, "credential-k", kind, 1.0 if kind in ("taken", "refused") else 0.0, input_tokens, output, 0.0
    )


def call(
    sent: float,
    done: float | None,
    *,
    priority: str = "conversation",
    queue_ms: float | None = 0.0,
    status: int = 200,
    **more: str,
) -> Call:
    """Served unless told otherwise; still waiting without `done`."""
    made = Call("one", priority, "smart", False, sent, sent, done, status if done is not None else 0)
    made.queue_ms = queue_ms
    for name, value in more.items():
        setattr(made, name, value)
    return made


def evidence(
    calls: list[Call] | None = None,
    rows: list[ChargeRow] | None = None,
    *,
    seconds: float = 120.0,
    since: float = 60.0,
    samples: list[Sample] | None = None,
    logs: bool = True,
    **limits: int,
) -> Evidence:
    return Evidence(
        layout(**limits), seconds, since, calls or [], {"k": rows or []} if logs else {}, samples or [], [],
        GeneratorReport(0.0, []),
    )  # fmt: skip
