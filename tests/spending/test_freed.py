"""A request that was paid for leaves nothing behind that only the cycle collector would free."""

import gc
from collections import Counter
from typing import Any

import pytest

from tests.gateway.wire import chat, post, settled
from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway
from tests.spending.test_spending import budgeted

_TURNS = 8
_OURS = ("gateway.", "budgets.", "storage.", "keys.")


@pytest.mark.parametrize("asked", [{}, {"stream": True}])
async def test_nothing_waits_for_the_collector(
    sim: ProviderSim, stored: Stored, asked: dict[str, Any]
) -> None:
    async with RunningGateway(budgeted(sim, 1.0), database_dsn=stored.application) as gateway:

        async def ask() -> None:
            for _ in range(_TURNS):
                await post(gateway, chat(**asked))
            await settled(gateway)
            await gateway.spending.treasury.flush()

        await ask()
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await ask()
            gc.collect()
            left = Counter(_name(one) for one in gc.garbage if type(one).__module__.startswith(_OURS))
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert not {name: count for name, count in left.items() if count >= _TURNS}


def _name(one: object) -> str:
    return f"{type(one).__module__}.{type(one).__qualname__}"
