"""A ceiling is hit with many requests in flight: that is one event, and lowers it once."""

from gateway.errors import RATE_LIMITED, GatewayError
from gateway.pipeline.ticket import Permit
from gateway.settings.snapshot import Limits
from gateway.upstream.verdict import Verdict
from tests.clock import passes
from tests.pipeline.admission_parts import TOP, Gate


def refuse(gate: Gate, permit: Permit, dimension: str | None) -> None:
    error = GatewayError(RATE_LIMITED, "Rate limit reached")
    gate.lessons.failed(permit, error, Verdict("rate", dimension, 2.0), sent=True)


def limit_of(gate: Gate) -> int:
    return gate.ledger.usage("k0", gate.time.now())[0].limit


async def test_a_volley_of_refusals_lowers_once_however_late_its_last_comes() -> None:
    gate = Gate(Limits(rpm=6_000))
    before = limit_of(gate)
    volley = gate.filled(20, TOP)
    for permit in volley[:10]:
        refuse(gate, permit, "rpm")
    once = limit_of(gate)
    assert 0.89 * before < once < 0.91 * before
    await passes(8.0)
    later = gate.at_once(TOP)
    assert later is not None
    for permit in volley[10:]:
        refuse(gate, permit, "rpm")
    assert limit_of(gate) >= once
    await passes(3.0)
    refuse(gate, later, "rpm")  # which was sent since
    assert limit_of(gate) < 0.82 * before


async def test_so_does_a_volley_that_does_not_say_what_was_exceeded() -> None:
    gate = Gate(Limits(rpm=6_000))
    before = limit_of(gate)
    first, second = gate.filled(2, TOP)
    refuse(gate, first, None)
    once = limit_of(gate)
    assert 0.89 * before < once < 0.91 * before
    await passes(8.0)
    refuse(gate, second, None)
    assert limit_of(gate) >= once
