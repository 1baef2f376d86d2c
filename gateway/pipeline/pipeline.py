"""The life of a request on one screen.

Taking and giving back stand together: what a stage takes is given back in the `finally` beside it, in the
order close upstream, settle, give back, however the exchange ends.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from gateway.clock import Clock
from gateway.errors import DEADLINE_EXCEEDED, INTERNAL, SHUTTING_DOWN, GatewayError
from gateway.exchange import Exchange, Usage
from gateway.pipeline import idempotency
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.authenticate import OWN_HEADERS, Authenticator, UnknownKeyError, attribute
from gateway.pipeline.call import Upstream
from gateway.pipeline.caller import Caller, Connection
from gateway.pipeline.interrupt import Interrupt
from gateway.pipeline.json_array import JsonArray
from gateway.pipeline.lessons import Lessons, verdict_of_error
from gateway.pipeline.purse import Purse
from gateway.pipeline.reexamine import fit
from gateway.pipeline.relay import Relay
from gateway.pipeline.reply import Reply
from gateway.pipeline.request_id import RequestIds
from gateway.pipeline.reserve import Reservations
from gateway.pipeline.router import Candidates
from gateway.pipeline.settle import Settlement
from gateway.pipeline.spending import Spending
from gateway.pipeline.ticket import Permit
from gateway.pipeline.use_check import check_model, check_use
from gateway.pipeline.work import Work
from gateway.settings.snapshot import Snapshot
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.refusal import transport_error
from gateway.upstream.verdict import verdict_of_failure
from keys.scope import UNLIMITED

log = logging.getLogger("gateway")

#: Nothing is looked up in a head that has been read.
_READ: dict[bytes, bytes] = {}

#: Reads the request and says what is to go upstream, and where it may go.
Prepare = Callable[
    [Exchange, dict[bytes, bytes]], tuple[Work, Candidates] | Awaitable[tuple[Work, Candidates]]
]


@dataclass(frozen=True, slots=True)
class Generation:
    """Everything that belongs to one snapshot; replaced whole when the configuration changes."""

    snapshot: Snapshot
    authenticator: Authenticator
    dispatcher: Dispatcher
    lessons: Lessons
    upstream: Upstream
    relay: Relay


async def _unknown(error: UnknownKeyError) -> None:
    """There is nowhere else to look."""
    raise error


class Pipeline:
    """Runs exchanges; `live` holds the handle of each one in flight, `renewed` is as `Router.renewed`."""

    def __init__(
        self,
        generation: Generation,
        renewed: Callable[[Candidates], Candidates],
        clock: Clock,
        settlement: Settlement,
        reservations: Reservations,
    ) -> None:
        self.generation = generation
        #: Told of a key that the snapshot does not have; raises GatewayError, or it is looked for once more.
        self.unknown: Callable[[UnknownKeyError], Awaitable[None]] = _unknown
        self.live: set[Interrupt] = set()
        self.draining = False
        self.spending: Spending | None = None  # where there is a database to keep the books
        self.reservations = reservations
        self.clock = clock
        self._ids = RequestIds()
        self.idempotency = idempotency.Idempotency(generation.snapshot.bounds, clock)
        self._settlement = settlement
        self._renewed = renewed

    async def run(
        self,
        connection: Connection,
        headers: list[tuple[bytes, bytes]],
        endpoint: str,
        dialect: str,
        prepare: Prepare,
    ) -> None:
        """Serve one request to its end. Never raises, but for a cancellation that is not ours."""
        now = self.clock.monotonic()
        exchange = Exchange(self._ids.next(now), endpoint, dialect, now)
        caller = Caller(connection, exchange)
        assert connection.task is not None, "an exchange runs in the task that answers its connection"
        interrupt = Interrupt(connection.task)
        connection.on_gone = interrupt
        self.live.add(interrupt)
        deadline: asyncio.TimerHandle | None = None
        try:
            named = connection.named
            try:
                key = self.generation.authenticator.authenticate(headers, named, now)
            except UnknownKeyError as error:
                await self.unknown(error)
                key = self.generation.authenticator.authenticate(headers, named, now)
            exchange.tenant_key, exchange.priority = key, key.priority
            if key.scope is not UNLIMITED:
                check_use(key, endpoint, connection.client)
            caller.reservation = self.reservations.begin(exchange)
            once: bytes | None = None
            if not OWN_HEADERS.isdisjoint(named):
                attribute(exchange, key, named)
                once = named.get(idempotency.HEADER)
            if self.draining:
                raise GatewayError(SHUTTING_DOWN, "The gateway is shutting down.", retry_after_s=1.0)
            if exchange.deadline:
                deadline = self._arm(exchange, interrupt)
            generation, prepared = self.generation, prepare(exchange, named)  # read, find candidates
            work, candidates = prepared if isinstance(prepared, tuple) else await prepared
            if exchange.as_array:
                caller.through(JsonArray)
            if key.scope is not UNLIMITED:
                check_model(key, exchange.model)
            # Waiting and streams may last, and what is held for each counts: the head has been read.
            connection.named = _READ
            del headers, named, prepare, prepared
            if once is None:
                await self._serve(exchange, caller, work, candidates, generation)
            else:
                run = partial(self._serve, exchange, caller, work, candidates, generation)
                await self.idempotency.serve(exchange, caller, work, once, run)
        except GatewayError as error:
            caller.fail(error)
        except UpstreamFailure as failure:
            caller.fail(transport_error(failure, caller.events_begun or caller.body_begun))
        except asyncio.CancelledError:
            reason = interrupt.caught()
            caller.fail(reason or GatewayError(SHUTTING_DOWN, "The gateway is shutting down."))
            if reason is None:
                raise
        except Exception:
            log.exception("request %s failed inside the gateway", exchange.request_id)
            caller.fail(GatewayError(INTERNAL, "The gateway failed to serve this request."))
        finally:
            if deadline is not None:
                deadline.cancel()
            if exchange.streaming:
                caller.close()
            connection.on_gone = None
            self.live.discard(interrupt)
            self._settlement.settle(exchange)

    async def _serve(
        self, exchange: Exchange, caller: Caller, work: Work, asked: Candidates, before: Generation
    ) -> None:
        """`before` is what it was prepared under: whatever it waited for since, it goes by what holds by then."""
        clock = self.clock
        if work.answer is not None:
            caller.respond(200, b"content-type: application/json\r\n", work.answer)
            return
        reservation, now = caller.reservation, clock.monotonic()
        candidates = asked
        if reservation is not None and not reservation.take(now):
            await reservation.obtain()
            now = clock.monotonic()
        purse: Purse | None = None
        try:
            if work.before is not None:
                await work.before()
                now = clock.monotonic()
            if (generation := self.generation) is not before:
                candidates = self._renewed(asked)
            exchange.queued = now
            if self.spending is not None and candidates.first_target is not None:
                held = self.spending.hold(exchange, candidates)
                purse = exchange.purse = held if isinstance(held, Purse) else await held
                candidates = purse.candidates
            elif self.spending is not None and exchange.endpoint == "batches":
                self.spending.check_unpriced(exchange, work.path)
            if exchange.streaming:
                bounds = generation.snapshot.bounds
                loop = asyncio.get_running_loop()
                forecast = generation.dispatcher.forecast
                caller.expect_events(loop, bounds.commit_after_s, bounds.keep_alive_s, forecast)
            if candidates is not asked:
                await fit(work, candidates)
            reply = await generation.upstream.call(exchange, candidates, work)
            if purse is not None:
                purse.serves(reply.permit)
            exchange.first_content = clock.monotonic()
            exchange.lost = reply.work.losses
            generation.lessons.answered(exchange, reply.permit)
            await self._relay(exchange, caller, reply)
        finally:
            self._settlement.measure(exchange)
            if purse is not None:
                purse.end()
                exchange.purse = None  # neither keeps the other: no work for the cycle collector
            if reservation is not None:
                reservation.end()

    async def _relay(self, exchange: Exchange, caller: Caller, reply: Reply) -> None:
        """Pass the reply on, and end its permit with what it came to."""
        generation, lessons, permit = self.generation, self.generation.lessons, reply.permit
        is_whole = False
        broke: Callable[[Permit, Usage], None] | None = None
        try:
            if reply.body is not None:
                generation.relay.whole(exchange, reply, caller, reply.body)
            else:
                await generation.relay.relay(exchange, reply, caller)
            is_whole = True
        except UpstreamFailure as failure:
            broke = partial(lessons.broke, verdict=verdict_of_failure(failure), reason=failure.kind)
            raise
        except GatewayError as error:
            broke = partial(lessons.broke, verdict=verdict_of_error(error), reason=error.condition.name)
            raise
        finally:
            now = exchange.upstream_done = self.clock.monotonic()
            reply.response.release()
            if reply.stream is not None:
                exchange.usage = reply.stream.usage() or exchange.usage
            if is_whole:
                lessons.finished(permit, exchange.usage, now)
            elif broke is not None:
                broke(permit, exchange.usage)
            else:
                lessons.abandoned(permit, exchange.usage)

    def aside(self, endpoint: str, dialect: str) -> Exchange:
        """An exchange that never goes upstream; whoever answers it owes one `settle`."""
        now = self.clock.monotonic()
        return Exchange(self._ids.next(now), endpoint, dialect, now)

    def settle(self, exchange: Exchange) -> None:
        """The end of an exchange that was begun with `aside`."""
        self._settlement.settle(exchange)

    def _arm(self, exchange: Exchange, interrupt: Interrupt) -> asyncio.TimerHandle:
        seconds = exchange.deadline - exchange.arrived
        passed = GatewayError(DEADLINE_EXCEEDED, f"Deadline of {seconds:g} s exceeded.")
        left_s = exchange.deadline - self.clock.monotonic()
        return asyncio.get_running_loop().call_later(max(0.0, left_s), interrupt.fire, passed)

    def drain(self) -> None:
        """Refuse new exchanges; those in flight go on."""
        self.draining = True

    def end_all(self) -> None:
        """End every exchange in flight: a stream with an error frame, the rest with a 503."""
        for interrupt in tuple(self.live):
            interrupt.fire(GatewayError(SHUTTING_DOWN, "The gateway is shutting down.", retry_after_s=1.0))
