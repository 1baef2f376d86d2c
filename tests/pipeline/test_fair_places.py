"""Tenants share a key that has places alone: by the time that their requests take there, whenever they came."""

import asyncio
from collections.abc import Mapping

from gateway.settings.snapshot import Limits
from tests.clock import passes, turns
from tests.pipeline.admission_parts import SCHEDULED, Gate

_SECONDS = 0.2


async def serve(gate: Gate, served: list[str], tenant: str, seconds: float) -> None:
    permit = await gate.admit(gate.ticket(SCHEDULED, tenant=tenant))
    served.append(tenant)
    await asyncio.sleep(seconds)
    gate.dispatcher.end(permit, None, gate.clock.monotonic())


async def served_in(gate: Gate, seconds: float, offers: Mapping[str, tuple[int, float]]) -> list[str]:
    """Who was begun in that time: of the first tenant's requests, and of the others', which come after a second."""
    served: list[str] = []
    tasks = []
    for number, (tenant, (count, each_s)) in enumerate(offers.items()):
        if number:
            for _ in range(20):
                await passes(0.05)
            served.clear()
        tasks += [asyncio.create_task(serve(gate, served, tenant, each_s)) for _ in range(count)]
        await turns(5)
    for _ in range(int(seconds / 0.05)):
        await passes(0.05)
    begun = list(served)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return begun


async def test_who_came_before_it_was_known_how_long_requests_take_is_not_reckoned_dearer() -> None:
    gate = Gate(Limits(concurrency=2))
    begun = await served_in(gate, 6.0, {"a": (100, _SECONDS), "b": (100, _SECONDS)})
    assert len(begun) > 50
    assert abs(begun.count("a") - begun.count("b")) <= 0.05 * len(begun) + 2


async def test_a_place_counts_for_as_long_as_it_was_held() -> None:
    gate = Gate(Limits(concurrency=2))
    begun = await served_in(gate, 30.0, {"a": (100, 1.5), "b": (300, 0.15)})
    held_a, held_b = begun.count("a") * 1.5, begun.count("b") * 0.15
    # What is under way is reckoned as the mean of both: with two places, up to two long ones ahead.
    assert held_a <= 1.7 * held_b
