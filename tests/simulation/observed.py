"""The gateway's own parts, watched: what was granted, ended, shed, and what waited at that moment."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.admission.classes import CLASSES, is_below_floor
from gateway.admission.eligibility import RISING, grade
from gateway.admission.item import Item
from gateway.admission.next_in_line import LOOK_PAST
from gateway.charge import Charge
from gateway.exchange import Exchange
from gateway.metrics import Metrics
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.router import Way
from gateway.pipeline.ticket import Permit, Ticket
from tests.simulation.plan import Request

NOTHING = Charge()


@dataclass
class Seen:
    """What became of one request."""

    request: Request
    exchange: Exchange
    dispatcher: Dispatcher
    charge: Charge = NOTHING  # of its last permit
    permits: int = 0
    first_permit: float = 0.0
    lane: tuple[Any, ...] = ()
    #: When it last failed or left the line, if it had a sound way then, and time for one more attempt.
    sound_at: float | None = None


class Witness:
    """Writes down; `invariants` judges. `broken` is called with what must not be."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.dispatchers: list[Dispatcher] = []
        self.seen: dict[str, Seen] = {}
        self.foreseen: dict[str, Charge] = {}  # by attempt
        self.open: dict[int, Permit] = {}
        #: Expected of those who came to wait: who, when, how long.
        self.expected: list[tuple[str, float, float]] = []
        self.shed: list[tuple[str, str]] = []
        self.on_grant: Any = None
        self.on_shed: Any = None
        self.on_try: Any = None

    def began(self, request: Request, exchange: Exchange, dispatcher: Dispatcher) -> None:
        self.seen[exchange.request_id] = self.seen[request.id] = Seen(request, exchange, dispatcher)

    def attempt(self, request_id: str) -> str:
        """A name for the attempt that is made now, under what was foreseen of it."""
        seen = self.seen[request_id]
        name = f"{request_id}/{seen.permits}"
        self.foreseen[name] = seen.charge
        return name

    def beyond(self, attempt: str, units: tuple[int, ...]) -> tuple[int, int, int, int]:
        """What of the provider's charge was more than the grant was for."""
        requests, input_, output, tokens = (
            max(0, unit - foreseen) for unit, foreseen in zip(units, self.foreseen[attempt], strict=True)
        )
        return requests, input_, output, tokens

    def granted(self, ticket: Ticket, permit: Permit, now: float) -> None:
        seen = self.seen[ticket.exchange.request_id]
        seen.permits += 1
        if permit.grant is not None:
            seen.charge = permit.grant.charge
        if seen.permits == 1:
            seen.first_permit = now
        assert id(permit) not in self.open
        self.open[id(permit)] = permit

    def ended(self, permit: Permit) -> None:
        if self.open.pop(id(permit), None) is None:
            self.broken.append(f"2: a permit on {permit.way.account.id} ended twice")


class Observed(Dispatcher):
    """A dispatcher under a witness's eyes."""

    def __init__(self, *parts: Any) -> None:
        *own, self.witness = parts
        super().__init__(*own)

    def has_way(self, ticket: Ticket, now: float) -> bool:
        self._left_with(ticket, now, self.retries.frees_in(now) <= CLASSES[ticket.rank].ttl_s)
        return super().has_way(ticket, now)

    def leave(self, ticket: Ticket, *, permit: Permit | None) -> None:
        self._left_with(ticket, self._clock.monotonic(), True)
        super().leave(ticket, permit=permit)

    def _left_with(self, ticket: Ticket, now: float, may_try: bool) -> None:
        """What it could hope for when it was last asked about."""
        seen = self.witness.seen[ticket.exchange.request_id]
        seen.sound_at = now if may_try and any(is_sound(way) for way in ticket.ways()) else None

    def _take(self, ticket: Ticket, way: Way, now: float) -> Permit | None:
        is_tried, left = not is_sound(way), self.retries.left(now)
        contenders = (
            []
            if self._has_floor(ticket, way)
            else [
                item
                for item in heads(self, way.account.id)
                if item.rank < ticket.rank and self.fits(item, way.account.id)
            ]
        )
        permit = super()._take(ticket, way, now)
        if permit is not None:
            if contenders:
                self.witness.on_grant(self, ticket, way, contenders, now)
            if is_tried:
                self.witness.on_try(ticket, permit, left, now)
            self.witness.granted(ticket, permit, now)
        return permit

    def wait(self, ticket: Ticket, now: float) -> asyncio.Future[Permit]:
        future = super().wait(ticket, now)
        item = self.line.find(ticket.exchange.request_id)
        if item is not None:
            self.witness.expected.append((item.id, now, self.line.expected(item, now).wait_s))
        return future

    def end(self, permit: Permit, charged: Charge | None, now: float) -> None:
        self.witness.ended(permit)
        super().end(permit, charged, now)

    def give_back(self, permit: Permit) -> None:
        self.witness.ended(permit)
        super().give_back(permit)

    def fits(self, item: Item, account: str) -> bool:
        """Whether the item could go there at this moment, by the best that it has: what is worse is only tried."""
        ticket = item.owner
        assert isinstance(ticket, Ticket)
        if gone(item) or self._outlook.free_in(account, item) > 0.0:
            return False
        best = min(grade(way.health) for way in ticket.prospects())
        return any(grade(way.health) in (best, RISING) for way in ticket.at(account))

    def _has_floor(self, ticket: Ticket, way: Way) -> bool:
        """Whether its class may go before more urgent ones."""
        if not way.account.limited:
            return False
        served = self._grantor.served(way.account.id, self._time.at(self._clock.monotonic()))
        return is_below_floor(ticket.rank, served)

    @property
    def outlook(self) -> Any:
        return self._outlook


class ObservedMetrics(Metrics):
    """Tells the witness who was shed."""

    def __init__(self, registry: CollectorRegistry, witness: Witness) -> None:
        super().__init__(registry, lambda: 0)
        self._witness = witness
        self.dispatcher: Dispatcher | None = None

    def shed(self, priority: str, reason: str) -> None:
        super().shed(priority, reason)
        assert self.dispatcher is not None
        self._witness.on_shed(self.dispatcher, priority, reason)


def heads(of: Dispatcher, account: str) -> Iterator[Item]:
    """Who is first of each lane for the account; no lane that a search might not look at."""
    for signature in of.line._signatures.at(account):
        for bucket in signature.buckets:
            if len(bucket.lanes) <= LOOK_PAST:
                for lane in bucket.lanes.values():
                    yield lane.head()


def is_sound(way: Way) -> bool:
    """In service, and nothing has failed there since the last answer."""
    return way.health.state == "healthy" and not way.health.streak


def gone(item: Item) -> bool:
    """Its exchange has ended, or will as soon as it runs."""
    ticket = item.owner
    assert isinstance(ticket, Ticket)
    return ticket.future is None or ticket.future.done()
