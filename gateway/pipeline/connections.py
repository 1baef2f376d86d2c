"""Connection pools of the configured providers, each made when something is first sent there.

A provider that moved gets another pool; the former one serves what is under way by it and is closed when that is
over.
"""

from collections.abc import Iterable

from gateway.settings.snapshot import Bounds, Provider, ProviderKey
from gateway.upstream.pool import Pool


class Connections:
    """By provider. `bounds` stay those of the start."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._pools: dict[str, tuple[Provider, Pool]] = {}
        self._leaving: list[Pool] = []

    def of(self, key: ProviderKey) -> Pool:
        provider = key.provider
        known = self._pools.get(provider.id)
        if known is not None:
            if _is_same_way(known[0], provider):
                return known[1]
            self._leaving.append(known[1])
        pool = Pool(
            provider.origin,
            self._bounds,
            proxy=provider.egress_proxy,
            proxy_auth=provider.egress_proxy_auth,
            ca_file=provider.ca_file,
        )
        self._pools[provider.id] = provider, pool
        return pool

    def retain(self, providers: Iterable[str]) -> None:
        """Those of other providers are closed when nothing is under way there."""
        kept = set(providers)
        for id_ in self._pools.keys() - kept:
            self._leaving.append(self._pools.pop(id_)[1])

    def sweep(self) -> bool:
        """Close those that are done; whether there are others."""
        for pool in list(self._leaving):
            if pool.is_quiet:
                pool.close()
                self._leaving.remove(pool)
        return bool(self._leaving)

    def state(self) -> list[dict[str, object]]:
        """For the admin API."""
        return [{"provider": id_, **pool.state()} for id_, (_, pool) in self._pools.items()]

    async def aclose(self) -> None:
        for pool in [*(pool for _, pool in self._pools.values()), *self._leaving]:
            await pool.aclose()


def _is_same_way(one: Provider, other: Provider) -> bool:
    return (
        one.origin == other.origin
        and one.egress_proxy == other.egress_proxy
        and one.egress_proxy_auth == other.egress_proxy_auth
        and one.ca_file == other.ca_file
    )
