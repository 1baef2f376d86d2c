"""A provider's reply, up to where there is no way back: a stream's first content, the end of a JSON body.

Until there nothing of it was said to the caller, so whatever goes wrong can be mended at another provider key.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.dialects.checked import UnfitAnswerError
from gateway.dialects.json_text import read_json, read_object
from gateway.dialects.passage import EMBEDDINGS
from gateway.dialects.usage import NoAnswerError, read_reply
from gateway.errors import UPSTREAM_INVALID, GatewayError, ReportedError
from gateway.exchange import Exchange, Usage
from gateway.pipeline.ticket import Permit
from gateway.pipeline.work import Stream, Work
from gateway.record import Record
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.refusal import error_in_success
from gateway.upstream.response import Response

_ERROR_BODY_MAX = 64 * 1024
#: What answers with JSON and nothing else.
_JSON_APIS = frozenset(
    {
        "chat", "completions", "responses", "embeddings", "moderations", "rerank", "messages", "count_tokens",
        "generate_content", "embed_content", "count_content", "compaction",
    }
)  # fmt: skip
#: The path of what makes a response.
_CREATED = "/responses"
_MEDIA_APIS = frozenset({"audio", "images"})
#: What a proxy or a crashed server says with 200; as sound or an image it would be kept by the caller.
_PAGES = (b"text/html", b"application/xhtml+xml", b"application/problem+json")
#: Ollama's streams: an object a line.
_LINES = b"application/x-ndjson"


class Reply(Record, eq=False):
    """A 2xx reply that has begun. `body` is what the caller gets of JSON once all of it is here, `held` what a
    stream has said so far.
    """

    response: Response
    permit: Permit
    identity: bytes  # header lines that say what served
    content_type: bytes
    work: Work  # as it was sent
    stream: Stream | None = None
    held: bytes = b""
    body: bytes | None = None
    usage: Usage | None = None  # as the JSON body reports it
    further: Callable[[], Awaitable[Response]] | None = None  # the stream that follows this one
    unfit: UnfitAnswerError | None = None  # why the body, which is owed like any other, is not to be given


def is_json(content_type: bytes) -> bool:
    return content_type[:16].lower() == b"application/json"


def is_stream(content_type: bytes) -> bool:
    return content_type[:17].lower() == b"text/event-stream" or is_lines(content_type)


def is_lines(content_type: bytes) -> bool:
    return content_type[:20].lower() == _LINES


async def open_stream(reply: Reply, stream: Stream, first_byte_s: float, gap_s: float) -> None:
    """Read a stream up to its first content; from then on each frame must come within `gap_s`."""
    response, work = reply.response, reply.work
    response.auto_extend = None  # pings are no progress; frames are
    response.extend(first_byte_s)
    reply.stream = stream
    held: list[bytes] = []
    while not stream.content and not stream.ended:
        data = await response.chunk()
        held.append(stream.feed(data) if data else stream.finish())
        if stream.failure is not None:
            response.abort()
            raise error_in_success(
                failure_in(stream.failure), reply.permit.way.account.key, work.api, work.asked_in
            )
        if not data:
            break
    response.extend(gap_s)
    reply.held = b"".join(held)


def take_json(exchange: Exchange, reply: Reply, body: bytes, *rest: bytes) -> None:
    """Take a whole JSON body, and those of the work's further parts. Raises GatewayError when one is none, has no
    answer in it, or only says that something went wrong.
    """
    work = reply.work
    if work.read is not None:
        _take_translated(reply, work.read, body, *rest)
        return
    if work.mend is not None:
        try:
            body = work.mend(body)
        except ReportedError as failed:
            raise reported(reply, failed) from failed
    texts = exchange.sizing.makeup().texts if work.api in EMBEDDINGS else 0
    try:
        usage, error = read_reply(body, work.api, work.path, texts)
    except NoAnswerError as none:
        if none.usage is None:
            raise
        reply.body, reply.usage = b"", none.usage  # it is paid for, and so no fault of the key's
        reply.unfit = UnfitAnswerError(none.usage, none.message)
        return
    if not body.isascii():
        _check_text(body)
    # A response that is looked up may be one that failed, with its error inside.
    if error and (work.api != "responses" or work.path == _CREATED):
        raise error_in_success(error, reply.permit.way.account.key, work.api, work.asked_in)
    reply.body, reply.usage = body, usage


def _check_text(body: bytes) -> None:
    """JSON is UTF-8 (RFC 8259 §8.1); callers' programs fail on anything else in ways of their own."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the JSON it should be.") from None


def _take_translated(
    reply: Reply, read: Callable[[Sequence[dict[str, Any]]], tuple[bytes, Usage]], *bodies: bytes
) -> None:
    values = [read_object(body) for body in bodies]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the JSON it should be.")
    try:
        made, reply.usage = read(known)
    except UnfitAnswerError as error:
        made, reply.usage, reply.unfit = b"", error.usage, error
    except ReportedError as error:
        raise reported(reply, error) from error
    reply.body = made


def reported(reply: Reply, error: ReportedError) -> GatewayError:
    """What the caller is told of an error that the provider put into its reply."""
    work = reply.work
    return error_in_success(failure_in(error.event), reply.permit.way.account.key, work.api, work.asked_in)


def check_other(work: Work, content_type: bytes) -> None:
    """Refuse a body that is neither a stream nor JSON where it should be one of them, and a page for media."""
    if work.stream is not None and not work.stream().tolerates_plain:
        raise GatewayError(UPSTREAM_INVALID, "The provider answered a streaming request with something else.")
    if is_stream(content_type):
        raise GatewayError(UPSTREAM_INVALID, "The provider answered with a stream that was not asked for.")
    if work.api in _JSON_APIS:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the JSON it should be.")
    if work.api in _MEDIA_APIS and content_type.lower().startswith(_PAGES):
        raise GatewayError(UPSTREAM_INVALID, "The provider answered with a page instead of media.")


async def error_text(response: Response) -> bytes:
    """The body of a refusal; nothing of one that is absurdly long, or of a redirect."""
    if response.status < 400:
        return b""
    try:
        return await response.read(_ERROR_BODY_MAX)
    except UpstreamFailure as failure:
        if failure.kind != "too_large":
            raise
        return b""


def failure_in(event: bytes) -> object:
    """The error inside a stream's event: nested under `error`, or the event itself (Responses)."""
    value = read_json(event)
    if isinstance(value, dict):
        failed = value.get("response")
        if isinstance(failed, dict) and failed.get("error"):
            return failed["error"]
        return value.get("error") or value
    return value
