"""A second attempt elsewhere while the first one is silent for unusually long; whichever speaks first is the reply.

Only into surplus and within a budget of tokens (`gateway.admission.hedge` decides); off unless configured. Both
attempts hold permits of their own and end them themselves; the one that comes second is cancelled.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from gateway.admission.hedge import Hedging
from gateway.admission.latency import size_of
from gateway.admission.retry_budget import RetryBudget
from gateway.clock import Clock
from gateway.exchange import NO_USAGE
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.lessons import Lessons
from gateway.pipeline.reply import Reply
from gateway.pipeline.ticket import Permit, Ticket

Attempt = Callable[[Permit], Coroutine[Any, Any, Reply]]


class Hedged:
    """Makes attempts for `Upstream`."""

    def __init__(
        self, hedging: Hedging, dispatcher: Dispatcher, lessons: Lessons, budget: RetryBudget, clock: Clock
    ) -> None:
        self._hedging = hedging
        self._dispatcher = dispatcher
        self._lessons = lessons
        self._budget = budget
        self._clock = clock

    async def run(self, ticket: Ticket, permit: Permit, attempt: Attempt) -> Reply:
        """The first reply of one attempt or two; raises what the first one did when neither comes to anything."""
        estimate = ticket.exchange.sizing.estimate()
        tokens, size = estimate.input + estimate.output, size_of(estimate.input)
        name = str(permit.way.target)
        began = self._clock.monotonic()
        if not ticket.came_back:
            self._hedging.sent()
        after_s = self._hedging.after_s(ticket.rank, name, size, estimate.input)
        if after_s is None:
            reply = await attempt(permit)
        else:
            reply = await self._either(ticket, permit, attempt, after_s, tokens)
        self._hedging.observe(name, size, self._clock.monotonic() - began)
        exchange, way = ticket.exchange, reply.permit.way
        exchange.provider_key, exchange.target = way.account.key, way.target
        exchange.overflow = reply.permit.overflow
        return reply

    async def _either(
        self, ticket: Ticket, permit: Permit, attempt: Attempt, after_s: float, tokens: int
    ) -> Reply:
        begun: set[Permit] = set()  # whose attempts run, and end them

        async def begin(held: Permit) -> Reply:
            begun.add(held)
            return await attempt(held)

        permits = [permit]
        attempts = [asyncio.ensure_future(begin(permit))]
        best: asyncio.Future[Reply] | None = None
        try:
            await asyncio.wait(attempts, timeout=after_s)
            if not attempts[0].done():
                another = self._second(ticket, permit, tokens)
                if another is not None:
                    permits.append(another)
                    attempts.append(asyncio.ensure_future(begin(another)))
            best = await _first_good(attempts)
            return best.result()
        finally:
            for one, held in zip(attempts, permits, strict=True):
                if one is best:
                    continue
                if one.done():  # what it came to must be known before the exchange is settled
                    self._over(ticket, held, begun, one)
                else:
                    # No await here: whoever is cancelled in it would lose the best, too.
                    one.cancel()
                    one.add_done_callback(partial(self._over, ticket, held, begun))

    def _second(self, ticket: Ticket, permit: Permit, tokens: int) -> Permit | None:
        """Another way with room to spare, if one more attempt is within every budget."""
        now = self._clock.monotonic()
        another = self._dispatcher.at_once(ticket, now, passed=(permit.way,))
        if another is None:
            return None
        account = another.way.account
        free = account.room if account.limited else 1.0
        if self._hedging.may_fire(tokens, free) and self._budget.withdraw(now):
            return another
        self._dispatcher.give_back(another)
        return None

    def _over(
        self, ticket: Ticket, permit: Permit, begun: set[Permit], attempt: asyncio.Future[Reply]
    ) -> None:
        """Nobody needs it any more: what it holds is given back, if it has not seen to that itself."""
        if attempt.cancelled():
            if permit not in begun:  # a task that is cancelled before its first step never takes it
                self._dispatcher.give_back(permit)
        elif attempt.exception() is None:
            reply = attempt.result()
            reply.response.release()
            self._lessons.abandoned(reply.permit, reply.usage or NO_USAGE)
            if ticket.exchange.purse is not None:
                ticket.exchange.purse.lost(permit, reply.usage)


async def _first_good(attempts: Sequence[asyncio.Future[Reply]]) -> asyncio.Future[Reply]:
    """The attempt that first came to something; the first of all where none did."""
    pending = set(attempts)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for one in attempts:
            if one in done and one.exception() is None:
                return one
    return attempts[0]
