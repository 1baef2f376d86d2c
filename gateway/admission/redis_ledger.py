"""The ledger of many workers: one script in Redis or Valkey for every batch, atomic, on the server's clock.

When Redis does not answer, answers with an error or answers too late, `exchange` raises
LedgerUnavailableError within a second; whether the batch was booked is then not known, and the same batch
again is safe. A Redis that lost its data says so by a new epoch (`membership.py`). Where another server has taken
the place of the one that answered last, it is told so, and asks every worker for its last minute: a replica does
not know what it missed.

Needs Redis ≥ 6.2 or Valkey. One script call an exchange, EVALSHA; the text goes along only when the server
does not know it. At most one call in flight for an account is the caller's duty.
"""

import asyncio
import hashlib
from collections.abc import Callable

from gateway.admission.dimension import AccountTerms
from gateway.admission.ledger import Answer, Batch, LedgerUnavailableError
from gateway.admission.ledger_script import ledger_script
from gateway.admission.ledger_wire import AccountWire, read_answer
from gateway.admission.memory_ledger import LedgerTime
from gateway.admission.redis_connection import REDIS_ERRORS, Connection, ScriptUnknownError, Waits, connect
from gateway.clock import Clock

_ACCOUNTS_MAX = 10_000


class RedisLedger:
    """`server_time` stands in for the server's clock where a test must move it."""

    __slots__ = ("_call_s", "_connection", "_homes", "_script", "_server_time", "_sha", "_time", "_wires")

    def __init__(
        self,
        url: str,
        clock: Clock,
        server_time: Callable[[], int] | None = None,
        waits: Waits = Waits(),  # noqa: B008 (immutable)
    ) -> None:
        self._call_s = waits.call_s
        self._connection: Connection = connect(url, waits)
        self._homes: dict[str, object] = {}  # of accounts: whose answer was the last
        self._script = ledger_script()
        # The name by which Redis knows a script, not a safeguard.
        self._sha = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._time = LedgerTime(clock)
        self._server_time = server_time
        self._wires: dict[AccountTerms, AccountWire] = {}

    async def exchange(self, batch: Batch) -> Answer:
        wire = self._wire(batch.account)
        home = self._connection.home(wire.keys[0])
        if batch.seen is not None and home not in (None, self._homes.get(batch.account.id, home)):
            # Who took the place of another may have missed what that one granted last.
            batch = batch._replace(seen=batch.seen.elsewhere())
        forced = 0 if self._server_time is None else self._server_time()
        arguments = wire.arguments(batch, forced or self._time.now(), forced)
        try:
            async with asyncio.timeout(self._call_s):
                reply = await self._call(wire.keys, arguments)
            answer = read_answer(batch, reply)
        except REDIS_ERRORS as error:
            raise LedgerUnavailableError(f"{type(error).__name__}: {error}"[:300]) from error
        except (TypeError, ValueError) as error:
            raise LedgerUnavailableError(f"an answer that is none of ours: {error}"[:300]) from error
        self._answered(batch.account.id, home, self._connection.home(wire.keys[0]))
        return answer

    async def aclose(self) -> None:
        await self._connection.aclose()

    def _answered(self, account: str, before: object, now: object) -> None:
        """Raises LedgerUnavailableError when the server changed meanwhile: it was not told that it is another."""
        if now not in (before, self._homes.get(account, now)):
            raise LedgerUnavailableError("another server has taken its place")
        self._homes[account] = now

    async def _call(self, keys: list[str], arguments: list[str | bytes]) -> bytes:
        try:
            reply = await self._connection.evalsha(self._sha, keys, arguments)
        except ScriptUnknownError:
            reply = await self._connection.eval(self._script, keys, arguments)
        if not isinstance(reply, bytes):
            raise TypeError("not bytes")
        return reply

    def _wire(self, terms: AccountTerms) -> AccountWire:
        wire = self._wires.get(terms)
        if wire is None:
            if len(self._wires) >= _ACCOUNTS_MAX:  # terms of generations long gone
                self._wires.clear()
                self._homes.clear()
            wire = self._wires[terms] = AccountWire(terms)
        return wire
