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
            made = [self._digest(key, value, value is values[0], snapshot.pepper, found) for value in values]
            digests = [one for one in made if one is not None]
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
        self, key: TenantKey, value: Secret, is_present: bool, pepper: bytes, others: dict[bytes, TenantKey]
    ) -> bytes | None:
        """None of a value that cannot be one. Its present one gives way only to that of another of the file's."""
        name, made = f"{key.tenant.id}/{key.id}", digest(pepper, value.reveal())
        why = weakness(value.reveal(), KEY_CHARS_MIN)
        other = others.get(made)
        is_others = other is not None and not (is_present and (other.stored or other.digest != made))
        if why is None and (is_others or made in self._taken):
            why = "has the same value as another key"
        if why is not None:
            self._say(name, f"what is at {key.reference} {why}, and does not count")
            return None
        self._said.pop(name, None)
        if other is not None and other.stored and other.digest == made:
            self._say(f"{other.tenant.id}/{other.id}", f"has the same value as {name}, and does not count")
        return made

    def _say(self, name: str, what: str) -> None:
        if self._said.get(name) != what:
            self._said[name] = what
            log.error("tenant key %s: %s", name, what)


def _place(key: TenantKey) -> Reference:
    assert key.reference is not None, "an awaited key is one with a reference"
    return key.reference
