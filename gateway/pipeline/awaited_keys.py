"""Tenant keys of the file whose values are kept in Vault: known by their digests once the values are there.

A value that cannot be a tenant key (weak, or somebody else's already) does not count and is said by the key's name.
Just after a change the value before it counts, too. While Vault is away and never gave a value, nobody can say of
an unknown key that it is not that one: `are_away`.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from gateway.settings.snapshot import Snapshot, TenantKey
from keys.digest import digest
from keys.secret import Secret
from keys.secrets.reference import Reference
from keys.strength import KEY_CHARS_MIN, weakness

#: What there is of a secret now, the present value first; nothing when it cannot be had.
Values = Callable[[Reference], tuple[Secret, ...]]

log = logging.getLogger("gateway")


class AwaitedKeys:
    """`taken` are digests that no tenant key may have: the admin key's."""

    def __init__(self, values: Values, is_away: Callable[[Reference], bool], taken: frozenset[bytes]) -> None:
        self._values = values
        self._is_away = is_away
        self._taken = taken
        self._filled: dict[TenantKey, tuple[tuple[Secret, ...], TenantKey | None]] = {}
        self._said: dict[str, str] = {}

    @property
    def are_away(self) -> bool:
        """Whether there is one of which nobody can say what it is."""
        return any(not values and self._is_away(_place(key)) for key, (values, _) in self._filled.items())

    @property
    def are_others(self) -> bool:
        """Whether there are other values than when this was filled."""
        return any(self._values(_place(key)) != values for key, (values, _) in self._filled.items())

    def filled(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot` with them; a key whose value did not change stays the same object."""
        if not snapshot.awaited_keys and not self._filled:
            return snapshot
        before, self._filled = self._filled, {}
        found = dict(snapshot.tenant_keys)
        for key in snapshot.awaited_keys:
            values = self._values(_place(key))
            digests = [one for value in values if (one := self._digest(key, value, snapshot.pepper, found))]
            known = before.get(key, ((), None))[1]
            if not digests:
                self._filled[key] = values, None
                continue
            if known is None or known.digest != digests[0]:
                known = replace(key, digest=digests[0])
            self._filled[key] = values, known
            found.update(dict.fromkeys(digests, known))
        return replace(snapshot, tenant_keys=MappingProxyType(found))

    def _digest(
        self, key: TenantKey, value: Secret, pepper: bytes, others: dict[bytes, TenantKey]
    ) -> bytes | None:
        name, made = f"{key.tenant.id}/{key.id}", digest(pepper, value.reveal())
        why = weakness(value.reveal(), KEY_CHARS_MIN)
        if why is None and (made in others or made in self._taken):
            why = "has the same value as another key"
        if why is None:
            self._said.pop(name, None)
            return made
        if self._said.get(name) != why:
            self._said[name] = why
            log.error("tenant key %s: what is at %s %s, and does not count", name, key.reference, why)
        return None


def _place(key: TenantKey) -> Reference:
    assert key.reference is not None, "an awaited key is one with a reference"
    return key.reference
