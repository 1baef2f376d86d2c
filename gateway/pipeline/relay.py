"""Pass the reply on: a whole JSON body in one write, a stream as its frames arrive, any other body in pieces.

Same dialect in and out means the same bytes; what differs is taken out of a stream (the usage frame nobody
asked for) or swapped for a string of our own (sealed ids, the caller's name of the model).
"""

from functools import partial
from typing import Any

from gateway.dialects.document import Document
from gateway.dialects.json_text import json_bytes, read_json, read_object, without_halves
from gateway.dialects.openai_reply import owned_ids
from gateway.dialects.openai_stream import ResponsesStream
from gateway.dialects.relayed_stream import RelayedStream
from gateway.dialects.responses.stream_out import ResponsesWriter
from gateway.dialects.sealed_ids import SealedIds
from gateway.dialects.translated_stream import TranslatedStream
from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.exchange import Exchange
from gateway.pipeline.caller import Caller
from gateway.pipeline.reply import Reply, failure_in
from gateway.pipeline.work import Stream, Work
from gateway.pipeline.written import Written
from gateway.settings.snapshot import Bounds
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.refusal import error_in_success
from gateway.upstream.response import Response

#: Headers of a reply that a caller may see (wire reference §3.6); everything else stays with us.
_PASSED = frozenset({b"openai-processing-ms", b"openai-version", b"content-disposition"})
#: What replies call the model's name; the second is Google's.
_MODEL = ("model", "modelVersion")
_LAST_PACKET_S = 0.5
_JSON = b"content-type: application/json\r\n"
_IDENTITY = b"%bx-gateway-attempts: %d\r\n%b, upstream;dur=%.3f, gateway;dur=%.3f\r\n"
_QUEUED = b"x-gateway-queue-ms: %d\r\nserver-timing: queue;dur=%.3f"
_AT_ONCE = _QUEUED % (0, 0.0)


class Relay:
    """Relays replies under the bounds of one snapshot."""

    def __init__(self, bounds: Bounds, ids: SealedIds, written: Written) -> None:
        self._bounds = bounds
        self._ids = ids
        self._written = written

    async def relay(self, exchange: Exchange, reply: Reply, caller: Caller) -> None:
        """Send the reply as it comes, to its end, unless all of it is here (`whole`).

        Raises GatewayError or UpstreamFailure when it breaks; the caller has then seen a part of it.
        """
        if reply.stream is not None:
            await self._events(exchange, reply, reply.stream, caller)
        else:
            await self._pieces(exchange, reply, caller)

    def whole(self, exchange: Exchange, reply: Reply, caller: Caller, body: bytes) -> None:
        """Send a whole JSON body; or, where a stream was asked for, the frames that say the same, which `body` is
        where it was translated.

        Raises UnfitAnswerError for what is not to be given.
        """
        work = reply.work
        if reply.usage is not None:
            exchange.usage = reply.usage
        if reply.unfit is not None:
            raise reply.unfit
        if work.stream is not None and work.read is not None:
            _frames(exchange, reply, caller, body)
            return
        if work.seals_ids:
            body = self._sealed(exchange, reply, work, body)
        if reply.permit.way.account.key.provider.echo_model and exchange.model is not None:
            document, named = Document(without_halves(body) or body), json_bytes(exchange.model)
            edits = {name: named for name in _MODEL if name in document.fields}
            body = document.spliced(edits) if edits else body
        if work.stream is not None:
            stream = work.stream()
            assert isinstance(stream, RelayedStream), "others' frames are made where they are read"
            if not stream.tolerates_plain:
                _frames(exchange, reply, caller, stream.frames_of(_object(body)))
                return
        exchange.relayed_bytes = len(body)
        caller.respond(reply.response.status, _JSON + _identity(reply, exchange) + _cost(exchange), body)

    async def _events(self, exchange: Exchange, reply: Reply, stream: Stream, caller: Caller) -> None:
        work, response, gap_s = reply.work, reply.response, self._bounds.frame_gap_s
        held = reply.held
        if isinstance(stream, RelayedStream):
            self._learn_rewrites(exchange, reply, stream, work)
        for old, new in stream.rewrites:
            held = held.replace(old, new)
        if stream.ended:
            _note_usage(exchange, stream, caller)
        if caller.begin_events(_identity(reply, exchange), held, stream.ended):
            held = b""
            await caller.drain()
        if isinstance(stream, ResponsesStream):
            caller.responses = stream
        elif isinstance(stream, TranslatedStream) and isinstance(stream.writer, ResponsesWriter):
            caller.responses = stream.writer
        writing = self._written.of(exchange, reply.permit)
        while not stream.is_over():
            if reply.further is not None and isinstance(stream, TranslatedStream) and stream.awaits_next:
                if not response.complete:
                    await _see_out(response)
                response.release()
                response = reply.response = await reply.further()
            data = await response.chunk()
            frames = stream.feed(data) if data else stream.finish()
            if frames or stream.hid:  # comments and parts of frames are no progress
                stream.hid = False
                response.extend(gap_s)
            if stream.ended:
                _note_usage(exchange, stream, caller)
                caller.finish(frames)
            elif frames and caller.write(frames):
                data = frames = b""  # not to be held while the caller reads at leisure
                await caller.drain()
            if writing is not None:
                writing.relayed()
        if stream.failure is not None:
            raise error_in_success(
                failure_in(stream.failure), reply.permit.way.account.key, work.api, work.asked_in
            )
        if not response.complete:
            await _see_out(response)

    async def _pieces(self, exchange: Exchange, reply: Reply, caller: Caller) -> None:
        response = reply.response
        head = b"content-type: " + reply.content_type + b"\r\n"
        # A coding was not asked for; but where there is one the bytes mean nothing without its name.
        for name in (b"content-length", b"content-encoding"):
            value = response.header(name)
            if value is not None:
                head += name + b": " + value + b"\r\n"
        caller.begin_body(response.status, head + _identity(reply, exchange))
        while data := await response.chunk():
            if caller.write(data):
                data = b""
                await caller.drain()
        caller.finish()

    def _learn_rewrites(self, exchange: Exchange, reply: Reply, stream: RelayedStream, work: Work) -> None:
        first = stream.first or {}
        if work.seals_ids:
            tenant, pool = _owner(exchange, reply)
            meet = partial(self._meet, tenant, pool)
            stream.rewrites += [(_quoted(real), _quoted(sealed)) for real, sealed in work.opened]
            meet(stream, first)
            if isinstance(stream, ResponsesStream):
                for event in stream.events_with_ids(reply.held):
                    meet(stream, event)
                stream.meet = meet
        if reply.permit.way.account.key.provider.echo_model:
            stream.rewrites += _renaming(first, reply.held, exchange.model)

    def _meet(self, tenant: str, pool: str, stream: RelayedStream, event: dict[str, Any]) -> None:
        """From this event of the stream on, the ids in it are sealed."""
        for real in owned_ids(event):
            rewrite = (_quoted(real), _quoted(self._ids.seal(tenant, pool, real)))
            if rewrite not in stream.rewrites:
                stream.rewrites.append(rewrite)

    def _sealed(self, exchange: Exchange, reply: Reply, work: Work, body: bytes) -> bytes:
        """`body` with the ids that the caller gave as they gave them, and all others sealed."""
        tenant, pool = _owner(exchange, reply)
        sealed_by = dict(work.opened)
        for real in owned_ids(read_json(body)) | sealed_by.keys():
            sealed = sealed_by.get(real) or self._ids.seal(tenant, pool, real)
            body = body.replace(_quoted(real), _quoted(sealed))
        return body


def _frames(exchange: Exchange, reply: Reply, caller: Caller, frames: bytes) -> None:
    caller.begin_events(_identity(reply, exchange))
    if frames:
        caller.write(frames)
        caller.finish()


def _object(body: bytes) -> dict[str, Any]:
    found = read_object(body)
    if found is None:  # nested too deep: that it is one was seen before
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the JSON it should be.")
    return found


def _note_usage(exchange: Exchange, stream: Stream, caller: Caller) -> None:
    """Where the end of the answer settles what the caller's key has used, that must be known by then."""
    if caller.reservation is not None:
        exchange.usage = stream.usage() or exchange.usage


def _quoted(text: str) -> bytes:
    return f'"{text}"'.encode()


async def _see_out(response: Response) -> None:
    """The caller has everything; the end of the provider's framing is often a packet behind.

    Waiting a moment for it saves the connection, and with it the next stream's handshake.
    """
    response.auto_extend = None
    response.extend(_LAST_PACKET_S)
    try:
        while not response.complete and await response.chunk():
            pass
    except UpstreamFailure:
        pass  # it is closed then, as it would have been


def _owner(exchange: Exchange, reply: Reply) -> tuple[str, str]:
    assert exchange.tenant_key is not None
    return exchange.tenant_key.tenant.id, reply.permit.way.account.key.id


def _renaming(first: dict[str, Any], held: bytes, model: str | None) -> list[tuple[bytes, bytes]]:
    """The members of a stream's `first` event that name the model, as they stand in what is `held` of it."""
    found: list[tuple[bytes, bytes]] = []
    for name in _MODEL:
        if isinstance(first.get(name), str):
            for key in (b'"%b":' % name.encode(), b'"%b": ' % name.encode()):  # Google puts a space there
                said = key + json_bytes(first[name])
                if held.find(said) >= 0:
                    found.append((said, key + json_bytes(model)))
    return found


def _identity(reply: Reply, exchange: Exchange) -> bytes:
    """What served it and how long that took so far: waiting, the provider, and ourselves."""
    queue_ms = exchange.waited * 1000.0
    lines = _IDENTITY % (
        reply.identity,
        exchange.attempts,
        _QUEUED % (queue_ms, queue_ms) if queue_ms else _AT_ONCE,
        (exchange.first_content - exchange.sent) * 1000.0,
        (exchange.queued - exchange.arrived) * 1000.0,
    )
    if exchange.overflow is not None:
        lines += b"x-gateway-overflow: local\r\n"
    warned = exchange.purse.warnings if exchange.purse is not None else ()
    lost = reply.work.losses
    if warned or (lost is not None and lost.names):
        said = [f"budget={name} {percent}%".encode() for name, percent in warned]
        if lost is not None and lost.names:
            said.append(lost.line())
        lines += b"x-gateway-warnings: %b\r\n" % b"; ".join(said)
    for name, value in reply.response.headers:
        if name in _PASSED and len(value) <= 512:
            lines += name + b": " + value + b"\r\n"
    return lines


def _cost(exchange: Exchange) -> bytes:
    """The header line; nothing where money does not count or nobody knows what was used."""
    if exchange.purse is None or exchange.usage.source == "none":
        return b""
    cost = exchange.purse.cost_of(exchange.usage)
    return b"" if cost is None else b"x-gateway-cost-usd: %d.%09d\r\n" % divmod(cost, 1_000_000_000)
