"""Changes: each in one transaction with its audit row, which is the last thing written; both happen or neither.

With the database away there are none (503). What is not the database's to do has a row when it begins and one by
how it ended. Of what was denied a row is written too; what unknown callers are denied is bounded, and the rows say
how many are not there.
"""

import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from gateway.api.rest import once
from gateway.api.rest.anchors import Anchors
from gateway.api.rest.answer import Answer, Problem, away
from gateway.api.rest.ask import Ask
from gateway.api.rest.operation import Done, Operation
from storage.audit import Anchor, Deed, append
from storage.connection import Connection
from storage.database import EVERY_TENANT, DatabaseAwayError, DatabaseBusyError
from storage.reads import ReadRouter

#: Rows a minute on callers that nobody knows.
_UNKNOWN_A_MINUTE = 30
_MINUTE_S = 60.0
_NAME = re.compile(r"[\x21-\x7e]{1,64}\Z")

log = logging.getLogger(__name__)


class Changes:
    """`now` is the wall clock, `monotonic` what bounds are counted by."""

    def __init__(
        self,
        reads: ReadRouter,
        anchors: Anchors,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._reads = reads
        self._anchors = anchors
        self._now = now
        self._monotonic = monotonic
        self._window_ends = 0.0
        self._written = 0
        self._unwritten = 0

    async def carry_out(self, ask: Ask, operation: Operation) -> Answer:
        """Raises Problem, DatabaseBusyError, and DatabaseAwayError: then nobody knows whether it is done."""
        change = operation.change
        assert change is not None
        key = once.key_of(ask) if operation.repeatable else None
        try:
            async with self._transaction() as connection:
                if key is not None:
                    given = await once.begin(connection, ask, key, operation.name, self._now())
                    if given is not None:
                        return given
                done = await change(ask, connection)
                if done.undone:
                    raise _UndoneError
                if key is not None:
                    await once.keep(connection, ask, key, done.kept or done.answer, about=done.tenant)
                anchors = [
                    await self._written_down(connection, deed) for deed in _deeds(ask, operation.name, done)
                ]
        except _UndoneError:
            return done.answer
        for anchor in anchors:
            await self._anchors.add(anchor)
        return done.answer if done.then is None else await done.then()

    async def act(self, ask: Ask, operation: Operation) -> Answer:
        """A deed that is not the database's: written down first, as what is not can never be, and by its end."""
        assert operation.act is not None
        if operation.possible is not None:
            await operation.possible(ask)
        deed = _deed(ask, operation.name, _named(ask))
        async with self._transaction() as connection:
            anchor = await self._written_down(connection, replace(deed, outcome="begun"))
        await self._anchors.add(anchor)
        try:
            answer = await operation.act(ask)
        except Exception as error:
            reason = error.detail if isinstance(error, Problem) else type(error).__name__
            await self.note(replace(deed, outcome="failed", reason=reason))
            raise
        await self.note(deed)
        return answer

    async def note(self, deed: Deed) -> bool:
        """Writes down what has happened whether or not that succeeds; says whether it did."""
        try:
            async with self._transaction() as connection:
                anchor = await append(connection, deed, self._now())
        except (DatabaseAwayError, DatabaseBusyError) as error:
            log.warning(
                "that %s by %s is %s is not written down: %s", deed.action, deed.actor, deed.outcome, error
            )
            return False
        await self._anchors.add(anchor)
        return True

    async def denied(self, ask: Ask, action: str, reason: str, *, known: bool = True) -> None:
        """Writes down an attempt. It is denied whether or not that succeeds."""
        left_out = 0
        if not known:
            now = self._monotonic()
            if now >= self._window_ends:
                self._window_ends, self._written = now + _MINUTE_S, 0
            if self._written >= _UNKNOWN_A_MINUTE:
                self._unwritten += 1
                return
            self._written += 1
            left_out, self._unwritten = self._unwritten, 0
        details = {"left_out": left_out} if left_out else None
        deed = replace(_deed(ask, action, _named(ask)), outcome="denied", reason=reason, details=details)
        if not await self.note(deed):
            self._unwritten += left_out + 1

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        """After it, whether or not it is known to be committed, who looks here sees what it wrote."""
        try:
            async with self._reads.primary.admin.transaction(EVERY_TENANT) as connection:
                yield connection
        finally:
            self._reads.written()

    async def _written_down(self, connection: Connection, deed: Deed) -> Anchor:
        """Without its row nothing is done."""
        try:
            return await append(connection, deed, self._now())
        except (DatabaseAwayError, DatabaseBusyError, OSError, TimeoutError):
            raise
        except Exception:
            log.exception("%s by %s cannot be written to the audit trail", deed.action, deed.actor)
            raise away("It cannot be written to the audit trail, so it was not done.") from None


class _UndoneError(Exception):
    """Ends a transaction of which nothing is to stay."""


def _deeds(ask: Ask, action: str, done: Done) -> list[Deed]:
    """What a change is written down as: in one order of the chains, as each is held until the transaction ends."""
    parts = sorted(done.parts or ((action, done),), key=lambda part: part[1].tenant)
    deeds = []
    for name, part in parts:
        details = {"before": part.before, "after": part.after}
        said = {place: value for place, value in details.items() if value is not None}
        deeds.append(replace(_deed(ask, name, part.object), tenant=part.tenant, details=said or None))
    return deeds


def _named(ask: Ask) -> str:
    """What is asked about, where it can be the name of anything."""
    named = ask.path.get("id", "")
    return named if _NAME.match(named) else "?" if named else ""


def _deed(ask: Ask, action: str, on: str) -> Deed:
    return Deed(
        ask.principal.kind,
        ask.principal.id,
        action,
        on,
        request_id=ask.request_id,
        source=ask.source,
        method="admin key",
    )
