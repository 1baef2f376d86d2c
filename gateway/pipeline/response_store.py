"""Responses that their callers may go on from, in PostgreSQL for 30 days: of models whose providers keep none.

Written behind, many in one transaction, so that no answer waits for it; what is not written yet is found here, and
from another worker a moment later. With the database away as many wait as fit, and the oldest are given up.
"""

import asyncio
import logging
from collections.abc import Sequence

from gateway.errors import OVERLOADED, PREVIOUS_RESPONSE_NOT_FOUND, REQUEST_TOO_LARGE, GatewayError
from gateway.pipeline.response_room import ResponseRoom
from storage import stored_responses as rows
from storage.background import end_tasks
from storage.connection import Connection
from storage.database import EVERY_TENANT, REFUSED, Database, DatabaseAwayError, DatabaseBusyError
from storage.stored_responses import Stored
from storage.write_behind import WriteBehind

KEPT_S = 30 * 24 * 3600.0
#: A larger one is not kept.
ONE_MAX = 8 * 1024 * 1024
_WAITING_BYTES = 32 * 1024 * 1024
_WAITING_MAX = 4096
_CHAIN_MAX = 1000
#: In which another worker writes what it has just answered.
_LOOK_AGAIN_S = (0.1, 0.4)
_SWEEP_EVERY_S = 60.0
_SWEPT_MAX = 100
_SWEEPS_MAX = 100

_AWAY = (DatabaseAwayError, DatabaseBusyError)

log = logging.getLogger("gateway")


class ResponseStore:
    """One worker's. One of all workers `sweeps`; `bytes_max` is how much is kept of one tenant's."""

    def __init__(self, database: Database, bytes_max: int, *, sweeps: bool) -> None:
        self._database = database
        self._sweeps = sweeps
        self._room = ResponseRoom(database, bytes_max)
        self._waiting: WriteBehind[tuple[str, str], Stored] = WriteBehind(
            database,
            "responses",
            self._write,
            count_max=_WAITING_MAX,
            bytes_max=_WAITING_BYTES,
            given_up=_given_up,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._waiting.run(), name="stored-responses"),
            asyncio.create_task(self._room.run(), name="stored-responses-room"),
        ]
        if self._sweeps:
            self._tasks.append(asyncio.create_task(self._keep_swept(), name="stored-responses-sweep"))

    async def close(self) -> None:
        """After the last request has ended."""
        await end_tasks(*self._tasks)
        await self._waiting.close()

    def keep(self, response: Stored) -> None:
        """From now on it can be gone on from; nothing is waited for."""
        if response.size > ONE_MAX:
            log.warning("response %s is larger than %d bytes and not kept", response.id, ONE_MAX)
            return
        self._waiting.add((response.tenant, response.id), response)

    async def conversation(self, tenant: str, id_: str, bytes_max: int) -> list[Stored]:
        """The response and all that it goes on from, oldest first. Raises GatewayError when a part is not there."""
        found = await self.chain(tenant, id_, bytes_max)
        first = found[0].previous if found else id_
        if first is None:
            return found
        if len(found) >= _CHAIN_MAX or sum(len(one.input) + len(one.output) for one in found) >= bytes_max:
            raise GatewayError(
                REQUEST_TOO_LARGE,
                "The conversation that this goes on from is too long.",
                param="previous_response_id",
            )
        what = f"Response '{first[:64]}', which the conversation began with," if found else f"'{first[:64]}'"
        raise GatewayError(
            PREVIOUS_RESPONSE_NOT_FOUND,
            f"{what} is not kept here: it never was, has been deleted, is older than 30 days or had to make room.",
            param="previous_response_id",
        )

    async def chain(self, tenant: str, id_: str, bytes_max: int) -> list[Stored]:
        """The same as far as it is there; nothing when the response itself is not."""
        for pause_s in (*_LOOK_AGAIN_S, None):
            found = await self._look(tenant, id_, bytes_max)
            if found or pause_s is None:
                break
            await asyncio.sleep(pause_s)
        return found

    async def delete(self, tenant: str, id_: str) -> bool:
        """Whether it was there. Raises GatewayError while the database is away."""
        async with self._waiting.writing:
            waiting = self._waiting.get((tenant, id_))
            try:
                async with self._database.reads.transaction(tenant) as connection:
                    there = await rows.delete(connection, tenant, id_)
            except _AWAY as error:
                raise _away() from error
            self._waiting.drop((tenant, id_))
            return there or waiting is not None

    async def _look(self, tenant: str, id_: str, bytes_max: int) -> list[Stored]:
        newest: list[Stored] = []
        left: str | None = id_
        while left is not None and (waiting := self._waiting.get((tenant, left))) is not None:
            newest.append(waiting)
            left = waiting.previous
        newest.reverse()
        if left is None:
            return newest
        try:
            async with self._database.reads.transaction(tenant, readonly=True) as connection:
                return [*await rows.chain(connection, tenant, left, _CHAIN_MAX, bytes_max), *newest]
        except _AWAY as error:
            raise _away() from error

    async def _write(self, connection: Connection, responses: Sequence[Stored]) -> None:
        await rows.keep(connection, responses, KEPT_S)
        self._room.wrote(responses)

    async def _keep_swept(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            try:
                await self.sweep()
            except (*_AWAY, REFUSED) as error:
                log.debug("expired responses are deleted later: %s", error)

    async def sweep(self) -> None:
        """Delete what has expired, of all workers, in small steps."""
        for _ in range(_SWEEPS_MAX):
            async with self._database.flushes.transaction(EVERY_TENANT) as connection:
                if await rows.sweep(connection, _SWEPT_MAX) < _SWEPT_MAX:
                    return


def _given_up(response: Stored) -> None:
    log.warning("response %s is not kept: the database has been away too long", response.id)


def _away() -> GatewayError:
    return GatewayError(
        OVERLOADED, "What is kept of responses cannot be read at the moment.", retry_after_s=1.0
    )
