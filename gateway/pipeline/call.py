"""Go upstream: send the work to the best provider key, and to the next one while nothing has been said yet.

The one place that retries. An attempt that failed before anything reached the caller may be made again elsewhere,
within the retry budget: at once, or when that allows it, while something sound is there to wait for. One of which
nothing reached the provider has cost nothing there and needs no budget; nor does one that was refused for a secret
that was replaced meanwhile, or all who were under way would be lost to each rotation. What the caller learns is the
last attempt's error, or why there was no other; never our own credential's.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from gateway.admission.choice import Wish
from gateway.admission.classes import CLASSES
from gateway.admission.hedge import Hedging
from gateway.admission.latency import size_of
from gateway.admission.overflow import NO_MONEY
from gateway.clock import Clock
from gateway.errors import (
    INSUFFICIENT_QUOTA,
    NO_ELIGIBLE_KEY,
    RATE_LIMITED,
    REQUEST_TOO_LARGE,
    UPSTREAM_AUTH,
    GatewayError,
)
from gateway.exchange import Exchange
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.attempt import AttemptFailedError, Sender
from gateway.pipeline.hedged import Hedged
from gateway.pipeline.lessons import Lessons
from gateway.pipeline.reexamine import LookAgainError, look_again
from gateway.pipeline.reply import Reply
from gateway.pipeline.router import Candidates
from gateway.pipeline.ticket import Ticket
from gateway.pipeline.turned_away import not_again
from gateway.pipeline.work import Work
from gateway.settings.snapshot import RANKS
from keys.secret import Secret

_NO_WAY = (NO_ELIGIBLE_KEY, REQUEST_TOO_LARGE, UPSTREAM_AUTH)


class Upstream:
    """Sends work upstream for one snapshot, an attempt at a time."""

    def __init__(
        self, dispatcher: Dispatcher, lessons: Lessons, sender: Sender, hedging: Hedging, clock: Clock
    ) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._attempt = sender.attempt
        self.configure = sender.configure  # to be told of another configuration, or secret
        self._attempts = dispatcher.attempts
        self._budget = dispatcher.retries
        self._hedged: Hedged | None = None
        if hedging.enabled:
            self._hedged = Hedged(hedging, dispatcher, lessons, self._budget, clock)
        #: Whether the key of that id has another secret than the one that was refused.
        self.has_another_secret: Callable[[str, Secret | None], Awaitable[bool]] = _nobody_knows

    async def call(self, exchange: Exchange, candidates: Candidates, work: Work) -> Reply:
        """The first reply worth relaying; its permit and response are the receiver's to end.

        Raises GatewayError when every attempt that may be made failed, or none may be made.
        """
        rank = RANKS[exchange.priority]
        size = 0 if candidates.is_single else size_of(exchange.sizing.estimate().input)
        wish = Wish(rank, size, work.prefix, exchange.deadline, work.pinned)
        ticket = Ticket(exchange, candidates, candidates.targets, rank, wish)
        if exchange.purse is not None and exchange.purse.overflows:
            ticket.overflow(NO_MONEY)
        now = exchange.queued
        error: GatewayError | None = None
        mended = False
        replaced: tuple[Secret | None, ...] = ()  # by another, if there was one, when they were refused
        while True:
            permit = self._dispatcher.at_once(ticket, now, ticket.came_back)
            if permit is None:
                others: Candidates | None = None
                try:
                    permit = await self._dispatcher.wait(ticket, now)
                except LookAgainError as changed:
                    others = changed.candidates
                except GatewayError as later:
                    raise _better(error, later, ticket) from None
                finally:
                    self._dispatcher.leave(ticket, permit=permit)
                    now = self._waited(exchange, now)
                if others is not None:
                    await look_again(ticket, others, work)
                if permit is None:
                    continue
            if not exchange.sent:
                exchange.sent = now
                self._attempts.first(now)
            try:
                if self._hedged is None:
                    return await self._attempt(exchange, work, permit)
                return await self._hedged.run(ticket, permit, partial(self._attempt, exchange, work))
            except AttemptFailedError as failed:
                told = _told(error, failed.error)
                told.message = work.in_callers_words(told.message)
                # Of a lesser model than was asked for its no is not the last word, whatever it says.
                overflowed = permit.overflow is not None
                mend = None if mended else failed.mends  # once
                mends = mend is not None
                if mend is not None:
                    work, mended = mend(work), True
                if not (overflowed or mends or failed.error.condition.retryable):
                    raise told from None
                ticket.came_back = True
                old, again = permit.presented, False
                if failed.is_credential and old not in replaced:  # once
                    again = await self.has_another_secret(permit.way.key_id, old)
                    replaced = (*replaced, old)
                if not mends and (overflowed or not (failed.put_back or again)):
                    ticket.tried = (*ticket.tried, permit.way)
                now = self._clock.monotonic()
                if not self._dispatcher.has_way(ticket, now):
                    raise told from None
                if failed.sent and not again and not self._budget.withdraw(now):
                    if not (failed.waits or ticket.has_sound_way()):
                        raise told from None
                    if self._budget.frees_in(now) > CLASSES[rank].ttl_s:
                        raise (told if failed.waits else not_again(told)) from None
                    ticket.owes_retry = True
                if not (overflowed or mends):
                    error = told

    def _waited(self, exchange: Exchange, since: float) -> float:
        """It was in line until now, which is returned."""
        now = self._clock.monotonic()
        exchange.waited += now - since
        if exchange.sent:
            exchange.sent += now - since
        return now


async def _nobody_knows(_: str, __: Secret | None) -> bool:
    return False


def _told(before: GatewayError | None, now: GatewayError) -> GatewayError:
    """What the caller is told: an account without money says nothing of one that was only busy."""
    return before if before is not None and now.condition is INSUFFICIENT_QUOTA else now


def _better(before: GatewayError | None, later: GatewayError, ticket: Ticket) -> GatewayError:
    """Why a request that waited is not served: what went wrong before explains more.

    But not a busy key, nor one that failed while another is sound and only full: unless no way is left that could
    ever serve it.
    """
    if before is None or later.condition in _NO_WAY:
        return before or later
    return later if before.condition is RATE_LIMITED or ticket.has_sound_way() else before
