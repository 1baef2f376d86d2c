"""Overflow, where it meets the line: who goes to its route's local model, on arrival and later.

On arrival everybody is asked. Who waits and may overflow is looked at again when the local model gains a place,
when a key's health changed, or when its own wait was to become too long by what was last expected of it: worst off
first, a few at a time. Who overflowed keeps its paid ways, and takes what is free first.

When the local model is away nobody goes there who could wait for a better one: see `local_model`. Nor does one that
it does not suit by what the package says of it, while there is room in the line: that may be wrong, so it keeps
nobody away who would be refused otherwise.
"""

from collections.abc import Callable
from math import inf

from gateway.admission.classes import CLASSES, RANKS
from gateway.admission.item import Item
from gateway.admission.least_slack import LeastSlack
from gateway.admission.line import Line
from gateway.admission.overflow import DEADLINE, DEPTH, NO_KEY, late_from, may_overflow, overflows
from gateway.admission.retry_budget import RetryBudget
from gateway.admission.shed import Room
from gateway.metrics import Metrics
from gateway.pipeline.local_model import free_in, local_model, may_try, places, serves, suits
from gateway.pipeline.outlook import AccountOutlook, key_opens_in
from gateway.pipeline.router import Way
from gateway.pipeline.ticket import Permit, Ticket, ticket_of
from gateway.record import Record, field
from gateway.settings.snapshot import Snapshot

#: How many are looked at in one go, and when to go on at the earliest where nothing happens.
_LOOKED_AT = 8
_AGAIN_S = 0.25
#: The same where the local model does not serve just now.
_REST_S = 1.0
#: Takes a place for who waits, by that way and for that reason; False when there is none after all.
Go = Callable[[Item, Way, str], bool]


class _Waiting(Record):
    """Who waits and may overflow that way. `wanting` are those who would have gone at the last look, had there been
    a place in hand: with a shared ledger places have to be asked for."""

    way: Way
    order: LeastSlack
    wanting: list[Item] = field(default_factory=list)


class Overflow:
    """The dispatcher's, which gives out the permits."""

    def __init__(
        self,
        line: Line,
        outlook: AccountOutlook,
        snapshot: Snapshot,
        retries: RetryBudget,
        metrics: Metrics,
    ) -> None:
        self._line = line
        self._outlook = outlook
        self._retries = retries
        self._depth = snapshot.queue.overflow_depth
        self._metrics = metrics
        #: By the local model's account; empty while nobody waits who may overflow.
        self.waiting: dict[str, _Waiting] = {}

    def without_key(self, ticket: Ticket, now: float) -> bool:
        """No key will be in service in time, and so it goes to the local model: from now on it may."""
        if (
            not ticket.candidates.overflow
            or not self._is_keyless(ticket, now)
            or not self._takes_in(ticket, now)
        ):
            return False
        ticket.overflow(NO_KEY)
        return True

    def instead_of(self, way: Way, ticket: Ticket, now: float) -> bool:
        """The same of one for whom there is only that way, left out for its health: unless it is time to try it."""
        if way.health.allows(ticket.rank, now) and self._retries.allows(now):
            return False
        return self.without_key(ticket, now)

    def rather(self, ticket: Ticket, item: Item, now: float) -> bool:
        """It goes to the local model rather than wait: from now on it may. Else `ticket.late_from` is known."""
        reason = self._reason(ticket, item, now)
        if reason is None:
            return False
        ticket.overflow(reason)
        return True

    def went(self, ticket: Ticket, permit: Permit) -> None:
        """A ticket that may has a permit: whether it is one for the local model."""
        if permit.way in ticket.candidates.overflow:
            if ticket.exchange.overflow is None and ticket.overflowed is not None:
                self._metrics.overflowed(ticket.overflowed)
            permit.overflow = ticket.exchange.overflow = ticket.overflowed

    def add(self, ticket: Ticket, item: Item) -> tuple[Way, ...]:
        """It waits. The ways of the local model by which it might go later."""
        ways = self._ways(ticket)
        if ticket.came_back:  # first of its class: nothing is known but that it need not wait for others
            ticket.late_from = late_from(item, 0.0)
        for way in ways:
            known = self.waiting.get(way.account.id)
            if known is None:
                known = self.waiting[way.account.id] = _Waiting(way, LeastSlack(self._line.find))
            known.order.add(item, ticket.late_from)
        return ways

    def wanting(self, account: str) -> list[tuple[Item, Way]]:
        """For whom a place at the local model is to be asked for, and by which way: they stand in other lines."""
        known = self.waiting.get(account)
        if known is None:
            return []
        return [(item, known.way) for item in known.wanting if self._line.find(item.id) is item]

    def look(self, account: str, now: float, go: Go) -> float:
        """The account may have a place: let those go who are worst off. Seconds until it is time to look again."""
        known = self.waiting[account]
        if known.way.account.in_flight >= places(known.way.account):
            return inf  # whoever ends there comes by here
        opens_in = key_opens_in(known.way, RANKS[-1], now)
        if opens_in > 0.0:
            return opens_in
        order = known.order
        known.wanting.clear()
        found = order.take(_LOOKED_AT)
        going = []
        for item in found:
            ticket = ticket_of(item)
            way = next((one for one in self._ways(ticket) if one.account.id == account), None)
            if way is None or ticket.future is None or ticket.future.done():
                continue
            reason = self._reason(ticket, item, now)
            if reason is None:
                order.add(item, ticket.late_from)
            else:
                going.append((item.rank, ticket.late_from, item.order, item, way, reason))
        went = 0
        for rank, late, _, item, way, reason in sorted(going):
            one_at_a_time = reason != NO_KEY and not way.account.breaker.closed and way.account.in_flight
            # What failed there is tried only while that could be made good.
            is_shut = self._outlook.way_opens_in(ticket_of(item), way, now) > 0.0
            if one_at_a_time or is_shut or self._line.waits_for(account, rank):
                order.add(item, late)
            elif not go(item, way, reason):
                known.wanting.append(item)
                order.add(item, late)
            else:
                went += 1
        due = order.next()
        if due is None:
            del self.waiting[account]
            return inf
        return 0.0 if went == _LOOKED_AT else max(_AGAIN_S, due - now)

    def is_way_out(self, ticket: Ticket, now: float) -> bool:
        """Whether who has no other way any more may hope for a place at the local model."""
        return bool(self._serving(ticket, NO_KEY, now))

    def free_in(self, ticket: Ticket, now: float) -> float:
        """Seconds until the local model would serve one like it; infinity where none does."""
        return min(
            (free_in(way.account, self._line) for way in self._serving(ticket, DEADLINE, now)), default=inf
        )

    def sooner(self, item: Item, wait_s: float, now: float) -> float:
        """The less of `wait_s`, for which one like it would wait in line, and what the local model would take."""
        ticket = ticket_of(item)
        goes = ticket.candidates.overflow and (
            self._line.depth(item.signature) > self._depth or now > late_from(item, wait_s)
        )
        return min(wait_s, self.free_in(ticket, now)) if goes else wait_s

    def _reason(self, ticket: Ticket, item: Item, now: float) -> str | None:
        """Why the ticket, which might wait or does, goes to the local model now."""
        if self._is_keyless(ticket, now):
            return NO_KEY if self._takes_in(ticket, now) else None
        waits = self._line.find(item.id) is item
        serving = self._serving(ticket, DEADLINE, now) or (self._to_try(ticket, now) if waits else [])
        if not serving:
            ticket.late_from = now + _REST_S
            return None
        wait_s = self._line.expected(item, now).wait_s
        ticket.late_from = late_from(item, wait_s)
        local = local_model(serving, self._line, self._depth)
        others = self._line.depth(item.signature) - waits
        reason = overflows(item, others, wait_s, self._depth, local, now)
        return None if reason == DEPTH and self._had_better_wait(ticket, item) else reason

    def _is_keyless(self, ticket: Ticket, now: float) -> bool:
        """Whether no key will be in service while one of its class may wait. What is ejected is none."""
        in_service = (way for way in ticket.ways() if not way.health.ejected)
        opens_in = min((self._outlook.way_opens_in(ticket, way, now) for way in in_service), default=inf)
        return opens_in > CLASSES[ticket.rank].ttl_s

    def _had_better_wait(self, ticket: Ticket, item: Item) -> bool:
        """Whether the local model would hardly do, and another of its kind would have room in the line as well."""
        route, line = ticket.candidates.route, self._line
        if route is None or route.overflow is None or suits(ticket.exchange, route.overflow.facts.known):
            return False
        room = Room(item, line.backlogs, line.bounds, line.overload.shut_from)
        return room.refusal() is None and room.victim() is None

    def _takes_in(self, ticket: Ticket, now: float) -> bool:
        """Whether the local model serves, and has room for, one without a key."""
        serving = self._serving(ticket, NO_KEY, now)
        return bool(serving) and local_model(serving, self._line, self._depth).has_room

    def _serving(self, ticket: Ticket, reason: str, now: float) -> list[Way]:
        patience_s = CLASSES[ticket.rank].ttl_s
        return [way for way in self._ways(ticket) if serves(way, reason, ticket.rank, patience_s, now)]

    def _to_try(self, ticket: Ticket, now: float) -> list[Way]:
        """Of those that failed, by which of the waiting one may go: if it failed there, it could come back."""
        if not self._retries.allows(now):
            return []
        return [way for way in self._ways(ticket) if may_try(way, ticket.rank, now)]

    def _ways(self, ticket: Ticket) -> tuple[Way, ...]:
        """Those of the local model, if it may and can have the request and does not have it already."""
        candidates, route = ticket.candidates, ticket.candidates.route
        ways = candidates.overflow
        if not ways or route is None or ticket.overflowed is not None or ticket.wish.pinned is not None:
            return ()
        if route.overflow is None or not may_overflow(ticket.rank, route.hint):
            return ()
        return ways if suits(ticket.exchange, route.overflow.facts.said) else ()
