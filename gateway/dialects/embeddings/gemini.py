"""Gemini's embedContent and batchEmbedContents: spoken by callers, and the latter by providers."""

from gateway.capabilities import Capabilities
from gateway.chat import Json, JsonObject
from gateway.dialects.document import Document
from gateway.dialects.embeddings.seam import texts
from gateway.dialects.embeddings.table import GEMINI_IN, REQUESTS
from gateway.dialects.embeddings.vectors import checked, read_vector, unit
from gateway.dialects.gemini.spelling import camel, inner, several, spelt_either_way
from gateway.dialects.json_fields import integer, missing, path, required_text, text, wrong_value
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.known_fields import known_fields, tell_unknown
from gateway.dialects.losses import Losses
from gateway.dialects.said_fields import dicts, inside
from gateway.dialects.translation import Sent
from gateway.dialects.usage import read_usage
from gateway.embedding import EmbeddingReply, EmbeddingRequest, Input, Vector
from gateway.errors import UNSUPPORTED_VALUE, GatewayError, ReportedError
from gateway.exchange import NO_USAGE
from gateway.settings.snapshot import Target

#: How many contents batchEmbedContents takes.
BATCH_MAX = 100
_DIMENSIONS, _TASK, _TITLE, _CONTENT = "outputDimensionality", "taskType", "title", "content"
_NAMES = {"dimensions": _DIMENSIONS, "task": _TASK, "title": _TITLE}
#: By whether it is batchEmbedContents; what has no row is dropped.
_BATCHED = spelt_either_way(known_fields(row.field for row in GEMINI_IN if row.verdict != "D"))
_KNOWN = {True: _BATCHED, False: _BATCHED[REQUESTS] or {}}


class GeminiIn:
    """As callers speak it; `batched` is batchEmbedContents."""

    __slots__ = ("_batched",)

    def __init__(self, batched: bool) -> None:
        self._batched = batched

    def request(self, fields: JsonObject, losses: Losses) -> EmbeddingRequest:
        """Raises GatewayError with the caller's path of what is no such request, or is several in one."""
        found = self._found(fields)
        tell_unknown(fields, _KNOWN[self._batched], losses)
        return found

    def _found(self, fields: JsonObject) -> EmbeddingRequest:
        if not self._batched:
            return _read([(camel(fields), "")], _CONTENT)
        contents = several(camel(fields), REQUESTS)
        if not contents:
            raise missing(REQUESTS)
        if len(contents) > BATCH_MAX:
            raise wrong_value(REQUESTS, f"must have at most {BATCH_MAX} items, but has {len(contents)}")
        return _read(contents, REQUESTS)

    def reply(self, reply: EmbeddingReply, request: EmbeddingRequest, model: str) -> JsonObject:  # noqa: ARG002
        made: list[Json] = [{"values": list(one)} for one in reply.vectors]
        tokens = reply.usage.input
        body: JsonObject = {"embeddings": made} if self._batched else {"embedding": made[0]}
        return {**body, "usageMetadata": {"promptTokenCount": tokens, "totalTokenCount": tokens}}


class GeminiOut:
    """As providers speak it."""

    __slots__ = ()

    def request(self, request: EmbeddingRequest, model: str, losses: Losses) -> Sent:
        same: JsonObject = {"model": f"models/{model}"}
        if request.dimensions is not None:
            same[_DIMENSIONS] = request.dimensions
        if request.task:
            same[_TASK] = request.task
        if request.title:
            same[_TITLE] = request.title
        for name in request.others:
            losses.dropped(name)
        contents: list[Json] = [{**same, _CONTENT: {"parts": [{"text": one}]}} for one in texts(request)]
        return Sent(":batchEmbedContents", {REQUESTS: contents}, api="embed_content")

    def reply(self, body: JsonObject, request: EmbeddingRequest, can: Capabilities) -> EmbeddingReply:
        if body.get("error"):
            raise ReportedError(json_bytes(body))
        vectors = tuple(read_vector(one.get("values")) for one in dicts(body.get("embeddings")))
        reported = inside(body, "usageMetadata")
        usage = read_usage(reported, dialect="gemini") if reported else None
        return EmbeddingReply(_whole(checked(vectors, request), request, can), usage or NO_USAGE)


def with_model(document: Document, target: Target | None) -> bytes:
    """A caller's body with the provider's name of the model wherever the caller's stands: Google compares them."""
    if target is None or document.raw.find(b'"model"') < 0:
        return document.raw
    fields = read_object(document.raw) or {}
    named = f"models/{target.model}"
    edits: dict[str, bytes] = {}
    if "model" in fields:
        edits["model"] = json_bytes(named)
    requests = fields.get(REQUESTS)
    if isinstance(requests, list):
        renamed = [
            {**one, "model": named} if isinstance(one, dict) and "model" in one else one for one in requests
        ]
        edits[REQUESTS] = json_bytes(renamed)
    return document.spliced(edits) if edits else document.raw


def _whole(vectors: tuple[Vector, ...], request: EmbeddingRequest, can: Capabilities) -> tuple[Vector, ...]:
    """With length 1: of a vector that was cut Gemini gives what is left of it (gemini-embedding-001)."""
    asked, native = request.dimensions, can.embedding_native_size
    if asked is None or (native and asked >= native):
        return vectors
    return tuple([unit(one) for one in vectors])


def _read(contents: list[tuple[JsonObject, str]], at: str) -> EmbeddingRequest:
    """What must be the same for all is that of the first."""
    first, where = contents[0]
    dimensions = integer(first, _DIMENSIONS, where, least=1)
    inputs: list[Input] = []
    for fields, place in contents:
        for name in (_DIMENSIONS, _TASK, _TITLE):
            if fields.get(name) != first.get(name):
                param = path(place, name)
                said = f"`{param}` must be the same in all requests for the model that serves this."
                raise GatewayError(UNSUPPORTED_VALUE, said, param=param)
        inputs.append(_text(fields, place))
    task, title = text(first, _TASK, where), text(first, _TITLE, where)
    return EmbeddingRequest(tuple(inputs), at, dimensions, task=task or "", title=title or "", names=_NAMES)


def _text(fields: JsonObject, at: str) -> str:
    """All that is to be embedded as one."""
    content, where = inner(fields, _CONTENT, at), path(at, _CONTENT)
    if content is None:
        raise missing(where)
    parts = several(content, "parts", where)
    for part, place in parts:
        kind = next((name for name in part if name != "text"), "")
        if kind:
            param = path(place, kind)
            raise GatewayError(UNSUPPORTED_VALUE, f"`{param}` is not supported here.", param=param)
    found = "\n".join([required_text(part, "text", place) for part, place in parts])
    if not found:
        raise wrong_value(path(where, "parts"), "must not be empty")
    return found
