"""The calls to a shared ledger: one at a time for an account, made when its holding says, awaited by nobody.

When the ledger does not answer, one account's call is repeated until it does (`ledger_loss.py`) and the others
stand still; its first answer sets them all going again. Bounds: calls at once, and the second that closing may
take.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from gateway.admission.grantor import Waiters
from gateway.admission.holding import NEVER, Holding
from gateway.admission.ledger import Answer, Batch, Ledger, LedgerUnavailableError
from gateway.admission.ledger_loss import LedgerLoss
from gateway.admission.memory_ledger import LedgerTime
from gateway.admission.wishes import Wish

_CALLS_AT_ONCE = 64
_CLOSE_S = 1.0
#: One call may be on the way without an answer, and another says the rest.
_LAST_CALLS = 3
#: After a fault of our own: no account falls silent for ever, and none fills the log.
_FAULT_MS = 1_000

log = logging.getLogger(__name__)


class Channel(Holding):
    """A holding and its calls: when the next is due, and whether one is on the way."""

    __slots__ = ("calling", "due_at", "timer")

    calling: bool
    due_at: int
    timer: asyncio.TimerHandle | None


class Owner(Protocol):
    """Who has to know what became of calls."""

    def lost(self) -> None:
        """The ledger is away."""
        ...

    def back(self) -> None:
        """It has answered again."""
        ...

    def unheard(self, channel: Channel, wishes: list[Wish], now: int) -> None:
        """They were asked for, and there was no answer."""
        ...


class LedgerCalls:
    """`on_call` is told how many seconds each call took that was answered; `trial` is called when no other is."""

    def __init__(
        self,
        ledger: Ledger,
        time: LedgerTime,
        loss: LedgerLoss,
        owner: Owner,
        on_call: Callable[[float], None] | None,
        trial: Channel,
    ) -> None:
        self._ledger = ledger
        self._time = time
        self._loss = loss
        self._owner = owner
        self._on_call = on_call
        self._channels: list[Channel] = []
        self._prober: Channel | None = None  # whose call is repeated while the ledger is away
        self._tasks: set[asyncio.Task[None]] = set()
        self._later: deque[Channel] = deque()  # due while too many calls were on the way
        self._closed = False
        self.waiters: Waiters | None = None
        self.count = 0
        self._trial = trial
        self.add(trial)

    def add(self, channel: Channel) -> None:
        channel.calling, channel.due_at, channel.timer = False, NEVER, None
        self._channels.append(channel)

    def remove(self, channel: Channel) -> None:
        """No more calls for it: what it may still hold lapses."""
        if channel.timer is not None:
            channel.timer.cancel()
            channel.timer = None
        channel.due_at = 0  # nothing is due earlier
        self._channels.remove(channel)
        if self._prober is channel:
            self._prober = self._trial
            self._trial.urgent = True  # it has something to say
            if not self._trial.calling:
                self._rearm(self._trial, self._time.now())

    def soon(self, channel: Channel, at: int) -> None:
        """A call is due then, or earlier."""
        if at < channel.due_at:
            channel.due_at = at
            if not channel.calling:
                self._arm(channel, self._time.now())

    def later(self, channel: Channel) -> None:
        """What its next call was to be made for is done."""
        if not channel.calling:
            self._rearm(channel, self._time.now())

    def waits(self, channel: Channel) -> bool:
        """Whether anybody does, in this worker, for whom the ledger is to be asked again."""
        return self.waiters is not None and self.waiters.waits(channel.terms.id)

    def room(self, channel: Channel) -> None:
        if self.waiters is not None:
            self.waiters.room(channel.terms.id)

    async def aclose(self) -> None:
        """What is in hand is returned by a last call, within a second. Later calls are not made."""
        self._closed = True
        for channel in self._channels:
            if channel.timer is not None:
                channel.timer.cancel()
                channel.timer = None
        try:
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(*self._tasks, return_exceptions=True)
                if self._loss.lost_at is None:
                    for channel in self._channels:
                        await self._say_the_last(channel)
        except (TimeoutError, LedgerUnavailableError):
            pass  # what was not returned is charged until its lease has left the window
        for channel in self._channels:
            for wish in channel.unheard():
                wish.answer(None)
            channel.fold(self._time.now())

    async def _say_the_last(self, channel: Channel) -> None:
        channel.let_go()
        for _ in range(_LAST_CALLS):
            if not channel.unsettled():
                return
            before = self._time.now()
            batch = channel.called(None, before)
            if batch is None:
                return
            answer = await self._ledger.exchange(batch._replace(stock=None))
            channel.answered(answer, before, self._time.now())
            channel.let_go()

    def _arm(self, channel: Channel, now: int) -> None:
        if channel.timer is not None:
            channel.timer.cancel()
            channel.timer = None
        away = self._loss.lost_at is not None and channel is not self._prober
        if channel.due_at < NEVER and not away and not self._closed:
            wait_s = max(0, channel.due_at - now) / 1000
            channel.timer = asyncio.get_running_loop().call_later(wait_s, self._run, channel)

    def _run(self, channel: Channel) -> None:
        channel.timer = None
        if len(self._tasks) >= _CALLS_AT_ONCE:
            channel.calling = True
            self._later.append(channel)
        else:
            self._start(channel)

    def _start(self, channel: Channel) -> None:
        now = self._time.now()
        try:
            batch = channel.called(self.waiters, now)
        except Exception:
            self._fault(channel, now)
            return
        if batch is None:
            self._rearm(channel, now)
            return
        channel.calling = True
        self._trial.put_off(now)
        task = asyncio.get_running_loop().create_task(self._call(channel, batch), name="ledger-call")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _call(self, channel: Channel, batch: Batch) -> None:
        clock = asyncio.get_running_loop().time
        before, began = self._time.now(), clock()
        try:
            answer = await self._ledger.exchange(batch)
        except LedgerUnavailableError as error:
            self._unheard(channel, str(error))
        except Exception:
            log.exception("a ledger call failed in a way that it should not")
            self._unheard(channel, "see above")
        else:
            self.count += 1
            if self._on_call is not None:
                self._on_call(clock() - began)
            try:
                self._heard(channel, batch, answer, before)
            except Exception:
                self._fault(channel, self._time.now())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        while self._later and len(self._tasks) < _CALLS_AT_ONCE and not self._closed:
            self._start(self._later.popleft())

    def _heard(self, channel: Channel, batch: Batch, answer: Answer, before: int) -> None:
        now = self._time.now()
        self._trial.put_off(now)
        returned = self._loss.lost_at is not None
        if returned:
            self._loss.answered()
            self._prober = None
            log.info("the ledger answers again")
        try:
            if batch.served and self.waiters is not None:
                self.waiters.learn(batch, answer)
            if channel.answered(answer, before, now):
                self.room(channel)
        finally:
            if returned:
                self._owner.back()
                for other in self._channels:
                    if not other.calling:
                        self._rearm(other, now)
        self._rearm(channel, now)

    def _unheard(self, channel: Channel, reason: str) -> None:
        now = self._time.now()
        wishes = channel.unheard()
        if self._loss.lost_at is None:
            self._loss.failed(now)
            self._prober = channel
            log.warning("the ledger is away: %s", reason)
            self._owner.lost()
        elif channel is self._prober:
            self._loss.failed(now)
        self._owner.unheard(channel, wishes, now)
        self._rearm(channel, now)

    def _fault(self, channel: Channel, now: int) -> None:
        """The batch could not be made, or the answer not be taken over: whom nobody lets wait is refused."""
        log.exception("a ledger call for %s failed in a way that it should not", channel.terms.id)
        for wish in channel.unheard():
            wish.answer(None)
        channel.calling, channel.due_at = False, now + _FAULT_MS
        self._arm(channel, now)

    def _rearm(self, channel: Channel, now: int) -> None:
        channel.calling = False
        channel.due_at = self._loss.next_call(now) if channel is self._prober else channel.due(now)
        self._arm(channel, now)
