"""The line: what waits for room, and who goes when an account has some. Pure: the dispatcher calls it.

Every item ends in exactly one way: returned by `pick` or `expire`, named as a victim by `offer`, or taken out by
`remove`; what `put_back` returns to the line ends once more.

The index is signature and group → class → tenant → lane. Who is next: `next_in_line`; among tenants: `fairness`;
what may go ahead of what does not fit: `hold`; who goes when the line is full: `shed`; when classes are shut:
`overload`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush, merge, nsmallest
from itertools import islice

from gateway.admission.backlog import Backlogs
from gateway.admission.bounds import Bounds
from gateway.admission.classes import RANKS
from gateway.admission.expected_wait import Forecast, forecast
from gateway.admission.item import DEADLINE_UNREACHABLE, Accepted, Item, Refused, Work
from gateway.admission.ledger import Queued, Served
from gateway.admission.next_in_line import Search
from gateway.admission.outlook import Outlook
from gateway.admission.overload import Overload
from gateway.admission.shed import Room, Victim
from gateway.admission.signatures import Signature, Signatures
from gateway.admission.supply import Supply
from gateway.admission.tally import queued

_ACCEPTED = Accepted()
_SLACK = 64
#: Nobody is told to wait for longer than a day's count takes to begin anew.
RETRY_MAX_S = 86_400.0
#: A request is refused when even this part of its expected wait is too long: forecasts are good to about a tenth.
#: Much less would let in what expires in line, at the cost of those behind it.
CERTAINTY = 0.85


class Line:
    """All that waits in this worker."""

    def __init__(self, bounds: Bounds, outlook: Outlook) -> None:
        self.bounds = bounds
        self.overload = Overload()
        self.backlogs = Backlogs()
        self._outlook = outlook
        self.items: dict[str, Item] = {}  # all that waits, by id; others only look whether there is any
        self._signatures = Signatures()
        self._expiry: list[tuple[float, int, str]] = []
        self._expired: list[Item] = []
        self._orders = 0

    def offer(self, item: Item, now: float) -> Accepted | Refused:
        """Let the item wait, at the cost of those named; or say why not, and when to come back."""
        self._sweep(now)
        assert item.id not in self.items, "an item waits once"
        self._enter(item)
        wait = self.expected(item, now).wait_s
        if self._is_late(item, wait, now):
            return Refused(DEADLINE_UNREACHABLE, min(wait, RETRY_MAX_S))
        room = Room(item, self.backlogs, self.bounds, self.overload.step(now))
        reason = room.refusal()
        if reason is not None:
            return Refused(reason, min(wait, RETRY_MAX_S))
        victims = []
        while (one := room.victim()) is not None:
            victims.append(self._newest(one))
            self._drop(victims[-1])
        self._add(item, now)
        return Accepted(tuple(victims)) if victims else _ACCEPTED

    def is_late(self, item: Item, now: float) -> bool:
        """Whether it would be refused if it came only now, by what has just become known of its accounts."""
        self._signatures.of(item.signature, item.group).supply = None
        return self._is_late(item, self.expected(item, now).wait_s, now)

    def pick(
        self, account: str, ranks: Sequence[int], try_take: Callable[[Item], bool], now: float
    ) -> Item | None:
        """Who goes on `account`: `try_take` has said yes to it, and to no other. Classes are tried as `ranks` says.

        A rank that stands before a smaller one is there for its floor. Named twice, it is tried once.
        """
        self._sweep(now)
        signatures = self._signatures.at(account)
        if not signatures:
            return None
        item = Search(account, signatures, try_take, self._outlook, now).run(ranks)
        if item is None:
            return None
        item.served_at = account
        left = self._forget(item)
        self.overload.goes(item.rank, now - item.arrived, left, now)
        return item

    def put_back(self, item: Item, now: float) -> None:
        """It went and was not served (a provider's 429): first of its lane again, whatever the bounds.

        Also for what went past the line, and so was never in it.
        """
        if not item.order:
            self._enter(item)
        account, item.served_at = item.served_at, None
        item.ahead_of_all = True
        self._add(item, now)
        if account is not None:
            signature = self._signatures.of(item.signature, item.group)
            at = signature.position.get(account)
            if at is not None:
                signature.buckets[item.rank].return_service(at, item)
            else:  # it avoids that account from now on
                self._signatures.services(account)[item.rank].correct(item, 0.0)

    def heads(self, account: str, ranks: Sequence[int], most: int) -> list[Item]:
        """The first who wait for `account`, about in the order in which they will go."""
        found: list[Item] = []
        for rank in dict.fromkeys(ranks):
            service = self._signatures.services(account)[rank]
            lanes = (
                (service.start(lane.tenant), lane)
                for signature in self._signatures.at(account)
                for lane in signature.buckets[rank].lanes.values()
            )
            rows = merge(*(lane.tags(start) for start, lane in nsmallest(most, lanes)))
            found += (item for _, _, item in islice(rows, most - len(found)))
            if len(found) >= most:
                break
        return found

    def served(self, account: str, most: int) -> list[Served]:
        """Whom it let go on `account` since this was last asked: for the ledger that workers share."""
        services = self._signatures.services(account)
        return [
            Served(rank, tenant, amount)
            for rank in RANKS
            for tenant, amount in services[rank].tell(most // len(RANKS)).items()
        ]

    def learn(self, account: str, tags: Iterable[tuple[int, str, int]]) -> None:
        """How far tenants have come on `account`, by class, as that ledger has it."""
        by_rank: dict[int, dict[str, int]] = {}
        for rank, tenant, tag in tags:
            by_rank.setdefault(rank, {})[tenant] = tag
        for rank, known in by_rank.items():
            self._signatures.services(account)[rank].learn(known)

    def waiting(self, account: str) -> list[list[tuple[Work, int]]]:
        """By rank, what waits for `account`: of each signature the work, and how many accounts share it."""
        signatures = [one for one in self._signatures.at(account) if one.count]
        return [[(one.buckets[rank].work, len(one.accounts)) for one in signatures] for rank in RANKS]

    def queued(self, account: str, now: float) -> tuple[Queued, ...]:
        """All that waits for `account` by class and tenant, for other workers to know."""
        signatures = [one for one in self._signatures.at(account) if one.count]
        return queued([(one.buckets, 1 / len(one.accounts)) for one in signatures], now)

    def remove(self, item: Item) -> bool:
        """Nobody waits for it any more. False if it had already ended."""
        if self.items.get(item.id) is not item:
            return False
        self._drop(item)
        return True

    def expire(self, now: float) -> list[Item]:
        """Whose deadline or patience ended; each is named once."""
        self._sweep(now)
        expired, self._expired = self._expired, []
        return expired

    def next_expiry(self) -> float | None:
        """When `expire` has something to say, at the earliest; None while nothing waits."""
        if self._expired:
            return self._expired[0].expires_at
        return self._expiry[0][0] if self.items else None

    def settle(self, item: Item, share: float) -> None:
        """What went is over and used `share` of the ceiling in the end."""
        account, item.served_at = item.served_at, None
        if account is not None:
            self._signatures.services(account)[item.rank].correct(item, share)

    def waits_for(self, account: str, rank: int) -> bool:
        """Whether someone as urgent as `rank`, or more, waits who could use `account`."""
        return any(
            signature.count and any(bucket.lanes for bucket in signature.buckets[: rank + 1])
            for signature in self._signatures.at(account)
        )

    def expected(self, item: Item, now: float, *, sure: bool = False) -> Forecast:
        """Position and expected wait of an item that waits, or might. Output is no part of a `sure` wait."""
        signature = self._signatures.of(item.signature, item.group)
        supply = signature.supply
        if supply is None or now >= supply.until:
            supply = signature.supply = Supply(item, self._outlook, now)
        return forecast(
            item, signature, self._signatures.near(signature), supply, self._outlook, now, sure=sure
        )

    def after(self, item_id: str, most: int) -> list[Item]:
        """The first who wait whose ids are greater, by id. O(n)."""
        ids = nsmallest(most, (one for one in self.items if one > item_id))
        return [self.items[one] for one in ids]

    def signatures(self) -> list[Signature]:
        """Those with somebody waiting."""
        return [one for one in self._signatures.all() if one.count]

    def find(self, item_id: str) -> Item | None:
        return self.items.get(item_id)

    def depth(self, signature: tuple[str, ...]) -> int:
        """How many wait for just these accounts."""
        return sum(one.count for one in self._signatures.at(signature[0]) if one.accounts == signature)

    def waiting_at(self, account: str) -> int:
        """How many wait who could use the account."""
        return sum(signature.count for signature in self._signatures.at(account))

    def waiting_since(self, account: str, rank: int) -> float | None:
        """When the first of the class's lanes who could use `account` arrived: of heads, the oldest. O(tenants)."""
        heads = (
            lane.head().arrived
            for signature in self._signatures.at(account)
            for lane in signature.buckets[rank].lanes.values()
        )
        return min(heads, default=None)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        """All that waits."""
        return iter(self.items.values())

    @property
    def bytes(self) -> int:
        """Of all bodies that wait."""
        return self.backlogs.bytes

    def _is_late(self, item: Item, wait_s: float, now: float) -> bool:
        """Whether it would wait in vain. What is only guessed is charged, and refuses nobody."""
        most = (item.expires_at - now) / CERTAINTY
        if wait_s <= most:
            return False
        return not item.guessed or self.expected(item, now, sure=True).wait_s > most

    def _enter(self, item: Item) -> None:
        """Its place among all that came."""
        self._orders += 1
        item.order = self._orders

    def _newest(self, one: Victim) -> Item:
        lanes = (signature.buckets[one.rank].lanes.get(one.tenant) for signature in self._signatures.all())
        return max((lane.newest() for lane in lanes if lane is not None), key=lambda item: item.order)

    def _add(self, item: Item, now: float) -> None:
        signature = self._signatures.of(item.signature, item.group)
        item.signature, item.group = signature.accounts, signature.group  # one for all who wait there
        signature.buckets[item.rank].add(item)
        signature.count += 1
        if not self.backlogs.classes[item.rank].count:
            self.overload.waits(item.rank, now)
        self.backlogs.add(item)
        self.items[item.id] = item
        heappush(self._expiry, (item.expires_at, item.order, item.id))

    def _drop(self, item: Item) -> None:
        self._signatures.of(item.signature, item.group).buckets[item.rank].drop(item)
        self._forget(item)

    def _forget(self, item: Item) -> int:
        """Out of everything but its bucket, where it is no longer. How many of its class are left."""
        self._signatures.of(item.signature, item.group).count -= 1
        left = self.backlogs.drop(item)
        if not left:
            self.overload.empty(item.rank)
        del self.items[item.id]
        if len(self._expiry) > 2 * len(self.items) + _SLACK:
            self._expiry[:] = [entry for entry in self._expiry if entry[2] in self.items]
            heapify(self._expiry)
        return left

    def _sweep(self, now: float) -> None:
        """Take out what is too late, before it could be dispatched or hold a place."""
        while self._expiry and self._expiry[0][0] <= now:
            _, order, item_id = heappop(self._expiry)
            item = self.items.get(item_id)
            if item is not None and item.order == order:
                self._drop(item)
                self._expired.append(item)
