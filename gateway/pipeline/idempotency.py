"""`idempotency-key`: a request made again under the same key gets the first answer, and does not run again.

For requests with a JSON body, or none, that are not answered as a stream; others run as if there were no key. Forms
are among those: clients draw a new boundary each time they send one, so the same form is never the same bytes.

With the database away it is so within one worker, and the answer says that (`x-gateway-warnings`).
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from gateway.clock import Clock
from gateway.errors import INVALID_VALUE, GatewayError
from gateway.exchange import Exchange
from gateway.pipeline.answer_recorder import AnswerRecorder
from gateway.pipeline.caller import Caller
from gateway.pipeline.kept_answers import Answer, KeptAnswers
from gateway.pipeline.stored_answers import StoredAnswers
from gateway.pipeline.work import Work
from gateway.settings.snapshot import Bounds
from storage.idempotent_answers import Claim, Name

HEADER = b"idempotency-key"
_KEY_MAX = 255
_JSON = b"application/json"
#: In `x-gateway-warnings`: the same request may run again on another worker, as the database is away.
_NEAR_ONLY = b"idempotency=worker"
#: Hashing more than this takes a millisecond or so, which others need not wait for.
_LARGE = 1024 * 1024


class Idempotency:
    """Serves requests that carry a key, each once; on all workers where the answers are `stored`."""

    def __init__(self, bounds: Bounds, clock: Clock) -> None:
        self.answers = KeptAnswers(bounds.idempotent_answers, bounds.idempotent_answer_bytes)
        self.stored: StoredAnswers | None = None  # where there is a database to keep them
        self._clock = clock

    async def serve(
        self, exchange: Exchange, caller: Caller, work: Work, key: bytes, run: Callable[[], Awaitable[None]]
    ) -> None:
        """Answer as before, or by `run`, whose answer is then kept if it is a whole success."""
        name = name_of(exchange, key)
        body = None
        if not exchange.streaming and work.method == "POST" and work.content_type == _JSON:
            body = work.body(None) or b""
        if not isinstance(body, bytes):
            await run()
            return
        if len(body) > _LARGE:
            fingerprint = await asyncio.to_thread(fingerprint_of, exchange, work, body)
        else:
            fingerprint = fingerprint_of(exchange, work, body)
        found: Answer | Claim | None = self.answers.look(name, fingerprint, self._clock.monotonic())
        if found is None and self.stored is not None:
            found = await self.stored.begin(name, fingerprint)
        if isinstance(found, Answer):
            _replay(caller, found)
        else:
            await self._first(name, fingerprint, caller, run, found)

    async def _first(
        self,
        name: Name,
        fingerprint: bytes,
        caller: Caller,
        run: Callable[[], Awaitable[None]],
        claim: Claim | None,
    ) -> None:
        """Run it, and keep the answer: here and, where there is a claim, for all."""
        warning = _NEAR_ONLY if claim is None and self.stored is not None else b""
        bytes_max = self.answers.answer_bytes_max
        recorder: AnswerRecorder | None = None
        begun = False
        try:
            before = self.answers.begin(name, fingerprint, self._clock.monotonic())
            if before is not None:  # since it was looked for, and it is not stored
                _replay(caller, before)
                return
            begun = True
            recorder = caller.through(lambda line: AnswerRecorder(line, bytes_max, warning))
            await run()
        finally:
            answer = None if recorder is None else recorder.answer
            if begun:
                self.answers.end(name, answer, self._clock.monotonic())
            try:
                if claim is not None and self.stored is not None:
                    await self.stored.end(claim, answer)
            finally:
                if recorder is not None:
                    recorder.release()


def _replay(caller: Caller, answer: Answer) -> None:
    caller.respond(answer.status, answer.head + b"idempotent-replayed: true\r\n", answer.body)


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
