"""Go upstream: send the work to the best provider key, and to the next one while nothing has been said yet.

The one place that retries. An attempt that failed before anything reached the caller may be made again elsewhere,
within the retry budget: at once, or when that allows it, while something sound is there to wait for. One of which
nothing reached the provider has cost nothing there and needs no budget; nor does one that was refused for a secret
that was replaced meanwhile, or all who were under way would be lost to each rotation. What the caller learns is the
last attempt's error, or why there was no other; never our own credential's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
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
from gateway.exchange import NO_USAGE, Exchange, Usage
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.door import Doors
from gateway.pipeline.hedged import Hedged
from gateway.pipeline.lessons import Lessons, is_owed, verdict_of_error
from gateway.pipeline.parts import Parts, used_by
from gateway.pipeline.reexamine import LookAgainError, look_again
from gateway.pipeline.reply import Reply, check_other, error_text, is_json, is_stream, open_stream, take_json
from gateway.pipeline.router import Candidates
from gateway.pipeline.ticket import Permit, Ticket
from gateway.pipeline.turned_away import not_again
from gateway.pipeline.unsealed import is_of_seals, unsealed
from gateway.pipeline.unwanted import Unwanted
from gateway.pipeline.unwanted_betas import UnwantedBetas
from gateway.pipeline.whole_reply import is_taken_whole, read_whole
from gateway.pipeline.work import StreamedBody, Work
from gateway.record import replace
from gateway.settings.snapshot import RANKS, Bounds, ProviderKey, Target
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.refusal import refusal, transport_error
from gateway.upstream.response import Response
from gateway.upstream.send import send
from gateway.upstream.verdict import Kind, verdict_of_failure
from keys.secret import Secret

_NO_WAY = (NO_ELIGIBLE_KEY, REQUEST_TOO_LARGE, UPSTREAM_AUTH)
#: After these the same key may serve it yet; after the others where the provider says when: it rests until then.
_PUT_BACK: frozenset[Kind] = frozenset({"rate", "ramp", "saturation"})
_PUT_BACK_WHEN_TOLD: frozenset[Kind] = frozenset({"health", "capacity"})


#: Makes of work, as it was before it was written for a target, what may be asked instead.
Mend = Callable[[Work], Work]


class AttemptFailedError(Exception):
    """An attempt came to nothing, before anything of it reached the caller. Its permit has ended."""

    def __init__(
        self, error: GatewayError, kind: Kind, *, sent: bool = True, mends: Mend | None = None
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.mends = mends  # without what was refused the same provider key may serve it: the work made so
        self.sent = sent  # else no provider has seen anything of it
        told = kind in _PUT_BACK_WHEN_TOLD and bool(error.retry_after_s)
        self.is_credential = kind == "credential"
        self.waits = kind in _PUT_BACK  # for the budget of attempts too, whatever other way there is
        self.put_back = told or self.waits


class Upstream:
    """Sends work upstream for one snapshot. `pool_of` gives the connections of a provider key."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        lessons: Lessons,
        pool_of: Callable[[ProviderKey], Pool],
        bounds: Bounds,
        hedging: Hedging,
        clock: Clock,
    ) -> None:
        self._dispatcher = dispatcher
        self._lessons = lessons
        self._bounds = bounds
        self._clock = clock
        self._sent = dispatcher.sent
        self._attempts = dispatcher.attempts
        self._budget = dispatcher.retries
        self._hedged: Hedged | None = None
        if hedging.enabled:
            self._hedged = Hedged(hedging, dispatcher, lessons, self._budget, clock)
        #: Whether the key of that id has another secret than the one that was refused.
        self.has_another_secret: Callable[[str, Secret | None], Awaitable[bool]] = _nobody_knows
        self._unwanted = Unwanted()
        self._unwanted_betas = UnwantedBetas()
        self._doors = Doors(pool_of)

    def configure(self) -> None:
        """The configuration, or a secret, is another one: what was made of it is made anew when it is needed."""
        self._doors.clear()

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
                told = self._told(error, failed.error)
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

    @staticmethod
    def _told(before: GatewayError | None, now: GatewayError) -> GatewayError:
        """What the caller is told: an account without money says nothing of one that was only busy."""
        return before if before is not None and now.condition is INSUFFICIENT_QUOTA else now

    async def _attempt(self, exchange: Exchange, work: Work, permit: Permit) -> Reply:
        """One exchange with one provider key, up to where nothing can be mended any more."""
        key, target = permit.way.account.key, permit.way.target
        exchange.attempts += 1
        if target is not None and (work.at or work.by_flavour or self._unwanted or self._unwanted_betas):
            work = self._at(work, target, permit)
        exchange.provider_key, exchange.target, exchange.overflow = key, target, permit.overflow
        permit.presented = key.secret
        try:
            door = self._doors.of(key, target, work)
            body = work.body(target)
            if exchange.purse is not None:
                exchange.purse.begin(permit)
            payload: bytes | AsyncIterator[bytes] | None
            if isinstance(body, bytes):
                head, payload = work.head(door.head, len(body)), body
            else:
                head, payload = _request(door.head, work, body)
            bounds = self._bounds
            first_byte_s = work.first_byte_s(bounds)
            response = await send(
                door.pool, head, payload, first_byte_s, bounds.exchange_s, self._sent, permit
            )
        except UpstreamFailure as failure:
            raise self._failed(exchange, permit, transport_error(failure), failure) from failure
        except BaseException:
            self._lessons.abandoned(permit, NO_USAGE)
            raise
        wholes: list[bytes] = []  # answers to its parts
        try:
            if 200 <= response.status < 300:
                self._lessons.head(exchange, permit, response.headers)
                content_type = response.header(b"content-type") or b"application/octet-stream"
                reply = Reply(response, permit, door.identity, content_type, work)
                parts = Parts(work, permit, door.head, door.pool, bounds, self._clock) if work.rest else None
                whole: bytes | None = None
                if work.stream is not None and is_stream(content_type):
                    await open_stream(reply, work.stream(), first_byte_s, bounds.frame_gap_s)
                    reply.further = None if parts is None else parts.stream
                elif is_json(content_type) and parts is None and response.complete:
                    whole = response.buffered()
                elif is_taken_whole(work, content_type):
                    whole = await read_whole(reply, response, content_type, bounds, bounds.reply_bytes)
                else:
                    check_other(work, content_type)
                    response.auto_extend = bounds.frame_gap_s
                if whole is None:
                    return reply
                if parts is None:
                    take_json(exchange, reply, whole)
                else:
                    wholes.append(whole)
                    await self._rest(exchange, reply, parts, wholes)
                return reply
            raise self._refused(exchange, permit, response, await error_text(response), work)
        except UpstreamFailure as failure:
            response.abort()
            error = transport_error(failure, begun=True)
            raise self._failed(exchange, permit, error, failure, used_by(work, wholes)) from failure
        except GatewayError as error:
            response.release()
            raise self._unusable(exchange, permit, error, work, wholes) from error
        except AttemptFailedError:
            response.release()
            raise
        except BaseException:
            response.release()
            self._abandoned(exchange, permit, used_by(work, wholes))
            raise

    def _at(self, work: Work, target: Target, permit: Permit) -> Work:
        """What `target` gets. Raises GatewayError for what it cannot be asked: then the permit has ended."""
        own = work.by_flavour.get(target.provider.flavour)
        try:
            if work.at is not None:
                work = work.at(work, target)
            if own:
                work = replace(work, forwarded=work.forwarded + own)
            if self._unwanted:
                work = self._unwanted.spared(work, target, self._clock.monotonic())
            if self._unwanted_betas:
                work = self._unwanted_betas.spared(work, permit.way.account.key, self._clock.monotonic())
            return work
        except BaseException:
            self._dispatcher.give_back(permit)
            raise

    async def _rest(self, exchange: Exchange, reply: Reply, parts: Parts, wholes: list[bytes]) -> None:
        """Take the answers to the further parts, too: into `wholes`, and all of them as the reply.

        Raises UpstreamFailure, GatewayError for an answer that is none, and AttemptFailedError.
        """
        reply.response.release()
        bounds, work, left = self._bounds, parts.work, self._bounds.reply_bytes - len(wholes[0])
        for _ in work.rest:
            response = await parts.next()
            try:
                if not 200 <= response.status < 300:
                    why, used = await error_text(response), used_by(work, wholes)
                    raise self._refused(exchange, parts.permit, response, why, work, owed=True, used=used)
                content_type = response.header(b"content-type") or b""
                wholes.append(await read_whole(reply, response, content_type, bounds, left))
                left -= len(wholes[-1])
            finally:
                response.release()
        take_json(exchange, reply, *wholes)

    def _unusable(
        self, exchange: Exchange, permit: Permit, error: GatewayError, work: Work, wholes: list[bytes]
    ) -> AttemptFailedError:
        """Of a reply with 2xx; `wholes` are the answers to its parts, as far as they came."""
        verdict, used = verdict_of_error(error), used_by(work, wholes)
        self._lessons.failed(permit, error, verdict, sent=True, used=used)
        _billed(exchange, permit, error, owed=is_owed(error, verdict) or bool(wholes), used=used)
        return AttemptFailedError(error, verdict.kind)

    def _abandoned(self, exchange: Exchange, permit: Permit, used: Usage | None) -> None:
        """It was ended from here; some of its parts were answered, if they used something."""
        self._lessons.abandoned(permit, used or NO_USAGE)
        if used is not None and exchange.purse is not None:
            exchange.purse.failed(permit, "abandoned", owed=True, used=used)

    def _refused(
        self,
        exchange: Exchange,
        permit: Permit,
        response: Response,
        why: bytes,
        work: Work,
        *,
        owed: bool = False,
        used: Usage | None = None,
    ) -> AttemptFailedError:
        """A status that is not 2xx: what it means for the key, and for the caller. `owed`: parts were answered, and
        `used` that.
        """
        account = permit.way.account
        verdict = account.adapter.verdict(response.status, response.headers, why, self._clock.utc())
        self._lessons.observe(permit, response.headers)
        error = refusal(
            response.status, response.headers, why, account.key, work.api, verdict.kind, work.asked_in
        )
        self._lessons.failed(permit, error, verdict, sent=True, used=used)
        _billed(exchange, permit, error, owed=owed, used=used)
        target, mends = permit.way.target, None
        if target is not None and verdict.kind == "caller" and not owed:
            mends = self._mend(work, target, account.key, response.status, why)
        return AttemptFailedError(error, verdict.kind, mends=mends)

    def _mend(self, work: Work, target: Target, key: ProviderKey, status: int, why: bytes) -> Mend | None:
        """How it may be asked yet; None: not at all. What is learned is left out of all work from now on."""
        now = self._clock.monotonic()
        if self._unwanted.learn(work, target, status, why, now):
            return _as_it_was
        if self._unwanted_betas.learn(work, key, status, why, now):
            return _as_it_was
        return unsealed if is_of_seals(work, target, status, why) else None

    def _failed(
        self,
        exchange: Exchange,
        permit: Permit,
        error: GatewayError,
        failure: UpstreamFailure,
        used: Usage | None = None,
    ) -> AttemptFailedError:
        verdict = verdict_of_failure(failure)
        self._lessons.failed(permit, error, verdict, sent=failure.sent, used=used)
        _billed(exchange, permit, error, owed=failure.sent and not failure.unanswered, used=used)
        return AttemptFailedError(error, verdict.kind, sent=failure.sent)


async def _nobody_knows(_: str, __: Secret | None) -> bool:
    return False


def _as_it_was(work: Work) -> Work:
    return work


def _billed(
    exchange: Exchange, permit: Permit, error: GatewayError, *, owed: bool, used: Usage | None = None
) -> None:
    if exchange.purse is not None:
        exchange.purse.failed(permit, error.condition.name, owed=owed, used=used)


def _better(before: GatewayError | None, later: GatewayError, ticket: Ticket) -> GatewayError:
    """Why a request that waited is not served: what went wrong before explains more.

    But not a busy key, nor one that failed while another is sound and only full: unless no way is left that could
    ever serve it.
    """
    if before is None or later.condition in _NO_WAY:
        return before or later
    return later if before.condition is RATE_LIMITED or ticket.has_sound_way() else before


def _request(
    fixed: bytes, work: Work, body: StreamedBody | None
) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """The whole head, and what `send` takes, of a request without a body or with one too large to hold."""
    if body is None:
        length = b"" if work.method in ("GET", "DELETE") else b"content-length: 0\r\n"
        return fixed + work.forwarded + length + b"\r\n", None
    return work.head(fixed, body.length), body.pieces()
