"""A worker with many callers at once, who all want to spend of one budget; what came of them goes into a file."""

import asyncio
import json
from pathlib import Path

from budgets.reservation import Reservation
from budgets.slice import Budget
from budgets.slices import Exhausted
from storage.database import Database
from tests.budgets.money_world import begin, open_treasury, reserve, settle

LIMIT, AMOUNT = 5000, 100
BUDGETS = (
    Budget("all", LIMIT, "total"),
    Budget("tenant:a", 10**9, "month", tenant="a"),
    Budget("key:a/web", 10**9, "day", tenant="a"),
)


def work(root: Path, dsn: str, name: str, callers: int, cost: int) -> None:
    asyncio.run(_work(root, dsn, name, callers, cost))


async def _work(root: Path, dsn: str, name: str, callers: int, cost: int) -> None:
    database = Database(dsn)
    await database.start()
    await database.answering()
    async with open_treasury(root, database) as opened:

        async def call(number: int) -> str:
            """Until there is an answer that is final."""
            while True:
                decided = await reserve(opened, f"{name}-{number}", BUDGETS, AMOUNT)
                if isinstance(decided, Exhausted):
                    return "exhausted"
                if isinstance(decided, Reservation):
                    attempt = begin(opened, decided)
                    await asyncio.sleep(0.01)
                    settle(opened, attempt, cost)
                    return "admitted"

        said = await asyncio.gather(*(call(number) for number in range(callers)))
    (root / f"{name}.json").write_text(json.dumps(said))
    await database.close()
