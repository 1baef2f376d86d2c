"""When a line is looked at again, on both event loops: their handles differ."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from gateway.pipeline.wakes import Wakes


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_is_due_at_once_may_be_asked_for_again(
    make_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    woken: list[str] = []

    async def ask() -> None:
        wakes = Wakes(woken.append)
        for seconds in (3600.0, 0.0, 0.0, 60.0):
            wakes.within("a", seconds)
        wakes.within("b", 3600.0)
        while not woken:
            await asyncio.sleep(0)
        wakes.clear()

    loop = make_loop()
    try:
        loop.run_until_complete(ask())
    finally:
        loop.close()
    assert woken == ["a"]
