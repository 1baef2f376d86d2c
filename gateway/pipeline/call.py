"""Go upstream: send the work to the best provider key, and to the next one while nothing has been said yet.

The one place that retries. An attempt that failed before anything reached the caller may be made again elsewhere,
within the retry budget; what the caller learns is the last attempt's error, and never our own credential's.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import lru_cache

from gateway.admission.accounts import Account
from gateway.admission.retry_budget import RetryBudget
from gateway.clock import Clock
from gateway.errors import (
    INSUFFICIENT_QUOTA,
    NO_ELIGIBLE_KEY,
    RATE_LIMITED,
    UPSTREAM_AUTH,
    UPSTREAM_OVERLOADED,
    GatewayError,
)
from gateway.exchange import Exchange
from gateway.metrics import Metrics
from gateway.pipeline.admit import Admission, Candidates, Permit
from gateway.pipeline.reply import Reply, check_other, error_text, open_stream, take_json
from gateway.pipeline.served_by import served_by
from gateway.pipeline.work import StreamedBody, Work
from gateway.settings.snapshot import Bounds
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.refusal import refusal, transport_error
from gateway.upstream.request_head import AGENT, fixed_head
from gateway.upstream.send import send

_HEAD = b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b\r\n"
_DOORS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Door:
    """What is the same for every request of one kind to one provider key."""

    head: bytes
    identity: bytes
    pool: Pool


class Upstream:
    """Sends work upstream for one snapshot. `pool_of` gives the connections of a provider key."""

    def __init__(
        self,
        admission: Admission,
        pool_of: Callable[[Account], Pool],
        bounds: Bounds,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._pool_of = pool_of
        self._bounds = bounds
        self._metrics = metrics
        self._clock = clock
        self._budget = RetryBudget(bounds.attempts_ratio)
        self._doors: dict[tuple[Account, str, str, str | None, str], Door] = {}

    async def call(self, exchange: Exchange, candidates: Candidates, work: Work) -> Reply:
        """The first reply worth relaying; its permit and response are the receiver's to give back.

        Raises GatewayError when every attempt that may be made failed.
        """
        self._budget.deposit(exchange.sent)
        tried: tuple[Account, ...] = ()
        error: GatewayError | None = None
        while True:
            permit = self._admission.take(candidates, work.pinned, tried)
            if permit is None:
                raise error or GatewayError(NO_ELIGIBLE_KEY, "No provider key may serve this request.")
            if error is not None and not self._budget.withdraw(self._clock.monotonic()):
                self._admission.accounts.give_back(permit.account)
                raise error
            tried = (*tried, permit.account)
            try:
                return await self._attempt(exchange, permit, work)
            except GatewayError as failed:
                if error is None or failed.condition is not INSUFFICIENT_QUOTA:
                    error = failed  # an account without money says nothing of one that was only busy
                failed.message = work.in_callers_words(failed.message)
                self._admission.accounts.give_back(permit.account)
                self._failed(permit, failed)
                if not failed.condition.retryable:
                    raise
            except BaseException:
                self._admission.accounts.give_back(permit.account)
                raise

    async def _attempt(self, exchange: Exchange, permit: Permit, work: Work) -> Reply:
        """One exchange with one provider key, up to where nothing can be mended any more."""
        account, target = permit.account, permit.target
        exchange.attempts += 1
        exchange.provider_key, exchange.target = account.key, target
        door = self._door(account, permit, work)
        body = work.body(target)
        payload: bytes | AsyncIterator[bytes] | None
        if isinstance(body, bytes):
            head, payload = _HEAD % (door.head, work.content_type, len(body), work.forwarded), body
        else:
            head, payload = _request(door.head, work, body)
        bounds = self._bounds
        first_byte_s = bounds.first_frame_reasoning_s if work.reasoning else bounds.first_frame_s
        try:
            response = await send(
                door.pool, head, payload, first_byte_s=first_byte_s, exchange_s=bounds.exchange_s
            )
        except UpstreamFailure as failure:
            raise transport_error(failure) from failure
        try:
            if 200 <= response.status < 300:
                content_type = response.header(b"content-type") or b"application/octet-stream"
                reply = Reply(response, permit, door.identity, content_type)
                if content_type[:17] == b"text/event-stream":
                    await open_stream(reply, work, first_byte_s, bounds.frame_gap_s)
                elif content_type[:16] == b"application/json":
                    if response.complete:
                        whole = response.buffered()
                    else:
                        response.auto_extend = bounds.frame_gap_s
                        whole = await response.read(bounds.reply_bytes)
                    take_json(reply, work, whole)
                else:
                    check_other(work, content_type)
                    response.auto_extend = bounds.frame_gap_s
                return reply
            why = await error_text(response)
            raise refusal(response.status, response.headers, why, account.key, work.api)
        except UpstreamFailure as failure:
            response.abort()
            raise transport_error(failure, begun=True) from failure
        except BaseException:
            response.release()
            raise

    def _door(self, account: Account, permit: Permit, work: Work) -> Door:
        model = permit.target.model if permit.target is not None else None
        key = (account, work.method, work.path, model, work.query)
        door = self._doors.get(key)
        if door is None:
            head = fixed_head(account.key, work.method, work.path, model, work.query)
            door = Door(head, served_by(account.key, permit.target), self._pool_of(account))
            if len(self._doors) >= _DOORS_MAX:  # paths with ids and callers' model names: keep a bound
                self._doors.clear()
            self._doors[key] = door
        return door

    def _failed(self, permit: Permit, error: GatewayError) -> None:
        account = permit.account
        account.failures += 1
        account.last_refusal = error.condition.name
        provider, pool = account.key.provider.id, account.key.id
        self._metrics.attempted(provider, pool, error.condition.name)
        if error.condition in (RATE_LIMITED, INSUFFICIENT_QUOTA, UPSTREAM_AUTH, UPSTREAM_OVERLOADED):
            self._metrics.rejected(pool, error.condition.name)


def _request(
    fixed: bytes, work: Work, body: StreamedBody | None
) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """The whole head, and what `send` takes, of a request without a body or with one too large to hold."""
    if body is None:
        length = b"" if work.method in ("GET", "DELETE") else b"content-length: 0\r\n"
        return fixed + work.forwarded + length + b"\r\n", None
    return _HEAD % (fixed, work.content_type, body.length, work.forwarded), body.pieces()


def forwarded_lines(named: dict[bytes, bytes]) -> bytes:
    """The caller's headers that a provider gets: default deny (wire reference §3.6)."""
    lines = _usual_lines(named.get(b"user-agent"), named.get(b"accept"))
    for name in (b"openai-beta", b"x-client-request-id"):
        value = named.get(name)
        if value is not None and len(value) <= 1024:
            lines += name + b": " + value + b"\r\n"
    return lines


@lru_cache(1024)
def _usual_lines(agent: bytes | None, accept: bytes | None) -> bytes:
    lines = b"user-agent: " + AGENT + (b" (" + agent[:128] + b")\r\n" if agent else b"\r\n")
    return lines + b"accept: " + accept[:256] + b"\r\n" if accept is not None else lines
