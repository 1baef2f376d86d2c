"""Our token at Vault: got when it is first needed, renewed at two thirds of its life, replaced when it ends.

However many wait for a token, one login serves them. When Vault refuses a login, the next is not tried at once;
while it is away the token at hand is used as long as it lives.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from keys.secret import Secret
from keys.secrets.source import Fault, FetchError
from keys.secrets.vault_client import Lease, VaultClient
from keys.secrets.vault_login import VaultLogin

_Answer = TypeVar("_Answer")
#: Runs a blocking call in a thread.
InThread = Callable[[Callable[[], _Answer]], Awaitable[_Answer]]

_RENEW_AT = 2 / 3
_LOOK_S = 60.0
_BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)


class Step(Enum):
    """What is to be done about a token."""

    KEEP = "keep"
    RENEW = "renew"
    LOG_IN = "log in"


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A token, since when, and how long it lived at first. Pure."""

    lease: Lease
    since: float
    first_ttl_s: float | None

    def step(self, now: float) -> Step:
        ttl = self.lease.ttl_s
        if ttl is None or now < self.due_at():
            return Step.KEEP
        # A renewal that brings little has come to the end of what renewals can bring.
        grown = self.first_ttl_s is None or ttl > self.first_ttl_s / 2
        return Step.RENEW if self.lease.renewable and grown and now < self.since + ttl else Step.LOG_IN

    def due_at(self) -> float:
        return self.since + (self.lease.ttl_s or 0) * _RENEW_AT

    def lives(self, now: float) -> bool:
        return self.lease.ttl_s is None or now < self.since + self.lease.ttl_s


class VaultSession:
    """`token()` to work with one, `replacement(token)` when Vault denied something to it."""

    def __init__(
        self,
        client: VaultClient,
        login: VaultLogin,
        in_thread: Callable[[Callable[[], Lease]], Awaitable[Lease]],
        monotonic: Callable[[], float],
    ) -> None:
        self._client = client
        self._login = login
        self._in_thread = in_thread
        self._monotonic = monotonic
        self._held: Held | None = None
        self._flight: asyncio.Task[None] | None = None
        self._refusal: tuple[Fault, str] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._changed = asyncio.Event()

    async def token(self) -> Secret:
        """One that lives, as far as is known; raises FetchError."""
        held, now = self._held, self._monotonic()
        if held is None or held.step(now) is not Step.KEEP:
            await self._join(self._take_step)
        held = self._held
        if held is None or not held.lives(self._monotonic()):
            raise self._error()
        return held.lease.token

    async def replacement(self, denied: Secret) -> Secret | None:
        """A token to try instead of `denied`; None when that one is good, so what was asked for is not for us.

        Raises FetchError.
        """
        if self._held is not None and self._held.lease.token is denied:
            await self._join(self._check)
            if self._refusal is not None:
                raise self._error()
        token = await self.token()
        return None if token is denied else token

    async def keep(self) -> None:
        """Renews in time, for as long as it runs; what fails is tried again."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._changed.wait()
            self._changed.clear()
            if self._held is not None:
                with contextlib.suppress(FetchError):
                    await self.token()

    async def close(self) -> None:
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])

    def _pause(self) -> float:
        """Until something is due."""
        if self._held is None or self._held.lease.ttl_s is None:
            return _LOOK_S
        now = self._monotonic()
        due = max(self._held.due_at(), self._not_before) - now
        return min(max(due, _BACKOFF_S[0]), _LOOK_S)

    async def _join(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take `step`, unless one is being taken, which then does for everybody."""
        if self._flight is None:
            if self._monotonic() < self._not_before:
                return
            self._flight = asyncio.create_task(self._fly(step), name="vault login")
        await asyncio.wait([self._flight])

    async def _fly(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except FetchError as error:
            self._refusal = error.fault, str(error)
            self._not_before = self._monotonic() + _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
            self._failures += 1
        else:
            self._refusal, self._failures, self._not_before = None, 0, 0.0
        finally:
            self._flight = None

    async def _take_step(self) -> None:
        held, now = self._held, self._monotonic()
        step = Step.LOG_IN if held is None else held.step(now)
        if held is not None and step is Step.RENEW:
            try:
                lease = await self._in_thread(lambda: self._client.renew(held.lease.token))
            except FetchError as error:
                if error.fault is Fault.AWAY:
                    raise
            else:
                # The same token, whatever the answer calls it: others compare it by identity.
                self._held = replace(held, lease=replace(lease, token=held.lease.token), since=now)
                return
        if step is not Step.KEEP:
            await self._log_in()

    async def _check(self) -> None:
        held = self._held
        if held is None:
            return await self._log_in()
        try:
            await self._in_thread(lambda: self._client.look_up(held.lease.token))
        except FetchError as error:
            if error.fault is Fault.AWAY:
                raise
        else:
            return None
        return await self._log_in()

    async def _log_in(self) -> None:
        began = self._monotonic()
        lease = await self._in_thread(lambda: self._login.log_in(self._client))
        self._held = Held(lease, began, lease.ttl_s)
        self._changed.set()

    def _error(self) -> FetchError:
        fault, message = self._refusal or (Fault.AWAY, "Vault gave no token")
        return FetchError(fault, f"login: {message}")
