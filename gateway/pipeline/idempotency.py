"""`idempotency-key`: a request made again under the same key gets the first answer, and does not run again.

For requests with a JSON body, or none, that are not answered as a stream; others run as if there were no key. Forms
are among those: clients draw a new boundary each time they send one, so the same form is never the same bytes.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from gateway.clock import Clock
from gateway.errors import INVALID_VALUE, GatewayError
from gateway.exchange import Exchange
from gateway.pipeline.answer_recorder import AnswerRecorder
from gateway.pipeline.caller import Caller
from gateway.pipeline.kept_answers import KeptAnswers, Name
from gateway.pipeline.router import Candidates
from gateway.pipeline.work import Work
from gateway.settings.snapshot import Bounds

HEADER = b"idempotency-key"
_KEY_MAX = 255
#: Hashing more than this takes a millisecond or so, which others need not wait for.
_LARGE = 1024 * 1024


class Idempotency:
    """Serves requests that carry a key, each once."""

    def __init__(self, bounds: Bounds, clock: Clock) -> None:
        self.answers = KeptAnswers(bounds.idempotent_answers, bounds.idempotent_answer_bytes)
        self._clock = clock

    async def serve(
        self,
        exchange: Exchange,
        caller: Caller,
        work: Work,
        candidates: Candidates,
        key: bytes,
        run: Callable[[], Awaitable[None]],
    ) -> None:
        """Answer as before, or by `run`, whose answer is then kept if it is a whole success."""
        name = name_of(exchange, key)
        body = (
            None if exchange.streaming or work.method != "POST" else work.body(candidates.first_target) or b""
        )
        if not isinstance(body, bytes):
            await run()
            return
        if len(body) > _LARGE:
            fingerprint = await asyncio.to_thread(fingerprint_of, exchange, work, body)
        else:
            fingerprint = fingerprint_of(exchange, work, body)
        before = self.answers.begin(name, fingerprint, self._clock.monotonic())
        if before is not None:
            caller.respond(before.status, before.head + b"idempotent-replayed: true\r\n", before.body)
            return
        recorder: AnswerRecorder | None = None
        try:
            recorder = caller.through(lambda line: AnswerRecorder(line, self.answers.answer_bytes_max))
            await run()
        finally:
            answer = None if recorder is None else recorder.answer
            self.answers.end(name, answer, self._clock.monotonic())


def name_of(exchange: Exchange, key: bytes) -> Name:
    """Whose key it is. Raises GatewayError when it is no key."""
    text = key.decode("latin-1")
    if not 0 < len(text) <= _KEY_MAX or not text.isascii() or not text.isprintable():
        raise GatewayError(
            INVALID_VALUE,
            f"Idempotency-Key must be 1 to {_KEY_MAX} printable ASCII characters.",
            param="Idempotency-Key",
        )
    assert exchange.tenant_key is not None
    return exchange.tenant_key.tenant.id, exchange.tenant_key.id, text


def fingerprint_of(exchange: Exchange, work: Work, body: bytes) -> bytes:
    """What makes two requests the same: where they go, the model as written, and every byte of the body."""
    said = hashlib.sha256()
    for part in (exchange.endpoint, work.path, work.query, exchange.model or ""):
        said.update(part.encode() + b"\0")
    said.update(body)
    return said.digest()
