"""Health by provider key × model, of everything that this worker has been asked for.

It outlives a change of the configuration: a key that cools goes on cooling. A credential is one for all models
of its key. For the admin API it says where each key stands, why, and since when.
"""

from collections.abc import Iterable
from itertools import count

from gateway.admission.credential import Credential
from gateway.admission.health import Health
from gateway.admission.ramp import hold_s
from gateway.admission.target_health import TargetHealth
from gateway.settings.snapshot import ProviderKey

#: Model names may be the callers' own: what is remembered of them must have a bound.
TARGETS_MAX = 4096


class HealthTable:
    """All targets, made when first asked for."""

    __slots__ = ("_keys", "_targets", "_turns", "credentials")

    def __init__(self, keys: Iterable[ProviderKey], now: float = 0.0) -> None:
        self._turns = count(1)
        self._keys: tuple[ProviderKey, ...] = ()
        self._targets: dict[tuple[str, str], TargetHealth] = {}
        self.credentials: dict[str, Credential] = {}  # by the key's id
        self.configure(keys, now)

    def configure(self, keys: Iterable[ProviderKey], now: float) -> None:
        """These are the keys from now on, with their secrets or without.

        Whoever knows that a secret is another one says so to its credential.
        """
        self._keys = tuple(keys)
        known = self.credentials
        self.credentials = {key.id: known.get(key.id) or Credential() for key in self._keys}
        for credential in self.credentials.values():
            credential.uses.clear()
        for (provider_id, model), target in self._targets.items():
            target.consist_of(self._members(provider_id, model, target))
        for key in self._keys:
            self.credentials[key.id].at_hand(next(self._turns), now, is_away=key.lacks_secret)

    def target(self, provider_id: str, model: str | None) -> TargetHealth:
        """The keys that serve `model` there; None stands for requests that name no model."""
        name = (provider_id, model or "")
        found = self._targets.get(name)
        if found is None:
            if len(self._targets) >= TARGETS_MAX:
                self._forget()
            found = self._targets[name] = TargetHealth()
            found.consist_of(self._members(*name, found))
        return found

    def refreshed(self, key_id: str) -> None:
        """The key's secret was fetched anew after a refusal; what starts from now on carries it."""
        self.credentials[key_id].refreshed(next(self._turns))

    def changed(self, key_id: str, now: float, reason: str) -> None:
        """The key has another secret; what starts from now on carries it."""
        credential = self.credentials.get(key_id)
        if credential is not None:
            credential.changed(next(self._turns), now, reason)

    def reinstate(self, key_id: str, now: float, reason: str) -> bool:
        """A person says that the key is good: it is tried again, whatever it was left out for; whether it was."""
        credential = self.credentials.get(key_id)
        if credential is None or credential.is_away:  # not in service: it begins anew when it is
            return False
        was_out = [use.reinstate(now, reason) for use in credential.uses]
        credential.changed(next(self._turns), now, reason)
        return any(was_out)

    def state(self, key_id: str, now: float) -> list[dict[str, object]]:
        """For the admin API: every model of a key that is not simply healthy, or has a history.

        Of a key that is out of use although nobody has asked for it, what a request without a model would find.
        """
        told = [
            _described(one, now)
            for target in self._targets.values()
            if (one := target.by_key.get(key_id)) is not None and (one.history or not one.open)
        ]
        credential = self.credentials.get(key_id)
        if told or credential is None or not credential.invalid:
            return told
        return [_described(Health(key_id, "", credential, self._turns, 0.0), now)]

    def _members(self, provider_id: str, model: str, target: TargetHealth) -> list[Health]:
        """The health of each key that serves it: those that it had, and new ones."""
        members = []
        for key in self._keys:
            if key.provider.id != provider_id or (model and not key.serves(model)):
                continue
            credential = self.credentials[key.id]
            health = target.by_key.get(key.id)
            if health is None or health.credential is not credential:
                health = Health(key.id, model, credential, self._turns, hold_s(key.provider.dialect))
            credential.uses[health] = None
            members.append(health)
        return members

    def _forget(self) -> None:
        """Targets of which there is nothing to tell; where there are none, the oldest."""
        gone = [name for name, target in self._targets.items() if target.is_plain()]
        for name in gone or [next(iter(self._targets))]:
            for health in self._targets.pop(name).members:
                health.credential.uses.pop(health, None)


def _described(one: Health, now: float) -> dict[str, object]:
    until = one.until or (one.rests_until if one.rests_until > now else 0.0)
    return {
        "model": one.model,
        "state": one.state,
        "reason": one.history[-1].reason if one.history else None,
        "ends_in_s": round(max(0.0, until - now), 3) if until else None,
        "share": round(one.share(now), 3),
        "failures": one.failures(now),
        "history": [
            {
                "ago_s": round(now - change.at, 3),
                "from": change.before,
                "to": change.after,
                "reason": change.reason,
                "for_s": round(change.until - change.at, 3) if change.until else None,
            }
            for change in one.history
        ],
    }
