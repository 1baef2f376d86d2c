"""What a person may do for a provider key that this worker has left out: ask its provider, read its secret again,
say that it is good. Each puts it back into service, unless the provider still refuses it.

No time ends a refused credential, and a quota's may be weeks away: only a person knows what was mended there.
"""

from collections.abc import Callable, Mapping

from gateway.admission.health_table import HealthTable
from gateway.clock import Clock
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.connections import Connections
from gateway.pipeline.provider_secrets import ProviderSecrets
from gateway.pipeline.verify import verify
from gateway.settings.snapshot import ProviderKey

Row = dict[str, object]


class Reinstatement:
    """`keys` are those in force, by id. Each row says under `reinstated` whether the key had been out."""

    def __init__(
        self,
        keys: Callable[[], Mapping[str, ProviderKey]],
        health: HealthTable,
        secrets: ProviderSecrets,
        connections: Connections,
        dispatcher: Dispatcher,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._health = health
        self._secrets = secrets
        self._connections = connections
        self._dispatcher = dispatcher
        self._clock = clock

    async def verify(self, pool: str) -> Row:
        """Ask the provider; only who is accepted is put back."""
        found = await verify(self._keys()[pool], self._connections.of, self._clock)
        accepted = found["accepted"] is True
        return {**found, "reinstated": accepted and self._reinstate(pool, "verified by a person")}

    async def refresh(self, pool: str) -> Row:
        """Read its secret again. That it is the same says nothing against it: somebody looked."""
        changed = await self._secrets.look(pool)
        reinstated = self._reinstate(pool, "its secret was read again for a person")
        return {"pool": pool, "changed": changed, "reinstated": changed or reinstated}

    async def enable(self, pool: str) -> Row:
        """Take a person's word for it."""
        return {"pool": pool, "reinstated": self._reinstate(pool, "enabled by a person")}

    def _reinstate(self, pool: str, reason: str) -> bool:
        was_out = self._health.reinstate(pool, self._clock.monotonic(), reason)
        if was_out:
            self._dispatcher.room_anywhere()
        return was_out
