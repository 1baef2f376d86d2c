"""First answers in PostgreSQL, for all workers and hosts: claimed before a request runs, kept for a day after it.

A claim lapses by itself, so a worker that dies holds nobody up for long; who lives renews its own. Answers are
written behind, many in one transaction, and before the caller has the end of them if that goes at once.

With the database away nothing is claimed and requests run, guarded by their own worker's memory alone; answers of
what was claimed before wait for it, as many as fit, and are given up when their claim has meanwhile been lost.
"""

import asyncio
import itertools
import logging
from collections.abc import Sequence
from uuid import uuid4

from gateway.pipeline.kept_answers import KEPT_S, Answer, in_progress, key_reused
from gateway.record import Record
from storage import idempotent_answers as rows
from storage.background import end_tasks
from storage.connection import Connection
from storage.database import EVERY_TENANT, REFUSED, Database, DatabaseAwayError, DatabaseBusyError
from storage.idempotent_answers import Answered, Claim, Kept, Name
from storage.write_behind import WriteBehind

#: Longer than any worker stands still; not longer, as the callers of one that died are told to come back so long.
CLAIM_S = 30.0
_RENEW_S = 10.0
_SWEEP_EVERY = 6  # renewals
_SWEPT_MAX = 1000
_SWEEPS_MAX = 50
#: How long an answer is held back for being stored.
_STORED_WITHIN_S = 1.0
_WAITING_MAX = 4096

_FAILED = (DatabaseAwayError, DatabaseBusyError, REFUSED)

log = logging.getLogger("gateway")


class _Ended(Record, eq=False):
    """A claim that is to become an answer, or to be given back; `tried` when that was done or failed."""

    claim: Claim
    answer: Answer | None
    tried: "asyncio.Future[None]"

    @property
    def size(self) -> int:
        return 0 if self.answer is None else self.answer.size


class StoredAnswers:
    """One worker's. `bytes_max` is how much may wait for the database; one of all workers `sweeps`."""

    def __init__(self, database: Database, bytes_max: int, *, sweeps: bool) -> None:
        self._database = database
        self._sweeps = sweeps
        self._holder = uuid4().hex
        self._numbers = itertools.count(1)
        self._running: set[Claim] = set()
        self._ended: WriteBehind[Claim, _Ended] = WriteBehind(
            database,
            "answers to idempotency keys",
            _write,
            count_max=_WAITING_MAX,
            bytes_max=bytes_max,
            given_up=_done,
            tried=_all_done,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._ended.run(), name="idempotent-answers"),
            asyncio.create_task(self._keep_up(), name="idempotent-claims"),
        ]

    async def close(self) -> None:
        """After the last request has ended. What cannot be stored now is not: its claims lapse."""
        await end_tasks(*self._tasks)
        await self._ended.close()

    async def begin(self, name: Name, digest: bytes) -> Answer | Claim | None:
        """What was answered before; or the claim, which owes one `end`; or None, where the database is away.

        Raises GatewayError when the key is another request's, or this one's that runs somewhere.
        """
        claim = Claim(name, f"{self._holder}:{next(self._numbers)}")
        try:
            async with self._database.reads.transaction(name[0]) as connection:
                kept = await rows.claim_or_find(connection, claim, digest, CLAIM_S)
        except BaseException as error:  # it may have been claimed all the same
            self._end(claim, None)
            if not isinstance(error, _FAILED):
                raise
            log.debug("idempotency keys count for one worker alone: %s", error)
            return None
        if kept is None:
            self._running.add(claim)
            return claim
        return _answer(kept, digest)

    async def end(self, claim: Claim, answer: Answer | None) -> None:
        """The request is over: with `answer`, or with None when there is none to keep.

        Returns when that is stored, or cannot be for now; cancelled, it is stored all the same.
        """
        await asyncio.wait([self._end(claim, answer)], timeout=_STORED_WITHIN_S)

    def _end(self, claim: Claim, answer: Answer | None) -> "asyncio.Future[None]":
        self._running.discard(claim)
        one = _Ended(claim, answer, asyncio.get_running_loop().create_future())
        self._ended.add(claim, one)
        return one.tried

    async def _keep_up(self) -> None:
        """Renew what runs, and now and then delete what has expired."""
        for turn in itertools.count(1):
            await asyncio.sleep(_RENEW_S)
            try:
                await self.renew()
                if self._sweeps and turn % _SWEEP_EVERY == 0:
                    await self.sweep()
            except _FAILED as error:
                log.debug("idempotency keys are looked after later: %s", error)

    async def renew(self) -> None:
        """What runs goes on being this worker's."""
        if self._running:
            async with self._ended.writing, self._database.flushes.transaction(EVERY_TENANT) as connection:
                await rows.renew(connection, self._running, CLAIM_S)

    async def sweep(self) -> None:
        """Delete what has expired, of all workers and of the admin API, in small steps."""
        for _ in range(_SWEEPS_MAX):
            async with self._database.flushes.transaction(EVERY_TENANT) as connection:
                if await rows.sweep(connection, _SWEPT_MAX) < _SWEPT_MAX:
                    return


def _answer(kept: Kept, digest: bytes) -> Answer:
    if kept.digest != digest:
        raise key_reused()
    if kept.status is None:
        raise in_progress()
    head = "".join(f"{name}: {value}\r\n" for name, value in kept.headers)
    return Answer(kept.status, head.encode("latin-1"), kept.body)


def _answered(one: _Ended) -> Answered:
    assert one.answer is not None
    lines = [line.partition(": ") for line in one.answer.head.decode("latin-1").split("\r\n")[:-1]]
    return Answered(
        one.claim, one.answer.status, [(name, value) for name, _, value in lines], one.answer.body
    )


async def _write(connection: Connection, ended: Sequence[_Ended]) -> None:
    await rows.release(connection, [one.claim for one in ended if one.answer is None])
    await rows.keep(connection, [_answered(one) for one in ended if one.answer is not None], KEPT_S)


def _all_done(ended: Sequence[_Ended]) -> None:
    for one in ended:
        _done(one)


def _done(one: _Ended) -> None:
    if not one.tried.done():
        one.tried.set_result(None)
