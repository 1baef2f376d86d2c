"""A grantor over a ledger that many workers share: what this worker was leased is given out at once, and more is
asked for behind the scenes, so that the request path never awaits (reference §2.4–2.8).

Where there is plenty a small stock is kept in hand, refilled before it runs out. Where room is scarce the ledger
is asked for those who wait, and nothing else is held. When the ledger is away, leases in hand are spent, then
`on_ledger_loss` decides (`ledger_loss.py`); it is tried all the time, and told the last minute when it has
forgotten.

Beside this file: `lots` what is in hand · `sends` what went, counted together · `hand` a request's path over both
· `unsaid` what the ledger must be told · `asking` and `stock` when it is asked for what · `last_answer` what it
said · `places` of requests at once · `wishes` who does not wait in line · `holding` all of that for one account ·
`ledger_calls` the calls · `alone` what is granted without it.
"""

import asyncio
import random
from collections.abc import Callable
from secrets import token_hex

from gateway.admission.alone import Alone
from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.grantor import Grant, Waiters
from gateway.admission.lease import Lease
from gateway.admission.ledger import Ask, Ledger, Observation, Queued, Usage
from gateway.admission.ledger_calls import Channel, LedgerCalls
from gateway.admission.ledger_loss import LedgerLoss
from gateway.admission.memory_ledger import LedgerTime
from gateway.admission.wishes import PATIENCE_MS, Wish
from gateway.charge import Charge

#: By its calls the ledger is tried when there are no others: who is heard of at an account in use would be kept a
#: part of it.
_NOBODYS = AccountTerms("ledger:tried", (Dimension("rpm", 1),), paced=False)
#: Who is asked for once and does not wait is in nobody's way.
_NO_ORDER = 0


class Leases:
    """`lease_hits` counts what went from stock, `lease_misses` that for which the ledger had to be asked."""

    def __init__(
        self,
        ledger: Ledger,
        time: LedgerTime,
        worker: str,
        *,
        on_ledger_loss: str = "safe_share",
        workers: int = 1,
        on_degraded: Callable[[bool], None] | None = None,
        on_call: Callable[[float], None] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._time = time
        # A process that comes after another must not be taken for it: its batches are numbered anew.
        self._worker = f"{worker}-{token_hex(4)}"
        self._jitter = jitter
        self._on_degraded = on_degraded
        self._loss = LedgerLoss(on_ledger_loss)
        self._alone = Alone(on_ledger_loss, time, workers)
        self._trial = Channel(_NOBODYS, self._worker, time.now(), jitter)
        self._trial.beats = True
        self._calls = LedgerCalls(ledger, time, self._loss, self, on_call, self._trial)
        self._channels = {_NOBODYS.id: self._trial}
        self.lease_hits = 0
        self.lease_misses = 0

    def watch(self, waiters: Waiters) -> None:
        """Who waits in this worker, from now on."""
        self._calls.waiters = waiters

    @property
    def calls(self) -> int:
        """Calls that were answered."""
        return self._calls.count

    def mode(self, now: int) -> str | None:
        """For `gateway_degraded`: None while all is well."""
        until = max((channel.lots.until() for channel in self._channels.values()), default=0)
        return self._loss.mode(now, until)

    async def aclose(self) -> None:
        """What is in hand is returned. The ledger itself is its owner's to close."""
        await self._calls.aclose()

    # ---------------------------------------------------------------- Grantor

    def open_account(self, terms: AccountTerms, now: int) -> None:
        channel = self._channels.get(terms.id)
        if channel is not None:
            channel.configure(terms)
        else:
            channel = self._channels[terms.id] = Channel(terms, self._worker, now, self._jitter)
            self._calls.add(channel)
        if terms.dimensions:
            self._calls.soon(self._trial, self._trial.due(now))
        if channel.is_unknown():
            self._calls.soon(channel, now)

    def close_account(self, account: str) -> None:
        channel = self._channels.pop(account, None)
        if channel is not None:
            self._calls.remove(channel)

    def take(self, account: str, charge: Charge, rank: int, now: int) -> Grant | None:
        channel = self._channels[account]
        lot = channel.lots.take(charge, rank, now)
        if lot is None:
            return self._without(channel, charge, rank, now)
        if lot.stock:
            self.lease_hits += 1
        else:
            self.lease_misses += 1
        lease = channel.leased(lot, charge, rank, now)
        if not lot.stock and channel.is_served():
            self._calls.later(channel)
        elif channel.lots.places <= channel.stock.low or channel.due_at > now + channel.delay:
            self._calls.soon(channel, channel.due_after_take(now))
        return lease

    async def obtain(self, account: str, charge: Charge, rank: int) -> Grant | None:
        now = self._time.now()
        channel = self._channels[account]
        lot = channel.lots.take(charge, rank, now)
        if lot is not None:
            self.lease_hits += 1
            self._calls.soon(channel, channel.due_after_take(now))
            return channel.leased(lot, charge, rank, now)
        if self._loss.lost_at is not None or not channel.terms.dimensions:
            return self._alone.take(channel, charge, rank, now)
        self.lease_misses += 1
        future: asyncio.Future[Grant | None] = asyncio.get_running_loop().create_future()

        def answer(grant: Grant | None) -> bool:
            if future.done():
                return False
            future.set_result(grant)
            return True

        channel.missed(charge, rank, now)
        wish = Wish(Ask(charge, rank, _NO_ORDER), answer, now + PATIENCE_MS)
        channel.wishes.fresh.append(wish)
        self._calls.soon(channel, now)
        try:
            grant = await future
            if grant is None and not channel.last.whole:  # it does not know what it may grant
                grant = self._alone.take(channel, charge, rank, self._time.now())
            return grant
        except asyncio.CancelledError:
            channel.wishes.left(wish)
            # Granted in the same turn of the loop, and nobody is there to take it.
            if future.done() and not future.cancelled() and (grant := future.result()) is not None:
                self.give_back(grant, self._time.now())
            raise

    def give_back(self, grant: Grant, now: int) -> None:
        channel = self._channels[grant.account]
        if isinstance(grant, Lease):
            channel.give_back(grant, now)
            self._freed(channel, now)
        else:
            self._alone.give_back(channel, grant, now)

    def sent(self, grant: Grant, now: int) -> None:
        if isinstance(grant, Lease):
            self._channels[grant.account].sent(grant, now)
        else:
            self._alone.sent(self._channels[grant.account], grant, now)

    def produced(self, grant: Grant, output: int, now: int) -> None:
        channel = self._channels[grant.account]
        if isinstance(grant, Lease):
            channel.produced(grant, output, now)
        else:
            self._alone.produced(channel, grant, output, now)
        self._calls.soon(channel, now + channel.delay)

    def settle(self, grant: Grant, charged: Charge, now: int) -> None:
        channel = self._channels[grant.account]
        channel.in_flight -= 1
        less = channel.concurrent
        if not isinstance(grant, Lease):
            self._alone.settle(channel, grant, charged, now)
        elif charged != grant.charge or channel.counts_output:
            less = channel.settle(grant, charged, now) or less
        if less and not channel.asking.freed:
            channel.last.places.ended(now - grant.at + channel.last.ahead)
            self._freed(channel, now)
        elif channel.due_at > now + channel.delay:
            self._calls.soon(channel, now + channel.delay)

    def observe(self, account: str, observation: Observation, now: int) -> None:
        channel = self._channels[account]
        if not channel.terms.dimensions:
            return
        channel.observe(observation)
        if self._loss.lost_at is not None:
            self._alone.observe(channel, observation, now)
        self._calls.soon(channel, now if channel.urgent else now + channel.delay)

    def next_free_in(self, account: str, charge: Charge, rank: int, now: int) -> int | None:
        channel = self._channels[account]
        free_in = channel.next_free_in(charge, rank, now)
        if free_in and self._loss.lost_at is not None:
            return self._alone.next_free_in(channel, charge, rank, now)
        return free_in

    def foresees(self, account: str, now: int) -> bool:
        channel = self._channels[account]
        return self._loss.lost_at is not None or not channel.terms.dimensions or channel.asking.knows(now)

    def is_shut(self, account: str, now: int) -> bool:
        channel = self._channels[account]
        if self._loss.lost_at is None and (channel.terms.paced or channel.last.whole):
            return False
        return self._alone.is_shut(channel, now)

    def is_cut_off(self, account: str, now: int) -> bool:
        channel = self._channels[account]
        away = self._loss.lost_at is not None and bool(channel.terms.dimensions)
        return away and self._alone.holds_back(channel, now)

    def served(self, account: str, now: int) -> tuple[int, ...]:
        channel = self._channels[account]
        return channel.last.served(channel.lots, now)

    def elsewhere(self, account: str, now: int) -> tuple[Queued, ...]:
        return self._channels[account].last.elsewhere(now)

    def usage(self, account: str, now: int) -> tuple[Usage, ...]:
        channel = self._channels[account]
        return channel.last.usage(channel.terms, channel.lots.amounts(), channel.in_flight, now)

    def levels(self, account: str, now: int) -> list[tuple[int, int]]:
        channel = self._channels[account]
        if self._loss.lost_at is not None and (alone := self._alone.levels(channel, now)):
            return alone
        return channel.last.levels(channel.terms, channel.lots.amounts(), channel.in_flight, now)

    # ---------------------------------------------------------------- as `Owner` of the calls

    def lost(self) -> None:
        self._alone.begin(self._time.now())
        if self._on_degraded is not None:
            self._on_degraded(True)
        for channel in self._channels.values():
            self._calls.room(channel)

    def back(self) -> None:
        self._alone.end(self._channels.values(), self._time.now())
        for channel in self._channels.values():
            self._calls.room(channel)
        if self._on_degraded is not None:
            self._on_degraded(False)

    def unheard(self, channel: Channel, wishes: list[Wish], now: int) -> None:
        for wish in wishes:
            grant = self._alone.take(channel, wish.ask.charge, wish.ask.rank, now)
            if not wish.answer(grant) and grant is not None:
                self._alone.give_back(channel, grant, now)

    # ----------------------------------------------------------------

    def _without(self, channel: Channel, charge: Charge, rank: int, now: int) -> Grant | None:
        """Nothing in hand fits."""
        if self._loss.lost_at is not None or not channel.terms.dimensions:
            grant = self._alone.take(channel, charge, rank, now)
            if grant is not None:
                return grant
        channel.missed(charge, rank, now)
        due = channel.asking.due(now)
        if due is not None:
            self._calls.soon(channel, due)
        return None

    def _freed(self, channel: Channel, now: int) -> None:
        """The first that comes back since the last call: those who wait may have it."""
        waited_for = self._calls.waits(channel)
        channel.asking.comes_back(now, waited_for=waited_for)
        told = channel.due_after_end(now)
        due = channel.asking.due(now) if waited_for else None
        self._calls.soon(channel, told if due is None else min(told, due))
