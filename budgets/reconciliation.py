"""Compares, from time to time, what the budgets' accounts say with what the usage log says; there is to be no
difference, and one is told and not repaired: what is wrong must be looked at first.

Periods that began within the last five weeks are compared: every day, week and month that is not over. Totals
of all time need all of the log, which is archived by and by: `Books.reconcile()` compares them when somebody asks.
What workers held of periods before that is forgotten. Away or too slow, the database is asked again the next time.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from budgets.books import Books
from budgets.watch import Watch
from storage.database import DatabaseAwayError, DatabaseBusyError

EVERY_S = 3600.0
_BACK = timedelta(days=35)

log = logging.getLogger(__name__)


class Reconciliation:
    """One of all workers is to run it."""

    def __init__(self, books: Books, now: Callable[[], float], watch: Watch) -> None:
        self._books = books
        self._now = now
        self._watch = watch

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.compare()
            except (DatabaseAwayError, DatabaseBusyError) as error:
                log.warning("budgets were not compared with the usage log: %s", error)
            except Exception:
                log.exception("budgets were not compared with the usage log")

    async def compare(self) -> None:
        since = datetime.fromtimestamp(self._now(), UTC).date() - _BACK
        found = await self._books.reconcile(since)
        for one in found:
            log.error(
                "budget %s in %s: the log says %d nano-dollars, posted are %d; committed are %d and should be %d",
                *one[:2], one.logged, one.posted, one.committed, one.due,
            )  # fmt: skip
        self._watch.differ(found)
        await self._books.forget(since)
