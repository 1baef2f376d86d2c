"""One attempt: one exchange with one provider key, up to where nothing can be mended any more.

It ends in a reply that is worth relaying, whose permit and response are the receiver's to end, or in why it came to
nothing, before anything of it reached the caller: what the provider's answer, or the lack of one, means for the key
(`lessons`), for money (`exchange.purse`) and for whoever may try again (`AttemptFailedError`). Tries nothing again.
"""

from collections.abc import AsyncIterator, Callable

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.exchange import NO_USAGE, Exchange, Usage
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.door import Doors
from gateway.pipeline.lessons import Lessons, is_owed, verdict_of_error
from gateway.pipeline.parts import Parts, used_by
from gateway.pipeline.reply import Reply, check_other, error_text, is_json, is_stream, open_stream, take_json
from gateway.pipeline.ticket import Permit
from gateway.pipeline.unsealed import is_of_seals, unsealed
from gateway.pipeline.unwanted import Unwanted
from gateway.pipeline.unwanted_betas import UnwantedBetas
from gateway.pipeline.whole_reply import is_taken_whole, read_whole
from gateway.pipeline.work import StreamedBody, Work
from gateway.record import replace
from gateway.settings.snapshot import Bounds, ProviderKey, Target
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.refusal import refusal, transport_error
from gateway.upstream.response import Response
from gateway.upstream.send import send
from gateway.upstream.verdict import Kind, verdict_of_failure

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


class Sender:
    """Asks one provider key at a time. `pool_of` gives the connections of a provider key."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        lessons: Lessons,
        pool_of: Callable[[ProviderKey], Pool],
        bounds: Bounds,
        clock: Clock,
    ) -> None:
        self._dispatcher = dispatcher
        self._lessons = lessons
        self._bounds = bounds
        self._clock = clock
        self._sent = dispatcher.sent
        self._unwanted = Unwanted()
        self._unwanted_betas = UnwantedBetas()
        self._doors = Doors(pool_of)

    def configure(self) -> None:
        """The configuration, or a secret, is another one: what was made of it is made anew when it is needed."""
        self._doors.clear()

    async def attempt(self, exchange: Exchange, work: Work, permit: Permit) -> Reply:
        """Send the work there. Raises AttemptFailedError; what ends it from here ends the permit, too."""
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


def _as_it_was(work: Work) -> Work:
    return work


def _billed(
    exchange: Exchange, permit: Permit, error: GatewayError, *, owed: bool, used: Usage | None = None
) -> None:
    if exchange.purse is not None:
        exchange.purse.failed(permit, error.condition.name, owed=owed, used=used)


def _request(
    fixed: bytes, work: Work, body: StreamedBody | None
) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """The whole head, and what `send` takes, of a request without a body or with one too large to hold."""
    if body is None:
        length = b"" if work.method in ("GET", "DELETE") else b"content-length: 0\r\n"
        return fixed + work.forwarded + length + b"\r\n", None
    return work.head(fixed, body.length), body.pieces()
