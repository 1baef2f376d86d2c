"""Secrets from Vault or OpenBao: `vault:mount/path#field` in a KV engine of version 1 or 2.

hvac blocks, so it works in a few threads of its own. While Vault is sealed, away or slow every fetch fails
within `fetch_s`; what is done then is the cache's affair. A denied read is told from a token that ended, for
which there is one new login, however many ask.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from keys.secret import Secret
from keys.secrets.reference import Reference
from keys.secrets.source import Fault, Fetched, FetchError, Fingerprint
from keys.secrets.vault_client import CALLS_MAX, Mount, Value, VaultClient, VaultServer
from keys.secrets.vault_login import VaultLogin
from keys.secrets.vault_session import VaultSession

_Answer = TypeVar("_Answer")
_MOUNTS_MAX = 10_000
#: For how long metadata that were denied are not asked for again.
_UNTOLD_S = 300.0


class VaultSource:
    """`start` keeps the token renewed; `close` ends that. A fetch works without."""

    def __init__(
        self, server: VaultServer, login: VaultLogin, monotonic: Callable[[], float], *, fetch_s: float = 12.0
    ) -> None:
        self._client = VaultClient(server)
        self._threads = ThreadPoolExecutor(CALLS_MAX, "vault")
        self._session = VaultSession(self._client, login, self._in_thread, monotonic)
        self._monotonic = monotonic
        self._fetch_s = fetch_s
        self._fingerprint = Fingerprint()
        self._mounts: dict[str, Mount] = {}
        self._untold: dict[str, float] = {}  # until when, by place
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._session.keep(), name="vault token")

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        await self._session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def fetch(self, reference: Reference) -> Fetched:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._fetch_s):
                return await self._fetch(reference)
        raise FetchError(Fault.AWAY, "Vault did not answer in time")

    async def version(self, reference: Reference) -> str | None:
        """By its metadata; None where there are none (version 1 of the engine) or they are not for us."""
        place = reference.place
        mount = self._mounts.get(place)
        if mount is None or mount.version == 1 or self._monotonic() < self._untold.get(place, 0.0):
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._fetch_s):
                token = await self._session.token()
                try:
                    return str(await self._in_thread(lambda: self._client.version(token, mount, place)))
                except FetchError as error:
                    if error.fault is Fault.AWAY:
                        raise
                # A token that ended, an engine that moved, or a policy for data alone: reading tells.
                if len(self._untold) >= _MOUNTS_MAX:
                    self._untold.clear()
                self._untold[place] = self._monotonic() + _UNTOLD_S
                return None
        raise FetchError(Fault.AWAY, "Vault did not answer in time")

    async def _fetch(self, reference: Reference) -> Fetched:
        token = await self._session.token()
        try:
            return await self._read(token, reference)
        except FetchError as error:
            if error.fault is not Fault.DENIED:
                raise
        other = await self._session.replacement(token)
        if other is None:
            # Perhaps it is another engine by now, of a version whose paths we may read.
            if self._mounts.pop(reference.place, None) is None:
                raise FetchError(Fault.DENIED, "Vault denies it to our token")
            other = token
        return await self._read(other, reference)

    async def _read(self, token: Secret, reference: Reference) -> Fetched:
        mount = self._mounts.get(reference.place)
        if mount is None:
            mount = await self._in_thread(lambda: self._client.mount_of(token, reference.place))
            if len(self._mounts) >= _MOUNTS_MAX:
                self._mounts.clear()
            self._mounts[reference.place] = mount
        try:
            value = await self._value(token, mount, reference)
        except FetchError as error:
            if error.fault is Fault.MISSING:
                self._mounts.pop(reference.place, None)  # engines can be moved
            raise
        version = self._fingerprint.of(value.secret) if value.version is None else str(value.version)
        return Fetched(value.secret, version)

    async def _value(self, token: Secret, mount: Mount, reference: Reference) -> Value:
        return await self._in_thread(
            lambda: self._client.read(token, mount, reference.place, reference.field)
        )

    async def _in_thread(self, call: Callable[[], _Answer]) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
