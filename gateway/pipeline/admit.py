"""Admission: a permit at once where a candidate has room and nobody as urgent waits for it; otherwise in line.

The fast path decides from memory and never awaits. Who waits is woken by events only: an account gained room (a
settlement, a word of the provider's, a lease), or the moment came that the ledger had named; one timer an account,
one for all expiries. The deciders are `gateway.admission`'s; this is the one place where they meet asyncio.

When the ledger is away, the grantor says no (or grants this worker's safe share) and requests wait as for any
other want of room.
"""

import asyncio
from math import inf

from gateway.admission.bounds import Bounds
from gateway.admission.choice import Choice
from gateway.admission.classes import in_order
from gateway.admission.expected_wait import Forecast
from gateway.admission.grantor import Grantor
from gateway.admission.item import DEADLINE_UNREACHABLE, Item, Refused
from gateway.admission.line import RETRY_MAX_S, Line
from gateway.admission.memory_ledger import LedgerTime
from gateway.admission.retry_budget import RetryBudget
from gateway.charge import Charge
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.metrics import Metrics
from gateway.pipeline.account import Account, Accounts, room_of, share_of
from gateway.pipeline.attempts import Attempts
from gateway.pipeline.charging import Charging
from gateway.pipeline.line_items import LineItems
from gateway.pipeline.outlook import AccountOutlook
from gateway.pipeline.overflow import Overflow
from gateway.pipeline.router import Way
from gateway.pipeline.ticket import Permit, Ticket, ticket_of
from gateway.pipeline.turned_away import cancelled, full, or_sooner, out_of_time, refused, shed, unreachable
from gateway.pipeline.waitlist import Waitlist
from gateway.pipeline.wakes import Wakes
from gateway.settings.snapshot import PRIORITIES, Snapshot

#: How many go on one account before others of the loop's work get a turn.
_AT_ONCE = 64
#: How long the free part of an account is taken to stay as it was, for choosing between keys.
_ROOM_STAYS_S = 0.25
#: Further reasons of `shed_total`: it waited, and had to make room; its time was over; an operator took it out.
SHED, EXPIRED, CANCELLED = "shed", "expired", "cancelled"


class Dispatcher:
    """Everything that waits in this worker, and everything that was admitted."""

    def __init__(
        self,
        accounts: Accounts,
        grantor: Grantor,
        choice: Choice[Account],
        charging: Charging,
        retries: RetryBudget,
        snapshot: Snapshot,
        time: LedgerTime,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._accounts = accounts
        self._grantor = grantor
        self._choice = choice
        self._charging = charging
        self._time = time
        self._clock = clock
        self._metrics = metrics
        self.retries = retries
        self._outlook = AccountOutlook(accounts.by_id, grantor, charging.of, self.retries, time, clock)
        self.line = Line(Bounds(snapshot.queue.depth_max, snapshot.queue.bytes_max), self._outlook)
        self.attempts = Attempts(self.retries, self.line, self.room)
        self._items = LineItems(grantor, charging, self._outlook, time)
        self._overflow = Overflow(self.line, self._outlook, snapshot, self.retries, metrics)
        self.waiters = Waitlist(
            self.line, grantor, charging, self._outlook, time, clock, self.room, self._overflow
        )
        self._wakes = Wakes(self._dispatch)
        self._expiry: asyncio.TimerHandle | None = None

    def at_once(
        self, ticket: Ticket, now: float, ahead: bool = False, passed: tuple[Way, ...] = ()
    ) -> Permit | None:
        """A permit by the best way that has room and where nobody as urgent waits; None when there is none.

        `ahead` of all of its class: it went before and was not served. It is not to go by those `passed`.
        """
        line = self.line
        before = ticket.rank - 1 if ahead else ticket.rank
        while True:
            way = self._choice.choose(ticket.targets, ticket.wish, ticket.tried, room_of, now, passed)
            if way is None:
                return None
            if way.health.ejected and self._overflow.instead_of(way, ticket, now):
                continue
            if not line.items or not line.waits_for(way.account.id, before):
                permit = self._take(ticket, way, now)
                if permit is not None:
                    return permit
            passed = (*passed, way)

    def wait(self, ticket: Ticket, now: float) -> asyncio.Future[Permit]:
        """A permit when its turn comes; `leave` is owed, whatever became of it.

        A plain call, as a coroutine's frame would be kept for each that waits. It raises GatewayError, and so does
        the future: refused, shed, out of time, or cancelled.
        """
        future: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        overflow = self._overflow
        item = None if overflow.without_key(ticket, now) else self._item(ticket, now)
        if item is None or (not ticket.came_back and overflow.rather(ticket, item, now)):
            permit = self.at_once(ticket, now, ticket.came_back)
            if permit is not None:
                future.set_result(permit)
                return future
            item = self._item(ticket, now)
        if ticket.came_back:
            self.line.put_back(item, now)
        else:
            self._offer(item, now)
            ticket.foreseen = self._outlook.foresees(item)
        ticket.future = future
        ticket.waiting_since = now
        for account in item.signature:
            # Who came back is looked at once more at once: it may be that nothing opens while it may wait.
            in_s = 0.0 if ticket.came_back else self._outlook.looks(ticket, account, now)[1]
            self._wakes.within(account, in_s)
        for way in overflow.add(ticket, item):
            self._wakes.within(way.account.id, max(0.0, ticket.late_from - now))
        self._arm_expiry()
        ticket.exchange.sizing.let_go()
        return future

    def leave(self, ticket: Ticket, *, permit: Permit | None) -> None:
        """Its wait is over, with that permit; None: its exchange was ended in line, or before it saw its permit."""
        granted = ticket.permit
        ticket.future = ticket.permit = None  # both lead to the item, and the item to the ticket
        if permit is not None:
            return
        item = self.line.find(ticket.exchange.request_id)
        if item is not None:
            self.line.remove(item)
            self._moved_up(item)
        elif granted is not None:
            self.give_back(granted)

    def has_way(self, ticket: Ticket, now: float) -> bool:
        """Whether there is one that it has not tried; where all have been, the local model may be one."""
        return next(ticket.ways(), None) is not None or self._overflow.without_key(ticket, now)

    def sent(self, permit: Permit) -> None:
        """It leaves only now: a connection had to be made."""
        if permit.grant is not None:
            self._grantor.sent(permit.grant, self._time.now())

    def end(self, permit: Permit, charged: Charge | None, now: float) -> None:
        """The attempt is over; the provider charged `charged` (None: what was granted)."""
        account, grant = permit.way.account, permit.grant
        account.in_flight -= 1
        account.guessed -= permit.guessed
        account.lasted(now - permit.began)
        if grant is not None:
            self._grantor.settle(grant, grant.charge if charged is None else charged, self._time.at(now))
        if permit.item is not None:
            share = share_of(account, charged or permit.item.charge, now - permit.began)
            self.line.settle(permit.item, share)
        if self.line.items:
            self.room(account.id)

    def give_back(self, permit: Permit) -> None:
        """It was not sent."""
        account = permit.way.account
        account.in_flight -= 1
        account.guessed -= permit.guessed
        permit.way.health.abandoned(permit.turn)
        if permit.grant is not None:
            self._grantor.give_back(permit.grant, self._time.now())
        if permit.item is not None:
            self.line.settle(permit.item, 0.0)
        self.room(account.id)

    def room(self, account: str) -> None:
        """There may be room on the account: whoever waits for it gets it before the loop turns."""
        if self.waiters.waits(account) or account in self._overflow.waiting:
            self._wakes.soon(account)

    def room_anywhere(self) -> None:
        """A key's health changed: others may be the best that somebody has now."""
        for account in self._accounts.by_id:
            self.room(account)

    def cancel(self, request_id: str) -> bool:
        """An operator takes a request out of the line; False if it does not wait (any more)."""
        item = self.line.find(request_id)
        if item is None or not self.line.remove(item):
            return False
        self._metrics.shed(PRIORITIES[item.rank], CANCELLED)
        _fail(item, cancelled())
        self._moved_up(item)
        return True

    def forecast(self, request_id: str) -> Forecast | None:
        """Where a request stands in the line; None if it does not wait."""
        item = self.line.find(request_id)
        return None if item is None else self.expected(item, self._clock.monotonic())

    def expected(self, item: Item, now: float) -> Forecast:
        """Where an item stands, as people are told: no end is in sight while it hangs on a ledger that is away."""
        place = self.line.expected(item, now)
        return place._replace(wait_s=inf) if self._outlook.is_shut(item) else place

    def close(self) -> None:
        """No more wakes. Who waits is ended by its exchange."""
        self._wakes.clear()
        if self._expiry is not None:
            self._expiry.cancel()

    def _item(self, ticket: Ticket, now: float) -> Item:
        """The ticket as the line knows it. Raises GatewayError when no way will be open to it in time."""
        try:
            return self._items.of(ticket, now)
        except GatewayError as why:
            raise or_sooner(why, self._overflow.free_in(ticket, now)) from None

    def _offer(self, item: Item, now: float) -> None:
        """Into the line, at others' cost where it must be. Raises GatewayError when it is not let in."""
        if item.deadline is not None and now >= item.deadline:
            self._metrics.shed(PRIORITIES[item.rank], EXPIRED)
            raise out_of_time(item, now, 0.0)
        verdict = self.line.offer(item, now)
        if isinstance(verdict, Refused):
            self._metrics.shed(PRIORITIES[item.rank], verdict.reason)
            if verdict.reason == DEADLINE_UNREACHABLE:
                raise self._unreachable(item, verdict.retry_after_s)
            in_s = self._worth_asking_in(item, verdict.retry_after_s, now)
            raise refused(verdict._replace(retry_after_s=in_s), len(self.line))
        for victim in verdict.victims:
            self._metrics.shed(PRIORITIES[victim.rank], SHED)
            _fail(victim, shed(self._worth_asking_in(victim, self.expected(victim, now).wait_s, now)))
            self._moved_up(victim)

    def _turn_away(self, item: Item, at: str, now: float) -> None:
        """It waits, and no way opens while it may, as was found at that account."""
        if not self.line.remove(item):
            return
        try:
            self._items.fitting(ticket_of(item), item.expires_at - now, now)
        except GatewayError as error:
            why = error
        else:
            why = self._unreachable(item, min(self.line.expected(item, now).wait_s, RETRY_MAX_S))
        self._metrics.shed(PRIORITIES[item.rank], DEADLINE_UNREACHABLE)
        _fail(item, why)
        self._moved_up(item, at)

    def _unreachable(self, item: Item, wait_s: float) -> GatewayError:
        ticket, now = ticket_of(item), self._clock.monotonic()
        outlook, in_s = self._outlook, self._worth_asking_in(item, wait_s, now)
        if outlook.are_full(ticket, item.expires_at - now, now):
            return full(in_s)
        day, away = outlook.day_is_used_up(item), outlook.is_cut_off(item)
        return unreachable(wait_s, in_s, day_is_used_up=day, ledger_is_away=away)

    def _worth_asking_in(self, item: Item, wait_s: float, now: float) -> float:
        """Seconds after which one who would wait for `wait_s`, and does not any more, is told to ask again."""
        if ticket_of(item).owes_retry:  # a new request is no further attempt
            ticket_of(item).owes_retry = False
            wait_s = self.line.expected(item, now).wait_s
        return self._overflow.sooner(item, self._outlook.worth_asking_in(item, wait_s), now)

    def _moved_up(self, gone: Item, on: str | None = None) -> None:
        """Who left the line (`on` that account, which is seen to) was before others and may have held room."""
        for account in gone.signature:
            if account != on:
                self.room(account)

    def _take(self, ticket: Ticket, way: Way, now: float) -> Permit | None:
        """A place for the ticket, by that way, whose health allows it."""
        account, grant = way.account, None
        if now < account.blocked_until or (ticket.overflowed is not None and ticket.avoids(way)):
            return None
        if ticket.owes_retry and not self.retries.allows(now):
            return None
        if account.limited:
            now_ms = self._time.at(now)
            grant = self._grantor.take(account.id, self._charging.of(ticket, way), ticket.rank, now_ms)
            if grant is None:
                return None
            if now - account.room_as_of > _ROOM_STAYS_S:
                account.looked_at(self._grantor.usage(account.id, now_ms), now)
        account.in_flight += 1
        account.attempts += 1
        permit = Permit(way, grant, way.health.started(now), ticket.rank, now, account.attempts)
        if grant is not None and (guessed := self._charging.guessed(ticket, way)):
            permit.guessed = guessed
            account.guessed += guessed
        if ticket.overflowed is not None:
            self._overflow.went(ticket, permit)
        if ticket.owes_retry:
            self.retries.withdraw(now)
            ticket.owes_retry = False
        return permit

    def _dispatch(self, account: str) -> None:
        """Give what room there is on the account to who is next, and say when to look again."""
        now = self._clock.monotonic()
        soonest = inf
        late: list[Item] = []
        if account in self._overflow.waiting:
            soonest = self._overflow.look(account, now, self._goes_over)

        def try_take(item: Item) -> bool:
            nonlocal soonest
            ticket = ticket_of(item)
            assert ticket.future is not None
            if ticket.future.done():  # its exchange was cancelled a moment ago
                return False
            for way in ticket.at(account):
                if self._outlook.way_opens_in(ticket, way, now) == 0.0:
                    ticket.permit = self._take(ticket, way, now)
                    if ticket.permit is not None:
                        ticket.permit.item = item
                        return True
            free_in, look_in = self._outlook.looks(ticket, account, now)
            if not self._is_late(ticket, item, free_in, now):
                soonest = min(soonest, look_in)
            elif not self._overflow.is_way_out(ticket, now):
                late.append(item)
            return False

        for _ in range(_AT_ONCE):
            ranks = in_order(self._grantor.served(account, self._time.at(now)))
            item = self.line.pick(account, ranks, try_take, now)
            if item is None and not late:
                break
            while late:
                self._turn_away(late.pop(), account, now)
            if item is None:
                continue
            ticket = ticket_of(item)
            assert ticket.future is not None and ticket.permit is not None
            ticket.future.set_result(ticket.permit)
            self._moved_up(item, account)
        else:
            soonest = 0.0
        if soonest < inf:
            self._wakes.within(account, soonest)

    def _is_late(self, ticket: Ticket, item: Item, free_in: float, now: float) -> bool:
        """Whether one for whom there is no room yet waits in vain, for all that is known."""
        if not ticket.foreseen and self._outlook.foresees(item):
            ticket.foreseen = True  # and is told what it would have been told when it came
            if self.line.is_late(item, now):
                return True
        return free_in > item.expires_at - now and self._outlook.too_late(ticket, item, now)

    def _goes_over(self, item: Item, way: Way, reason: str) -> bool:
        """Who waits in another line goes to its local model, if there is a place."""
        ticket = ticket_of(item)
        assert ticket.future is not None
        permit = self._take(ticket, way, self._clock.monotonic())
        if permit is None:
            return False
        ticket.overflow(reason)
        self._overflow.went(ticket, permit)
        self.line.remove(item)
        ticket.permit = permit
        ticket.future.set_result(permit)
        self._moved_up(item)
        return True

    def _arm_expiry(self) -> None:
        at = self.line.next_expiry()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if at is not None:
            wait_s = max(0.0, at - self._clock.monotonic())
            self._expiry = asyncio.get_running_loop().call_later(wait_s, self._expire)

    def _expire(self) -> None:
        now = self._clock.monotonic()
        for item in self.line.expire(now):
            self._metrics.shed(PRIORITIES[item.rank], EXPIRED)
            owed = ticket_of(item).owes_retry
            wait_s = self._worth_asking_in(item, self.line.expected(item, now).wait_s, now)
            is_away = self._outlook.is_shut(item) or self._outlook.is_cut_off(item)
            _fail(item, out_of_time(item, now, wait_s, ledger_is_away=is_away, owed_retry=owed))
            self._moved_up(item)
        self._expiry = None
        self._arm_expiry()


def _fail(item: Item, error: GatewayError) -> None:
    """Tell its exchange, which will find itself out of the line."""
    ticket = ticket_of(item)
    assert ticket.future is not None
    if not ticket.future.done():
        ticket.future.set_exception(error)
