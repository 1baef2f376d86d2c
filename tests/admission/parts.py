"""Items and accounts for tests of the line."""

from collections.abc import Sequence
from math import inf
from typing import Any

from gateway.admission.bounds import Bounds
from gateway.admission.classes import CLASSES, RANKS
from gateway.admission.item import Accepted, Item, Refused
from gateway.admission.ledger import Queued
from gateway.admission.line import Line
from gateway.charge import Charge

ROOMY = Bounds(1_000_000, 1 << 40)
IN_ORDER = RANKS


def item(
    name: str, rank: int = 1, tenant: str = "t", signature: tuple[str, ...] = ("a",), **more: Any
) -> Item:
    defaults: dict[str, Any] = {
        "charge": Charge(1, 100, 100, 200),
        "share": 0.001,
        "bytes": 100,
        "arrived": 0.0,
        "ttl": CLASSES[rank].ttl_s,
    }
    return Item(name, signature, rank, tenant, **{**defaults, **more})


class Plenty:
    """Accounts that say what the test tells them; room at once where it tells nothing."""

    def __init__(self, free_in: dict[str, float] | None = None, rate: float = inf) -> None:
        self.waits = free_in or {}
        self.rate = rate
        self.took: list[float] = [0.0] * len(RANKS)
        self.away: list[Queued] = []
        self.shut: set[tuple[str, str]] = set()  # accounts with groups

    def free_in(self, account: str, _item: Item) -> float:
        return self.waits.get(account, 0.0)

    def sure_in(self, account: str, item: Item) -> float:
        return self.free_in(account, item)

    def opens_in(self, account: str, item: Item) -> float:
        return 10.0 if (account, item.group) in self.shut else 0.0

    def share(self, _account: str, item: Item) -> float:
        return item.share

    def rates(self, _account: str) -> Sequence[float]:
        return (self.rate, inf, inf, inf)

    def served(self, _account: str) -> Sequence[float]:
        return self.took

    def elsewhere(self, _account: str) -> Sequence[Queued]:
        return self.away


def line(bounds: Bounds = ROOMY, outlook: Plenty | None = None) -> Line:
    return Line(bounds, outlook or Plenty())


def offered(to: Line, *items: Item, now: float = 0.0) -> None:
    for one in items:
        assert to.offer(one, now) == Accepted(), one.id


def yes(_item: Item) -> bool:
    return True


def drained(of: Line, account: str = "a", now: float = 0.0) -> list[str]:
    """Everything that goes on `account`, in order."""
    gone = []
    while (one := of.pick(account, IN_ORDER, yes, now)) is not None:
        gone.append(one.id)
    return gone


__all__ = [
    "IN_ORDER", "ROOMY", "Accepted", "Plenty", "Refused", "drained", "item", "line", "offered", "yes",
]  # fmt: skip
