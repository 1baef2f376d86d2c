"""Looks between TTLs whether a secret is another one by now, so that a rotation is followed in seconds.

Where the place can tell a version without handing out the secret (Vault's metadata, where our token may read them)
only that is asked for; elsewhere the secret itself is read. One question at a time; where several fields are kept
at one place, one for all. A place that does not answer is `away` until it does, and what is known of its secrets is
left as it is: they are no older for that. What the cache itself could not read is the cache's to come back to.
"""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

from keys.secrets.cache import SecretCache, SecretState
from keys.secrets.reference import Reference, Scheme
from keys.secrets.source import FetchError

#: How much earlier a look may come, as a part: workers that started together are not to ask together.
_JITTER = 0.2


class Versioned(Protocol):
    """A place that may know versions."""

    async def version(self, reference: Reference) -> str | None:
        """Of what is there now, as `Fetched.version`; None: only reading it tells. Raises FetchError."""
        ...


class VersionWatch:
    """`start` it and `close` it; `look` is one round."""

    def __init__(
        self,
        cache: SecretCache,
        places: Mapping[Scheme, Versioned],
        every_s: float,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._cache = cache
        self._places = places
        self._every_s = every_s
        # A generator of its own: who draws from the common one by a seed is not disturbed.
        self._chance = Random().random if chance is None else chance
        self._task: asyncio.Task[None] | None = None
        #: Places that did not answer in the last round, and why.
        self.away: Mapping[Scheme, str] = {}

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="secret versions")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def look(self) -> None:
        """At every secret that is there; what is another one is in the cache when this ends."""
        together: dict[tuple[Scheme, str], list[SecretState]] = {}
        for state in self._cache.state():
            if state.version is not None and not state.failures:
                together.setdefault((state.reference.scheme, state.reference.place), []).append(state)
        away: dict[Scheme, str] = {}
        for (scheme, _), states in together.items():
            if scheme in away:
                continue
            try:
                version = await self._version(states[0].reference)
            except FetchError as error:
                away[scheme] = str(error)
                continue
            for state in states:
                if version is None or state.version != version:
                    await self._cache.look_again(state.reference)
        self.away = away

    async def _version(self, reference: Reference) -> str | None:
        place = self._places.get(reference.scheme)
        return None if place is None else await place.version(reference)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every_s * (1 - _JITTER * self._chance()))
            await self.look()
