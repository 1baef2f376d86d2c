"""Everything one worker holds and knows of one account of a shared ledger. Pure; milliseconds.

Between two calls: lots in hand, requests on the way, and what the ledger has not been told. `called` makes the next
batch of it, `answered` takes the answer over; when a call is due says `due`. `now` is `LedgerTime`'s; the ledger's
own clock is reckoned from the last answer, never too early (`ledger.py`).
"""

from collections.abc import Callable

from gateway.admission.appetite import IDLE_MS, PLACES_IDLE_MS
from gateway.admission.asking import ASKS_MAX, POLL_MS, Asking
from gateway.admission.classes import below_floor
from gateway.admission.dimension import CONCURRENCY, WINDOW_MS, AccountTerms
from gateway.admission.grantor import Waiters
from gateway.admission.hand import STOCK_RANK, Hand
from gateway.admission.last_answer import QUIET_MS
from gateway.admission.ledger import Answer, Ask, Batch, Demand, Observation, Queued, StockAsk
from gateway.admission.lots import Lot
from gateway.admission.named import named
from gateway.admission.places import TELL_MS
from gateway.admission.relearning import ROUND_MS
from gateway.admission.stock import Stock
from gateway.admission.window import LEASE_MS_MAX
from gateway.admission.wishes import Wish, Wishes
from gateway.charge import Charge

#: A lease is not used in its last moments: who takes it must still send.
GUARD_MS = 20
#: How long a lease lasts for who waits: at least, and in calls. One that ends before its answer is heard serves
#: nobody.
LEASE_MS, _LEASE_CALLS = 500, 4
HEARTBEAT_MS = 1_000
#: Stock that ends before the heartbeat after next gets a successor.
_FRESH_MS = HEARTBEAT_MS + 100
#: How long what was sent waits for company. Less where room is scarce: until it is said it counts for longer.
_REPORT_MS = 100
_REPORT_MS_IN_PLENTY = 500
#: Leases for those who wait are returned when nobody took them.
_UNUSED_MS = 20
NEVER = 1 << 62


class Holding(Hand):
    """One account of one worker. One call at a time is the caller's duty."""

    __slots__ = (
        "_asked", "_below", "_blocked", "_called_at", "_granted", "_jitter", "_new_until", "_number", "_unanswered",
        "_unused_at", "_worker", "asking", "beats", "delay", "stock", "urgent", "wishes",
    )  # fmt: skip

    def __init__(self, terms: AccountTerms, worker: str, now: int, jitter: Callable[[], float]) -> None:
        super().__init__(terms, now)
        self._worker = worker
        self._jitter = jitter
        self._number = 0
        self._called_at = now
        self._unanswered: Batch | None = None
        self._asked: tuple[Ask, ...] = ()
        self._below: tuple[int, ...] = ()  # classes that lacked their floor when these were named
        self._granted = 0  # places for those who wait, in the last answer
        self._unused_at = NEVER
        self._new_until = now
        self.delay = _REPORT_MS
        self.urgent = False
        self.beats = False  # though nothing counts
        self._blocked = False  # since the last batch was made: what it is granted was granted in ignorance
        self.wishes = Wishes(ASKS_MAX)
        self.stock = Stock(self.appetite, now)
        self.asking = Asking()

    def configure(self, terms: AccountTerms) -> None:
        """Its ceilings changed: what is in hand was granted under others."""
        if terms != self.terms:
            self.unsaid.returned(self.lots.drop(_any))
            self.take_terms(terms)

    # ---------------------------------------------------------------- the request path

    def missed(self, charge: Charge, rank: int, now: int) -> None:
        """There was none."""
        self.appetite.last = now
        if self.appetite.unit() is None:
            self.appetite.learn(charge)
        self.asking.missed(rank, now)

    def observe(self, said: Observation) -> None:
        """What the provider said. A block is told at once, and holds for what is in hand."""
        self.unsaid.observed(said)
        if said.blocked_ms > 0:
            self._blocked = True
            self.unsaid.returned(self.lots.drop(_any))
        if said.blocked_ms > 0 or said.unexpected:
            self.urgent = True

    # ---------------------------------------------------------------- the next call

    def is_unknown(self) -> bool:
        """The ledger has told nothing of it yet. Then nothing is asked for: a state that was born just now may be
        in place of one that was lost, and those who knew that come within a round (`relearning.py`).
        """
        return self.terms.paced and bool(self.terms.dimensions) and self.last.answer is None

    def due(self, now: int) -> int:
        """When the next call is to be made."""
        if not self.terms.dimensions:
            return NEVER
        if self._unanswered is not None or self.urgent or self.last.relearn or self.is_unknown():
            return now
        due = self._called_at + self._heartbeat_ms() if self._counts(now) else NEVER
        if (wished := self.wishes.due(now)) is not None:
            due = min(due, wished)
        if self._owes_places():
            due = min(due, self.due_after_end(now))
        if self.unsaid:
            due = min(due, now if self.unsaid.many else now + self.delay)
        if (asking := self.asking.due(now)) is not None:
            due = min(due, asking)
        if self.stock.is_low(self._in_stock(now), now):
            due = min(due, max(self.stock.due, self._new_until))
        return max(now, min(due, self._unused_at))

    def is_served(self) -> bool:
        """Whether all was just taken that the last answer granted to those who wait: nothing is to be returned."""
        if self._unused_at == NEVER or self.lots.asked():
            return False
        self._unused_at = NEVER
        return True

    def due_after_take(self, now: int) -> int:
        """The same for what a take may have changed, cheaply."""
        return self.stock.due if self.lots.places <= self.stock.low else now + self.delay

    def due_after_end(self, now: int) -> int:
        """When the ledger is to be told of what has come back."""
        return now if self.concurrent and self.last.places.scarce else now + self.delay

    def put_off(self, now: int) -> None:
        """Its heartbeat is due as if it had been called now."""
        self._called_at = now

    def called(self, waiters: Waiters | None, now: int) -> Batch | None:
        """The batch of a call that is made now; None when there is nothing to be said after all."""
        self.fold(now)
        self.appetite.measure(now)
        self._sweep(now)
        asks, demand, queued = self._waiting(waiters, now)
        waiting = sum(one.requests for one in demand)
        stock = None
        if self._may_ask(now):
            stock = self.stock.ask(self._in_stock(now), waiting, self.last, now)
        batch = self._unanswered
        if batch is None:
            beat = now - self._called_at >= self._heartbeat_ms() and self._counts(now)
            news = self.unsaid or self._owes_places()
            urgent = self.urgent or self.last.relearn or self.is_unknown()
            if not (asks or demand or stock or beat or news or urgent):
                return None
            batch = self._next()
            if waiters is not None and self._asked:
                batch = batch._replace(served=waiters.served(self.terms.id))
            if self.last.relearn:
                batch = self.record.teach(batch, self.unsaid, self.last, self.terms, now)
        self._called_at = now
        self._unanswered = batch._replace(
            account=self.terms, seen=self.last.seen(now), in_flight=self.in_flight + self.lots.places,
            demand=demand, queued=queued, asks=asks, stock=stock, served=named(batch.served, [*asks, *demand]),
        )  # fmt: skip
        return self._unanswered

    def answered(self, answer: Answer, before: int, now: int) -> bool:
        """Take the answer over. Whether those who wait may find something that they did not before."""
        batch, self._unanswered = self._unanswered, None
        assert batch is not None
        last = self.last
        if self.is_unknown():
            self._new_until = max(now, before + ROUND_MS - (answer.now - answer.epoch))
            self.asking.pause(self._new_until)
        if answer.relearn or answer.epoch != self.epoch:
            self._void(batch, now)
            self.epoch = answer.epoch
        last.take(batch, answer, before, now)
        if last.whole:
            self.record.booked()
        if last.blocked:
            self.unsaid.returned(self.lots.drop(_is_stock))
        places = last.places
        if answer.contention:
            full = self.concurrent and places.full
            kept = 0 if full else self.appetite.urgent_target(round(last.call_ms))
            self.unsaid.returned(self.lots.keep_stock(kept, STOCK_RANK))
        if self.concurrent and places.crowded(self.lots.places):
            self.unsaid.returned(self.lots.drop(_is_stock))
        wishes = len(answer.verdicts) - len(self._asked)
        is_news = not self.asking.knows(now)
        denied = self._grant_wishes(answer, now)
        self._take_grants(answer, wishes, now)
        below = below_floor(last.served(self.lots, now))
        if any(one.rank in below and one.rank not in self._below for one in batch.demand):
            self.asking.look(now)  # their turn has come, and others were named
        for rank, wait_ms in denied:
            self.asking.denied(rank, before + wait_ms)
        self._take_stock(answer, batch.stock, now)
        if self._blocked:
            self.unsaid.returned(self.lots.drop(_any))
        self.delay = _REPORT_MS_IN_PLENTY if last.plenty else _REPORT_MS
        if self.concurrent:
            self.delay = TELL_MS
        # What takes longer than a window may be longer than somebody waits.
        long = any(verdict.too_large or verdict.wait_ms > WINDOW_MS for verdict in answer.verdicts)
        return answer.stock > 0 or self._granted > 0 or long or is_news

    def unheard(self) -> list[Wish]:
        """There was no answer. Whom nobody lets wait must be answered otherwise."""
        return self.wishes.unheard()

    def let_go(self) -> None:
        """Nothing more will be sent."""
        self.unsaid.returned(self.lots.drop(_any))

    def unsettled(self) -> bool:
        """Whether the ledger has something to be told."""
        return bool(self.unsaid) or self._unanswered is not None or self._owes_places()

    def next_free_in(self, charge: Charge, rank: int, now: int) -> int | None:
        """Milliseconds until `take` may succeed; None: never."""
        for one in self.terms.dimensions:
            if (one.limit < 1) if one.axis == CONCURRENCY else (charge[one.axis] > one.limit):
                return None
        if self.asking.is_too_large(charge):
            return None
        if self.lots.covers(charge, rank, now):
            return 0
        free_in = max(self.asking.free_in(rank, now), self.last.day_free_in(self.terms, charge, now))
        return free_in + round(self.last.call_ms) + 1

    # ----------------------------------------------------------------

    def _may_ask(self, now: int) -> bool:
        return now >= self._new_until and not self.is_unknown()

    def _counts(self, now: int) -> bool:
        """Whether the ledger should know that this worker lives."""
        if self.beats or self.in_flight > 0 or self.lots.places > 0:
            return True
        return now - self.appetite.last < QUIET_MS

    def _heartbeat_ms(self) -> int:
        """Who has stock of places hears soon that somebody waits for one."""
        return TELL_MS if self.lots.places and self._missed_elsewhere() else HEARTBEAT_MS

    def _missed_elsewhere(self) -> bool:
        """Whether places in stock may be what somebody else is refused for, or soon be.

        A tenant key's burst comes at once, and nobody waits in line for it.
        """
        return self.concurrent and (not self.terms.paced or self.last.places.half_used)

    def _owes_places(self) -> bool:
        """Whether the ledger counts more than there are."""
        return self.concurrent and self.in_flight + self.lots.places < self.last.places.told

    def _in_stock(self, now: int) -> int:
        """How many may come before more must have been asked for."""
        unit = self.appetite.unit()
        return 0 if unit is None else self.lots.stock(unit, now + _FRESH_MS)

    def _sweep(self, now: int) -> None:
        """Leases whose end has come, and those that nobody took whom they were for."""
        if self._granted:
            self.asking.used(self.lots.asked() < self._granted, now)
            self._granted = 0
        self._unused_at = NEVER
        unit, lots = self.appetite.unit(), self.lots
        self.appetite.idle_ms = PLACES_IDLE_MS if self._missed_elsewhere() else IDLE_MS
        idle = self.concurrent and self.appetite.idle(now)
        returns = lots.drop(
            lambda lot: idle or not lot.stock or now >= lot.until or lots.is_used_up(lot, unit)
        )
        self.unsaid.returned(returns)

    def _waiting(
        self, waiters: Waiters | None, now: int
    ) -> tuple[tuple[Ask, ...], tuple[Demand, ...], tuple[Queued, ...]]:
        """Who is asked for, what waits besides, and all of that for the others."""
        wished = self.wishes.asked()
        self._asked = ()
        demand: tuple[Demand, ...] = ()
        queued: tuple[Queued, ...] = ()
        if waiters is not None and self.asking.may_ask(now) and self._may_ask(now):
            self._below = below_floor(self.last.served(self.lots, now))
            self._asked = waiters.asks(self.terms.id, self.asking.most)
            demand = waiters.demand(self.terms.id, self._asked)
            queued = waiters.queued(self.terms.id)
        self.asking.called(self._asked, now)
        return (*wished, *self._asked), demand, queued

    def _next(self) -> Batch:
        self._number += 1
        self.urgent = self._blocked = False
        news = self.unsaid.say()
        return Batch(
            self.terms, self._worker, self._number, None, news.reports, news.returns, news.settles,
            news.observations, lease_ms=self._lease_ms(),
        )  # fmt: skip

    def _lease_ms(self) -> int:
        return min(LEASE_MS_MAX, max(LEASE_MS, round(_LEASE_CALLS * self.last.call_ms)))

    def _grant_wishes(self, answer: Answer, now: int) -> list[tuple[int, int]]:
        """Those that were refused: (rank, ms until there may be room)."""
        answered = list(zip(self.wishes.told(), answer.verdicts, strict=False))
        for wish, verdict in answered:
            lease = None
            passing = self.concurrent and self.last.places.may_pass(verdict, self.in_flight)
            if passing and self.wishes.again(wish, now):
                continue
            if verdict.granted:
                lot = self._lot(verdict.at, [0, 0, 0, 0], 0, wish.ask.rank, stock=False)
                lot.in_hand = False
                lease = self.leased(lot, wish.ask.charge, wish.ask.rank, now)
            if not wish.answer(lease) and lease is not None:
                self.give_back(lease, now)
        return [(wish.ask.rank, one.wait_ms) for wish, one in answered if one.wait_ms]

    def _take_grants(self, answer: Answer, wishes: int, now: int) -> None:
        verdicts = answer.verdicts[wishes:]
        by_rank: dict[int, list[int]] = {}
        self._granted, at = 0, 0
        for ask, verdict in zip(self._asked, verdicts, strict=True):
            if verdict.granted:
                sums = by_rank.setdefault(ask.rank, [0, 0, 0, 0, 0])
                for axis, units in enumerate((*ask.charge, 1)):
                    sums[axis] += units
                self._granted += 1
                at = verdict.at
        for rank, (*amount, places) in by_rank.items():
            self.lots.add(self._lot(at, amount, places, rank, stock=False))
            self._unused_at = now + _UNUSED_MS
        look_ms = self.last.places.look_ms(self.in_flight, POLL_MS, now) if self.concurrent else None
        self.asking.heard(
            self._asked, verdicts, self.last.before, now, self._jitter(), answer.turn_ms, look_ms
        )

    def _take_stock(self, answer: Answer, asked: StockAsk | None, now: int) -> None:
        if answer.stock and asked is not None:
            amount = [units * answer.stock for units in asked.charge]
            self.lots.add(self._lot(answer.stock_at, amount, answer.stock, STOCK_RANK, stock=True))
        self.stock.heard(asked, answer.stock, self.last, now)

    def _lot(self, at: int, amount: list[int], places: int, rank: int, *, stock: bool) -> Lot:
        ahead = self.last.ahead
        return Lot(at, at - ahead - GUARD_MS, ahead, self.epoch, amount, places, rank, stock)

    def _void(self, batch: Batch, now: int) -> None:
        """The ledger is not the one that granted all this, and may be the first to see `batch`."""
        self.fold(now)
        self.record.void(batch, self.unsaid)
        self.lots.drop(_any)
        self.unsaid.forget()


def _any(_lot: Lot) -> bool:
    return True


def _is_stock(lot: Lot) -> bool:
    return lot.stock
