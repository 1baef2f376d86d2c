"""The secrets of provider keys as they are now: filled into each snapshot, and again when one of them changes.

With them those of egress proxies, and the tenant keys that are kept in Vault. So a request finds its secret in its
key and looks nothing up. A secret whose place is away stays until it is too old; then its key has none, and is
out of use until it has. A provider's refusal has the secret looked at again at once: when
there is another value, the present or the former one, it is used; when there is none, the key's next refusal puts
it out of use.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from gateway.admission.health_table import HealthTable
from gateway.metrics import Metrics, Reading
from gateway.pipeline.awaited_keys import AwaitedKeys
from gateway.pipeline.secret_sources import Sources, is_looked_at
from gateway.pipeline.vault_state import VaultState
from gateway.settings.snapshot import Provider, ProviderKey, Snapshot
from keys.secret import Secret
from keys.secrets.cache import Outcome, SecretCache, SecretUnavailableError
from keys.secrets.reference import Reference, Scheme
from keys.secrets.source import Fault
from keys.secrets.watch import Versioned, VersionWatch
from storage.background import end_tasks

#: How long a start, or a new configuration, waits for secrets that are not there yet.
_WARM_S = 5.0
_LOOK_S = 1.0
#: How long a value that a provider refused is not tried while there is another.
_SHUNNED_S = 10.0
_CHANGED = "there is another secret"

log = logging.getLogger("gateway")


class ProviderSecrets:
    """`renew` is called when a secret in use changed: it is to put `filled` of the present snapshot in force.

    `taken` are digests that no tenant key may have.
    """

    def __init__(
        self,
        sources: Sources,
        health: HealthTable,
        metrics: Metrics,
        monotonic: Callable[[], float],
        renew: Callable[[], None],
        taken: frozenset[bytes] = frozenset(),
    ) -> None:
        self._vault = sources.vault
        self._health = health
        self._metrics = metrics
        self._monotonic = monotonic
        self._renew = renew
        self._cache = SecretCache(
            sources.by_scheme, sources.policy, monotonic, on_fetch=self._fetched, on_change=self._changed
        )
        places: dict[Scheme, Versioned] = {} if sources.vault is None else {"vault": sources.vault}
        self._versions = VersionWatch(self._cache, places, sources.policy.watch_s)
        #: None where there is no Vault.
        self.vault = VaultState(self._cache, self._versions) if sources.vault is not None else None
        self._keys: dict[str, tuple[ProviderKey, ProviderKey]] = {}  # by id, as configured and as filled
        self._proxies: dict[str, tuple[Provider, Provider]] = {}  # the same of those behind one
        self.awaited = AwaitedKeys(self._values, self._is_away, taken)
        self._shunned: dict[Reference, list[tuple[Secret, float]]] = {}
        self._used: dict[Reference, Secret] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._fetches = dict.fromkeys(Outcome, 0)
        metrics.also(self._readings)

    async def start(self) -> None:
        self._cache.start()
        if self._vault is not None:
            self._vault.start()
        self._versions.start()
        self._watcher = asyncio.create_task(self._watch(), name="provider-secrets")

    async def close(self) -> None:
        await end_tasks(*self._looks.values(), self._watcher)
        await self._versions.close()
        await self._cache.close()
        if self._vault is not None:
            await self._vault.close()

    async def warm(self, snapshot: Snapshot) -> None:
        """Fetch what `snapshot` needs and is not here, before it comes into force."""
        for error in await self._cache.warm(_references(snapshot), _WARM_S):
            log.error("a secret cannot be had for now: %s", error)

    def filled(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot` with the secrets of now; what does not change stays the same object."""
        before, self._keys = self._keys, {}
        proxies, self._proxies = self._proxies, {}
        for provider in snapshot.providers.values():
            if is_looked_at(provider.egress_proxy_reference):
                known = proxies.get(provider.id)
                self._proxies[provider.id] = provider, self._behind_proxy(provider, known)
        keys = tuple(self._filled(key, before.get(key.id)) for key in snapshot.provider_keys)
        kept = set(_references(snapshot))
        self._cache.retain(kept)
        for memory in (self._shunned, self._used):
            for reference in memory.keys() - kept:
                del memory[reference]
        return self.awaited.filled(replace(snapshot, provider_keys=keys))

    def refused(self, key: ProviderKey, presented: Secret | None) -> None:
        """A provider did not take `presented`: the credential's affair, and ours."""
        if presented is None or key.reference is None or not is_looked_at(key.reference):
            self._health.refreshed(key.id)
        elif key.id not in self._looks and presented == key.secret:
            task = asyncio.create_task(self._look(key.id, key.reference, presented), name=f"look {key.id}")
            self._looks[key.id] = task
            task.add_done_callback(lambda _: self._looks.pop(key.id, None))

    async def has_another(self, key_id: str, presented: Secret | None) -> bool:
        """Whether it is worth while to try again with the key as it is now; when that is known."""
        look = self._looks.get(key_id)
        if look is not None:
            await asyncio.wait([look])
        known = self._keys.get(key_id)
        secret = None if known is None else known[1].secret
        return presented is not None and secret is not None and secret != presented

    async def look(self, key_id: str) -> bool:
        """Read the key's secret again, as somebody says that there is another; whether there was."""
        key, filled = self._keys[key_id]
        reference = key.reference
        if reference is None or not is_looked_at(reference):
            return False
        with suppress(SecretUnavailableError):
            if filled.secret is None:
                await self._cache.look_again(reference)
            else:
                await self._cache.refresh_now(reference, filled.secret)
        self._renew_if_changed()
        return self._keys[key_id][1].secret != filled.secret

    def _filled(self, key: ProviderKey, before: tuple[ProviderKey, ProviderKey] | None) -> ProviderKey:
        secret = key.secret if not is_looked_at(key.reference) else self._now(key.reference)
        provider = self._proxies.get(key.provider.id, (None, key.provider))[1]
        same = secret == key.secret and provider is key.provider
        filled = key if same else replace(key, secret=secret, provider=provider)
        if before is not None:
            if before[0] is key and before[1].secret == secret and before[1].provider is provider:
                filled = before[1]
            elif secret is not None and (before[1].secret != secret or before[1].reference != key.reference):
                self._health.changed(key.id, self._monotonic(), _CHANGED)
        self._keys[key.id] = key, filled
        return filled

    def _behind_proxy(self, provider: Provider, before: tuple[Provider, Provider] | None) -> Provider:
        auth = self._proxy_auth(provider)
        if before is not None and before[0] is provider and before[1].egress_proxy_auth == auth:
            return before[1]
        return provider if auth == provider.egress_proxy_auth else replace(provider, egress_proxy_auth=auth)

    def _proxy_auth(self, provider: Provider) -> Secret | None:
        """What the proxy is told; nothing else is it told than what could be `user:password`."""
        assert provider.egress_proxy_reference is not None
        fit = (one for one in self._values(provider.egress_proxy_reference) if ":" in one.reveal())
        return next(fit, None)

    def _values(self, reference: Reference) -> tuple[Secret, ...]:
        """What there is now, the newest first; empty when it cannot be had."""
        try:
            return self._cache.values(reference)
        except SecretUnavailableError:
            return ()

    def _is_away(self, reference: Reference) -> bool:
        try:
            self._cache.values(reference)
        except SecretUnavailableError as error:
            return error.fault is Fault.AWAY
        return False

    def _now(self, reference: Reference | None) -> Secret | None:
        """The value to present: the newest that no provider refused a moment ago. None: there is none."""
        assert reference is not None
        values = self._values(reference)
        if not values:
            return None
        now = self._monotonic()
        shunned = [value for value, until in self._shunned.get(reference, ()) if now < until]
        good = [value for value in values if value not in shunned]
        used = self._used.get(reference)
        if good:
            used = good[0]
        elif used is None or used not in values:  # else all are as bad, and there is no use in changing
            used = values[0]
        self._used[reference] = used
        return used

    async def _look(self, key_id: str, reference: Reference, presented: Secret) -> None:
        until = self._monotonic() + _SHUNNED_S
        shunned = [one for one in self._shunned.get(reference, ()) if one[0] != presented]
        self._shunned[reference] = [*shunned[-1:], (presented, until)]
        try:
            await self._cache.refresh_now(reference, presented)
        except SecretUnavailableError as error:
            log.warning("a refused secret cannot be looked at again: %s", error)
        if self._now(reference) in (presented, None):
            self._health.refreshed(key_id)  # it is what it is: whoever is refused with it now is the last
        self._renew_if_changed()

    def _fetched(self, _: Reference, outcome: Outcome) -> None:
        self._fetches[outcome] += 1

    def _changed(self, _: Reference) -> None:
        self._renew_if_changed()

    def _renew_if_changed(self) -> None:
        if (
            any(
                is_looked_at(key.reference) and self._now(key.reference) != filled.secret
                for key, filled in self._keys.values()
            )
            or any(
                self._proxy_auth(one) != filled.egress_proxy_auth for one, filled in self._proxies.values()
            )
            or self.awaited.are_others
        ):
            self._renew()

    async def _watch(self) -> None:
        """A secret that became too old, or a shunned one whose time is over, changes without an event."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._renew_if_changed()
            if self.vault is not None:
                self.vault.tell(self._metrics)

    def _readings(self) -> Iterator[Reading]:
        counts = [((outcome.value,), float(count)) for outcome, count in self._fetches.items()]
        text = "Looks at where provider secrets are kept."
        yield Reading("secret_fetches", text, ("outcome",), counts, counts=True)


def _references(snapshot: Snapshot) -> list[Reference]:
    """Of all that is looked at again."""
    named = (
        *(key.reference for key in snapshot.provider_keys),
        *(provider.egress_proxy_reference for provider in snapshot.providers.values()),
        *(key.reference for key in snapshot.awaited_keys),
    )
    return [one for one in named if one is not None and is_looked_at(one)]
