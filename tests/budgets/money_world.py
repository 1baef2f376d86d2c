"""A treasury on a real database, with a price of one nano-dollar a token, and the way of a request through it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from budgets.leasing import Decided, Unavailable, Waiting
from budgets.price import STANDARD, Band, Price, Rates, cost
from budgets.price_table import PriceTable
from budgets.reservation import Attempt, Reservation
from budgets.slice import Budget
from budgets.slices import Levels
from budgets.spool.pressure import SpoolBounds
from budgets.spool.record import Intent, Settle
from budgets.treasury import Treasury
from budgets.usage import Tokens
from budgets.watch import Watch
from storage.database import Database

NANO_A_TOKEN = Price(
    "one each", MappingProxyType({STANDARD: (Band(0, Rates(*[10**6] * len(Rates._fields))),)})
)
#: Long past what any test takes.
DEADLINE_S = 600.0
PATIENCE_S = 20.0


def treasury(
    root: Path, database: Database, watch: Watch | None = None, now: Callable[[], float] = time.time
) -> Treasury:
    return Treasury(
        root,
        database,
        PriceTable(None),
        now,
        asyncio.get_running_loop().time,
        watch,
        SpoolBounds(reserve_bytes=1),
    )


@asynccontextmanager
async def open_treasury(
    root: Path, database: Database, watch: Watch | None = None
) -> AsyncIterator[Treasury]:
    opened = treasury(root, database, watch)
    await opened.start()
    yield opened
    await opened.close()


async def reserve(opened: Treasury, request_id: str, budgets: tuple[Budget, ...], amount: int) -> Decided:
    """What is said in the end."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    decided = opened.reserve(request_id, Levels(budgets), amount, deadline)
    return await decided.decided() if isinstance(decided, Waiting) else decided


async def held(opened: Treasury, request_id: str, budgets: tuple[Budget, ...], amount: int) -> Reservation:
    """Asked again while a busy machine's books answer late, as callers do who are told to."""
    async with asyncio.timeout(PATIENCE_S):
        while isinstance(decided := await reserve(opened, request_id, budgets, amount), Unavailable):
            await asyncio.sleep(0.1)
    assert isinstance(decided, Reservation), decided
    return decided


def begin(opened: Treasury, reservation: Reservation, number: int = 1) -> Attempt:
    intent = Intent(
        reservation.request_id, number, reservation.at_ms, reservation.amount, reservation.accounts,
        opened.holder, NANO_A_TOKEN.version, "a", "web", "sim", "sim-1", "m",
    )  # fmt: skip
    return opened.begin(reservation, intent, NANO_A_TOKEN)


def settle(opened: Treasury, attempt: Attempt, tokens: int, status: int = 200) -> int:
    """What it cost."""
    used = Tokens(input=tokens)
    spent = cost(attempt.price, used)
    opened.settle(attempt, Settle(attempt.intent, spent, "provider", used, "", status, "ok", opened.now_ms()))
    return spent
