"""The further requests of a work that its provider takes in parts: one after another, on the same key.

Together they are one attempt: its permit holds one place, and its charge counts each. When one fails, those before
it were answered and are owed.
"""

from collections.abc import Sequence

from gateway.clock import Clock
from gateway.dialects.usage import read_reply, summed
from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.exchange import Usage
from gateway.pipeline.reply import error_text, is_stream
from gateway.pipeline.ticket import Permit
from gateway.pipeline.work import Work
from gateway.record import Record
from gateway.settings.snapshot import Bounds
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.refusal import refusal
from gateway.upstream.response import Response
from gateway.upstream.send import send

_LEFT_MIN_S = 0.001


class Parts(Record, eq=False):
    """Of a work that went by `permit`; `head` is what is the same of all requests there."""

    work: Work
    permit: Permit
    head: bytes
    pool: Pool
    bounds: Bounds
    clock: Clock
    _sent: int = 0

    async def next(self) -> Response:
        """The answer to the next part, once its head is here. Raises UpstreamFailure.

        The time that all may take is that of one exchange.
        """
        work, bounds = self.work, self.bounds
        body = work.rest[self._sent]()
        self._sent += 1
        left_s = max(_LEFT_MIN_S, self.permit.began + bounds.exchange_s - self.clock.monotonic())
        first_s = min(left_s, work.first_byte_s(bounds))
        try:
            return await send(self.pool, work.head(self.head, len(body)), body, first_s, left_s)
        except UpstreamFailure as failure:
            failure.sent, failure.unanswered = True, False  # the parts before it were
            raise

    async def stream(self) -> Response:
        """The same of one that is to be a stream. Raises GatewayError for a refusal, and for what is none."""
        response, work = await self.next(), self.work
        try:
            if not 200 <= response.status < 300:
                account, why = self.permit.way.account, await error_text(response)
                verdict = account.adapter.verdict(response.status, response.headers, why, self.clock.utc())
                raise refusal(
                    response.status, response.headers, why, account.key, work.api, verdict.kind, work.asked_in
                )
            if not is_stream(response.header(b"content-type") or b""):
                raise GatewayError(
                    UPSTREAM_INVALID, "The provider answered a streaming request with something else."
                )
        except BaseException:
            response.release()
            raise
        response.auto_extend = None
        response.extend(work.first_byte_s(self.bounds))
        return response


def used_by(work: Work, wholes: Sequence[bytes]) -> Usage | None:
    """What the answers to the first parts of a work used that came to nothing; None where nobody says."""
    if not work.rest:
        return None
    known: list[Usage] = []
    for whole in wholes:
        try:
            usage, _ = read_reply(whole, work.api)
        except GatewayError:
            continue
        if usage is not None:
            known.append(usage)
    return summed(known) if known else None
