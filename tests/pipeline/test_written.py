"""A stream's output, told to the ledger while it is written: it stays in the window for a minute from then."""

import asyncio
from typing import cast

from gateway.charge import Estimate
from gateway.exchange import Sized, Usage
from gateway.pipeline.written import Written
from gateway.settings.snapshot import Limits
from tests.clock import StillLoop
from tests.pipeline.admission_parts import WINDOW_S, Gate

HELD = 100


def passes(seconds: float) -> None:
    cast(StillLoop, asyncio.get_running_loop()).move(seconds)


def used(gate: Gate) -> int:
    return gate.ledger.usage("k0", gate.time.now())[0].used


async def test_what_was_written_late_leaves_the_window_late() -> None:
    gate = Gate(Limits(otpm=1000))
    ticket = gate.ticket()
    ticket.exchange.sizing = Sized(estimate=Estimate(10, 10, HELD, HELD))
    permit = gate.dispatcher.at_once(ticket, gate.clock.monotonic())
    assert permit is not None
    written = Written(gate.ledger, gate.estimator, gate.time, gate.clock)
    writing = written.of(ticket.exchange, permit)
    assert writing is not None
    passes(30.0)
    ticket.exchange.relayed_bytes = 2_000
    writing.relayed()
    told = used(gate)
    passes(WINDOW_S - 30.0 + 0.3)  # now what was held for the rest has left
    late = used(gate)
    assert 0 < late < told == HELD
    writing.relayed()  # nothing new
    assert used(gate) == late
    gate.lessons.finished(permit, Usage(10, late + 20, source="provider"), gate.clock.monotonic())
    assert used(gate) == late + 20
    passes(31.0)
    assert used(gate) == 20


async def test_it_is_told_now_and_then_and_not_with_every_piece() -> None:
    gate = Gate(Limits(otpm=1000))
    ticket = gate.ticket()
    ticket.exchange.sizing = Sized(estimate=Estimate(10, 10, 0, 0))
    permit = gate.dispatcher.at_once(ticket, gate.clock.monotonic())
    assert permit is not None
    writing = Written(gate.ledger, gate.estimator, gate.time, gate.clock).of(ticket.exchange, permit)
    assert writing is not None
    seen = []
    for _ in range(10):
        passes(0.1)
        ticket.exchange.relayed_bytes += 1_000
        writing.relayed()
        seen.append(used(gate))
    assert len(set(seen)) == 4  # nothing at first, then three times in a second


async def test_where_nobody_counts_output_alone_nothing_is_told() -> None:
    gate = Gate(Limits(rpm=10, tpm=1000))
    ticket = gate.ticket()
    permit = gate.dispatcher.at_once(ticket, gate.clock.monotonic())
    assert permit is not None
    assert Written(gate.ledger, gate.estimator, gate.time, gate.clock).of(ticket.exchange, permit) is None
