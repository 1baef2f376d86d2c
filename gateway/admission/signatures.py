"""All signatures that the line knows, by account, and the virtual service of each account.

A signature is the accounts that an item may use, best first, for each group of items that may be held up together
by what is not room. There are few: about as many as models, and more while requests avoid an account that they
have tried.
"""

from collections.abc import Iterable

from gateway.admission.classes import RANKS
from gateway.admission.fairness import VirtualService
from gateway.admission.lanes import Bucket
from gateway.admission.supply import Supply

#: Signatures kept before empty ones are looked for.
_KEPT = 64


class Signature:
    """The buckets of one set of accounts and one group, by rank."""

    __slots__ = (
        "accounts",
        "buckets",
        "count",
        "group",
        "near",
        "near_as_of",
        "position",
        "services",
        "supply",
    )

    def __init__(
        self, accounts: tuple[str, ...], group: str, services: tuple[tuple[VirtualService, ...], ...]
    ) -> None:
        self.accounts, self.group = accounts, group
        self.position = {account: at for at, account in enumerate(accounts)}
        self.services = services  # by rank, then in the order of the accounts
        self.buckets = tuple(Bucket(rank, services[rank]) for rank in RANKS)
        self.count = 0
        self.supply: Supply | None = None
        self.near: list[tuple[Signature, float]] = []
        self.near_as_of = -1


class Signatures:
    """The index of the line."""

    __slots__ = ("_at", "_forget_at", "_known", "_services", "_version")

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], str], Signature] = {}
        self._at: dict[str, list[Signature]] = {}
        self._services: dict[str, tuple[VirtualService, ...]] = {}
        self._forget_at = _KEPT
        self._version = 0

    def of(self, accounts: tuple[str, ...], group: str) -> Signature:
        """The group's signature of these accounts, known from now on."""
        known = self._known.get((accounts, group))
        if known is not None:
            return known
        if len(self._known) >= self._forget_at:
            self._forget()
        by_account = [self.services(account) for account in accounts]
        known = Signature(accounts, group, tuple(zip(*by_account, strict=True)))
        self._known[accounts, group] = known
        for account in accounts:
            self._at.setdefault(account, []).append(known)
        self._version += 1
        return known

    def all(self) -> Iterable[Signature]:
        return self._known.values()

    def at(self, account: str) -> list[Signature]:
        """Those that contain the account."""
        return self._at.get(account) or []

    def services(self, account: str) -> tuple[VirtualService, ...]:
        """By rank."""
        known = self._services.get(account)
        if known is None:
            known = self._services[account] = tuple(VirtualService() for _ in RANKS)
        return known

    def near(self, signature: Signature) -> list[tuple[Signature, float]]:
        """Those that share an account with this one, itself among them, and which part of their accounts."""
        if signature.near_as_of != self._version:
            sharing = {id(other): other for account in signature.accounts for other in self.at(account)}
            signature.near = [(other, _shared(other, signature)) for other in sharing.values()]
            signature.near_as_of = self._version
        return signature.near

    def _forget(self) -> None:
        """Drop the empty ones; next time when as many again have come."""
        self._known = {which: known for which, known in self._known.items() if known.count}
        self._at = {}
        for known in self._known.values():
            for account in known.accounts:
                self._at.setdefault(account, []).append(known)
        self._forget_at = max(_KEPT, 2 * len(self._known))
        self._version += 1

    def __len__(self) -> int:
        return len(self._known)


def _shared(other: Signature, signature: Signature) -> float:
    return sum(account in signature.position for account in other.accounts) / len(other.accounts)
