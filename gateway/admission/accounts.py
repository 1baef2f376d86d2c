"""Live state of provider keys in this worker: what is in flight, and the choice between them.

For now the choice is least in flight, then round robin; ceilings, affinity and health grow in here.
"""

from collections.abc import Collection, Sequence

from gateway.settings.snapshot import ProviderKey


class Account:
    """What this worker knows of one provider key."""

    __slots__ = ("attempts", "failures", "in_flight", "key", "last_refusal", "last_used")

    def __init__(self, key: ProviderKey) -> None:
        self.key = key
        self.in_flight = 0
        self.attempts = 0
        self.failures = 0
        self.last_used = 0  # turn number of the last choice: the round robin
        self.last_refusal: str | None = None

    def state(self) -> dict[str, object]:
        """For the admin API."""
        return {
            "id": self.key.id,
            "provider": self.key.provider.id,
            "in_flight": self.in_flight,
            "attempts": self.attempts,
            "failures": self.failures,
            "last_refusal": self.last_refusal,
        }


class Accounts:
    """All accounts of one snapshot, and the turn counter they share."""

    __slots__ = ("_turn", "by_key")

    def __init__(self, keys: Sequence[ProviderKey]) -> None:
        self.by_key: dict[ProviderKey, Account] = {key: Account(key) for key in keys}
        self._turn = 0

    def take(self, candidates: Sequence[Account], tried: Collection[Account] = ()) -> Account | None:
        """The candidate with least in flight, the one longest unused among equals; None when all were tried.

        The account's place is taken: the caller owes one `give_back`.
        """
        best: Account | None = None
        for account in candidates:
            if account in tried:
                continue
            if (
                best is None
                or account.in_flight < best.in_flight
                or (account.in_flight == best.in_flight and account.last_used < best.last_used)
            ):
                best = account
        if best is not None:
            self._turn += 1
            best.last_used = self._turn
            best.in_flight += 1
            best.attempts += 1
        return best

    def give_back(self, account: Account) -> None:
        account.in_flight -= 1
        assert account.in_flight >= 0, "an account's place was given back twice"
