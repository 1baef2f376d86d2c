"""Whether the secrets that are kept in Vault can be looked at now: for `gateway_degraded`, the log and `/config`.

Sealed, away or closed to us, Vault is degraded from the first look that failed, however fresh what it gave is still
(`stale`: what is known is used on); and where a secret became too old for that, or was never had (`out`). The cache
and the watch come back to it by themselves, and with their first good look it is over.
"""

import logging

from gateway.metrics import Metrics
from keys.secrets.cache import SecretCache, SecretState
from keys.secrets.freshness import Use
from keys.secrets.watch import VersionWatch

log = logging.getLogger("gateway")


class VaultState:
    """As the cache and the watch have it."""

    def __init__(self, cache: SecretCache, watch: VersionWatch) -> None:
        self._cache = cache
        self._watch = watch
        self._is_away = False

    def why_away(self) -> str | None:
        """None while all is well."""
        whole, failing = self._watch.away.get("vault"), self._failing()
        if whole is not None or not failing:
            return whole
        return f"{failing[0].reference}: {failing[0].error}"

    def tell(self, metrics: Metrics) -> None:
        """Metrics as they are, and a line of log when it begins and when it ends."""
        uses = {one.use for one in self._failing()}
        metrics.degraded("vault", "stale", Use.STALE in uses or "vault" in self._watch.away)
        metrics.degraded("vault", "out", Use.OUT in uses)
        why, was_away = self.why_away(), self._is_away
        self._is_away = why is not None
        if self._is_away and not was_away:
            log.warning("vault: secrets cannot be looked at; those that are known are used on: %s", why)
        elif was_away and not self._is_away:
            log.info("vault: secrets can be looked at again")

    def _failing(self) -> list[SecretState]:
        """Not what is only due: what was asked for in vain."""
        return [one for one in self._cache.state() if one.reference.scheme == "vault" and one.failures]
