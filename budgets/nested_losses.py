"""What was held of nested budgets, as the spending that it may have been: of the same requests once.

A request is charged to the budgets of its tenant key, its tenant and all tenants alike. So what was held of a
key's budget was held of its tenant's and of everybody's too, as far as these reach. Every part is spent to the
nano-dollar, and the sum is the least that can be. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from budgets.period import overlap

_EVERYBODYS = "*"


class Part(NamedTuple):
    """Held of one budget, in nano-dollars. `key` is empty where it is no single key's."""

    account: str
    period: str
    epoch: int
    tenant: str
    key: str
    held: int
    at_ms: int | None  # when it was last known to be held; None: nobody knows


class Loss(NamedTuple):
    """One of the spendings: `cost` nano-dollars, charged to each account."""

    cost: int
    accounts: tuple[tuple[str, str], ...]
    epoch: int
    tenant: str
    key: str
    at_ms: int | None


def losses(parts: Iterable[Part]) -> list[Loss]:
    """Those of single keys first: who pays is known best of them."""
    left = {part: part.held for part in sorted(parts, key=_depth)}
    found: list[Loss] = []
    while left:
        path: list[Part] = []
        for part in left:
            if _belongs(part, path):
                path.append(part)
        cost = min(left[part] for part in path)
        found.append(_loss(cost, path))
        for part in path:
            left[part] -= cost
            if not left[part]:
                del left[part]
    return found


def _depth(part: Part) -> tuple[object, ...]:
    """Innermost first, then in a fixed order."""
    return not part.key, part.tenant == _EVERYBODYS, *part[:5]


def _belongs(part: Part, path: Sequence[Part]) -> bool:
    """Whether what is charged to all of `path`, of which the first is the innermost, is charged to it too."""
    if not path:
        return True
    inner = path[0]
    return (
        part.epoch == inner.epoch
        and part.tenant in (inner.tenant, _EVERYBODYS)
        and part.key in (inner.key, "")
        and all(part.account != one.account and overlap(part.period, one.period) for one in path)
    )


def _loss(cost: int, path: Sequence[Part]) -> Loss:
    known = [part.at_ms for part in path if part.at_ms is not None]
    accounts = tuple((part.account, part.period) for part in path)
    inner = path[0]
    return Loss(cost, accounts, inner.epoch, inner.tenant, inner.key, max(known, default=None))
