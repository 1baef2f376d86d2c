"""A worker that is made to be killed: callers without end, who reserve, send, settle; what was served is noted.

The simulated provider is a file beside the spools: a line for each attempt that it served, written when it did. It
is appended to by one write(2) a line, so what it says outlives the worker.
"""

import asyncio
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from budgets.leasing import Waiting
from budgets.price import STANDARD, Band, Price, Rates
from budgets.price_table import PriceTable
from budgets.reservation import Reservation
from budgets.slice import Budget
from budgets.slices import Levels
from budgets.spool.pressure import SpoolBounds
from budgets.spool.record import Intent, Settle
from budgets.treasury import Treasury
from budgets.usage import Tokens
from storage.database import Database

CALLERS = 12
_AMOUNT_MAX = 150
_TOKEN = Price("one nano-dollar a token", MappingProxyType({STANDARD: (Band(0, Rates(input=1_000_000)),)}))
_ALL = Budget("all", 10**12, "month")
#: Some never reach their limit, some soon do, so that slices are large and small.
PATHS = tuple(
    (
        _ALL,
        Budget(f"tenant:{name}", limit, "day", tenant=name),
        Budget(f"key:{name}/web", 10**9, "total", hard=False),
    )
    for name, limit in (("a", 10**10), ("b", 10**5), ("c", 20_000), ("d", 5_000))
)


def work(root: Path, dsn: str, seed: int) -> None:
    """The process. Ends in order when it is asked to by SIGTERM, if it lives to."""
    asyncio.run(_work(root, dsn, seed))


def served_by(root: Path, seed: int) -> Path:
    """What the simulated provider served to a worker."""
    return root / f"served-{seed}"


def treasury(root: Path, database: Database) -> Treasury:
    bounds = SpoolBounds(reserve_bytes=1)
    monotonic = asyncio.get_running_loop().time
    return Treasury(root, database, PriceTable(None), time.time, monotonic, bounds=bounds, flush_s=0.02)


async def _work(root: Path, dsn: str, seed: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    database = Database(dsn)
    await database.start()
    money = treasury(root, database)
    await money.start()
    served = os.open(served_by(root, seed), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    callers = [
        asyncio.create_task(
            _call(money, f"{seed}-{caller}", served, random.Random(seed * 1000 + caller), stop)
        )
        for caller in range(CALLERS)
    ]
    await asyncio.gather(*callers)
    await money.close(within_s=30.0)
    await database.close()


async def _call(money: Treasury, name: str, served: int, chance: random.Random, stop: asyncio.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        await _request(money, f"{name}-{number}", served, chance)
        with suppress(TimeoutError):
            async with asyncio.timeout(chance.random() * 0.01):
                await stop.wait()


async def _request(money: Treasury, request_id: str, served: int, chance: random.Random) -> None:
    levels, amount = Levels(chance.choice(PATHS)), chance.randint(1, _AMOUNT_MAX)
    held = money.reserve(request_id, levels, amount, asyncio.get_running_loop().time() + 2.0)
    if isinstance(held, Waiting):
        held = await held.decided()
    if not isinstance(held, Reservation):
        return
    for number in (1, 2):
        intent = Intent(
            request_id, number, held.at_ms, amount, held.accounts, money.holder, _TOKEN.version,
            request_id[0], "web", "sim", "sim-1", "m",
        )  # fmt: skip
        attempt = money.begin(held, intent, _TOKEN)
        if number == 1 and chance.random() < 0.1:
            money.void(attempt, "refused")  # nothing was served, and it goes elsewhere
            continue
        cost = chance.randint(0, amount)
        os.write(served, f"{request_id} {number} {amount} {cost}\n".encode())
        await asyncio.sleep(chance.random() * 0.01)
        if chance.random() < 0.95:
            money.settle(attempt, Settle(intent, cost, "provider", Tokens(input=cost)))
        break
    money.end(held)
