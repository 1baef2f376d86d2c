"""Tenants of one class share one account by virtual service: start-time fair queuing over dominant shares.

Sources: Goyal, Vin & Cheng, "Start-time Fair Queuing" (SIGCOMM 1996); VTC (Sheng et al., OSDI 2024) for lengths
that are predicted at dispatch and corrected at completion, as Kubernetes' API priority and fairness does with its
guess G and the true S; Ghodsi et al. (NSDI 2011) for the dominant share as what is counted.

    start(t)  = max(clock, finish(t))              the tag by which tenants are ordered, least first
    dispatch:   clock = start(t);  finish(t) = start(t) + predicted / weight
    complete:   finish(t) += (actual - predicted) / weight

The clock is the start tag last dispatched. A tenant who comes back after a pause starts at the clock, so idle time
earns nothing; a tenant who was served alone is at most one dispatch ahead of the clock, so it owes nothing either.
For two tenants who both wait all the while, |service_1/w_1 - service_2/w_2| <= c_1/w_1 + c_2/w_2 with c the largest
single cost, plus what corrections of requests in flight amount to.

Why one clock for each account and class, and not one for a class: with tags common to all accounts a tenant who
had some provider to itself for a day would be locked out of a shared one until the others had caught up, and a
tenant stuck on an account that is down would hold the common minimum still, for each newcomer to start there and
take the shared account alone. Per account each is the single server of the proof.

Workers who share an account tell its ledger, while somebody waits, whom they let go, and learn how far apart their
tenants' services are by what all workers did (`tenant_tags`). Without that ledger each is fair by itself.
"""

from collections.abc import Mapping

from gateway.admission.item import Item

#: A tag of 1, everything that an account has, as ledgers count.
TAG_UNITS = 1_000_000
#: Counters kept before those that say nothing any more are looked for.
_KEPT = 64
#: Counters kept at most. Of more, the half least ahead of the clock is let off what it is ahead.
_MOST = 4096


class VirtualService:
    """The clock of one (account, class), and how far each tenant's service has come."""

    __slots__ = ("_finish", "_forget_at", "_untold", "clock")

    def __init__(self) -> None:
        self.clock = 0.0
        self._finish: dict[str, float] = {}
        self._forget_at = _KEPT
        self._untold: dict[str, float] | None = None  # what no ledger was told, if there is one

    def start(self, tenant: str) -> float:
        """The tenant's tag now."""
        finish = self._finish.get(tenant, 0.0)
        return finish if finish > self.clock else self.clock

    def serve(self, item: Item) -> None:
        """The item is dispatched: charge what it is predicted to use."""
        start = self.start(item.tenant)
        self.clock = start
        self._finish[item.tenant] = start + item.share / item.weight
        if self._untold is not None:
            self._spent(item.tenant, item.share / item.weight)
        if len(self._finish) > self._forget_at:
            self._forget()

    def correct(self, item: Item, share: float) -> None:
        """It used `share` in the end; nothing (0) if it was put back.

        More than predicted counts against a tenant who has been forgotten, too; less is only ever given back where
        it was charged.
        """
        delta = (share - item.share) / item.weight
        if self._untold is not None:
            self._spent(item.tenant, delta)
        finish = self._finish.get(item.tenant)
        if finish is not None:
            self._finish[item.tenant] = finish + delta
        elif delta > 0.0:
            self._finish[item.tenant] = self.clock + delta

    def tell(self, most: int) -> dict[str, int]:
        """What the ledger is to be told of `most` tenants, in its units; it counts as told."""
        untold, told = self._untold, {}
        if untold is None:
            untold = self._untold = {}
        for tenant in list(untold)[:most]:
            amount = int(untold[tenant] * TAG_UNITS)
            left = untold.pop(tenant) - amount / TAG_UNITS
            if left:
                untold[tenant] = left
            if amount:
                told[tenant] = amount
        return told

    def learn(self, tags: Mapping[str, int]) -> None:
        """How far apart these tenants are by the ledger. Tags only grow: the others are put as far ahead of whoever
        of them is least ahead of where the ledger has it.
        """
        untold = self._untold or {}
        known = {tenant: tag / TAG_UNITS + untold.get(tenant, 0.0) for tenant, tag in tags.items()}
        ahead = max((self.start(tenant) - tag for tenant, tag in known.items()), default=0.0)
        for tenant, tag in known.items():
            self._finish[tenant] = tag + ahead

    def _spent(self, tenant: str, amount: float) -> None:
        untold = self._untold
        assert untold is not None
        if tenant in untold or len(untold) < _MOST:
            untold[tenant] = untold.get(tenant, 0.0) + amount

    def _forget(self) -> None:
        """Drop tenants whose tag is the clock's anyway; next time when as many again have come."""
        if len(self._finish) > _MOST:
            self.clock = max(self.clock, sorted(self._finish.values())[len(self._finish) // 2])
        clock = self.clock
        self._finish = {tenant: finish for tenant, finish in self._finish.items() if finish > clock}
        self._forget_at = min(_MOST, max(_KEPT, 2 * len(self._finish)))

    def __len__(self) -> int:
        return len(self._finish)
