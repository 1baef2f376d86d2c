"""Reading the simulator's log while it is written, through a restart of the simulator."""

import asyncio

from loadtests.judged.evidence import by_key
from loadtests.world.charge_rows import ChargeReader
from provider_sim import ProviderSim
from tests.loadtests.evidence import layout
from tests.sim.wire import chat, post

PATH = "/v1/chat/completions"
LIMITS = {"default": {"rpm": 100}}


async def ask(sim: ProviderSim, times: int) -> None:
    for _ in range(times):
        await post(sim.port, PATH, chat("x"), key="credential-k")


async def test_every_row_once_and_on_after_a_restart() -> None:
    async with ProviderSim(LIMITS) as sim:
        reader = ChargeReader(sim.url)
        await ask(sim, 2)
        await asyncio.to_thread(reader.read)
        await asyncio.to_thread(reader.read)
        await ask(sim, 1)
        await asyncio.to_thread(reader.read)
        assert [row.kind for row in reader.rows].count("taken") == 3
        port = sim.port
    await asyncio.to_thread(reader.read)  # nobody there
    async with ProviderSim(LIMITS, port=port) as sim:
        await ask(sim, 9)  # more than there were before: only its life tells the new log from the old
        await asyncio.to_thread(reader.read)
    assert [row.kind for row in reader.rows].count("taken") == 12
    assert [row.at for row in reader.rows] == sorted(row.at for row in reader.rows)
    assert reader.lost == 0


async def test_what_was_before_a_load_is_not_its() -> None:
    async with ProviderSim(LIMITS) as sim:
        reader = ChargeReader(sim.url)
        await ask(sim, 2)
        await asyncio.to_thread(reader.read)
    taken = [row for row in reader.rows if row.kind == "taken"]
    between = (taken[0].at + taken[1].at) / 2
    assert [round(row.at, 6) for row in by_key(layout(), taken, between)["k"]] == [
        round(taken[1].at - between, 6)
    ]
