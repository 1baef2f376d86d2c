"""What the accounts of a signature let through, what waits for them at other workers, and how long it takes some
work to be gone.

    seconds = max over dimensions of  min( (urgent + peers) / (rate · left),  (peers + own) / (rate · floor) )

`left` is the part of a rate that newly arriving work of other classes will leave to a class: one less what more
urgent classes took lately, less the floors that lower ones use (the 1 - σ of Cobham's formula for priority queues,
Operations Research 1954). Work of a class below its floor need not wait for the more urgent, but the floor must
yield it and the request itself: the second term.
"""

from collections.abc import Iterable, Sequence
from math import inf

from gateway.admission.classes import CLASSES, RANKS
from gateway.admission.item import Item, Work
from gateway.admission.outlook import Outlook
from gateway.admission.tally import Tally, elsewhere
from gateway.charge import INPUT, OUTPUT, REQUESTS, TOKENS, Charge

_LEAST_LEFT = 0.01
_WINDOW_S = 60.0
#: How long rates and what classes took are taken to stay as they were.
_STAYS_S = 0.25


class Ahead:
    """A sum of work, in parts: what must go before, and how many of it are here."""

    __slots__ = ("count", "input", "output", "requests", "tokens")

    def __init__(self) -> None:
        self.count = self.requests = self.input = self.output = self.tokens = 0.0

    def add(self, work: "Work | Tally | Ahead", part: float, here: float) -> None:
        """`part` of that work, which is `here` many that wait already."""
        self.count += here
        self.requests += work.requests * part
        self.input += work.input * part
        self.output += work.output * part
        self.tokens += work.tokens * part


class Supply:
    """What the accounts of an item's signature let through together, and to whom, lately; and by rank what waits
    for them at other workers, by tenant (`away`) and `in_all`.

    Those that are not open to it within a window do not count beside others that are.
    """

    __slots__ = ("_floored", "_rates", "away", "in_all", "until")

    def __init__(self, item: Item, outlook: Outlook, now: float) -> None:
        near = [one for one in item.signature if outlook.opens_in(one, item) <= _WINDOW_S]
        accounts = near or item.signature
        rates = [sum(rate) for rate in zip(*map(outlook.rates, accounts), strict=True)]
        served = [sum(part) / len(accounts) for part in zip(*map(outlook.served, accounts), strict=True)]
        self.until = now + _STAYS_S
        self.away = elsewhere((one for account in accounts for one in outlook.elsewhere(account)), now)
        self.in_all = [_sum(tallies.values()) for tallies in self.away]
        #: By rank, for each dimension: its rate for the class when others are before it, and by its floor alone.
        self._rates = [[rate * left_for(rank, served) for rate in rates] for rank in RANKS]
        self._floored = [[rate * row.floor for rate in rates] for row in CLASSES]

    def seconds(self, rank: int, urgent: Ahead, peers: Ahead, own: Charge, *, sure: bool = False) -> float:
        """Until the work ahead of a request that is charged `own` is gone; for `sure`, of all but its output."""
        left, floor = self._rates[rank], self._floored[rank]
        return max(
            _seconds(urgent.requests, peers.requests, own.requests, left[REQUESTS], floor[REQUESTS]),
            _seconds(urgent.input, peers.input, own.input, left[INPUT], floor[INPUT]),
            0.0 if sure else _seconds(urgent.output, peers.output, own.output, left[OUTPUT], floor[OUTPUT]),
            _seconds(urgent.tokens, peers.tokens, own.tokens, left[TOKENS], floor[TOKENS]),
        )


def left_for(rank: int, served: Sequence[float]) -> float:
    """The part of a rate that a class may count on, from what each class took of it lately."""
    left = 1.0 - sum(served[:rank])
    for lower in range(rank + 1, len(served)):
        left -= min(served[lower], CLASSES[lower].floor)
    return max(left, CLASSES[rank].floor, _LEAST_LEFT)


def _sum(tallies: Iterable[Tally]) -> Ahead:
    found = Ahead()
    for one in tallies:
        found.add(one, 1.0, one.count)
    return found


def _seconds(urgent: float, peers: float, own: int, left: float, floor: float) -> float:
    """For one dimension."""
    ahead = urgent + peers
    if not ahead or left == inf:
        return 0.0
    if not left:
        return inf
    seconds = ahead / left
    return min(seconds, (peers + own) / floor) if floor else seconds
