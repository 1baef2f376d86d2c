"""OpenAI's /v1/embeddings: spoken by callers, and by OpenAI, Azure and compatible servers."""

import re
from collections.abc import Callable
from functools import partial

from gateway.capabilities import Capabilities
from gateway.chat import Json, JsonObject
from gateway.dialects.embeddings.table import OPENAI_IN
from gateway.dialects.embeddings.vectors import checked, packed, read_vector
from gateway.dialects.json_fields import mapping, missing, path, text, wrong_type, wrong_value
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.said_fields import count, dicts
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.embedding import INPUTS_MAX, EmbeddingReply, EmbeddingRequest, Input, Vector
from gateway.errors import GatewayError, ReportedError

_INPUT, _EXTRA = "input", "extra_body"
_GOOGLES = f"{_EXTRA}.google"
_VECTOR = re.compile(rb'"embedding"\s*:\s*(.)', re.DOTALL)
_ROWS = {row.field: row for row in OPENAI_IN}
_NAMES = {row.noun: row.field for row in OPENAI_IN if row.read is not None}


class OpenAIIn:
    """As callers speak it."""

    __slots__ = ()

    def request(self, fields: JsonObject, losses: Losses) -> EmbeddingRequest:
        """Raises GatewayError with the caller's path of what is no such request."""
        inputs = _inputs(fields.get(_INPUT))
        found: dict[str, object] = {}
        others: JsonObject = {}
        if fields.get(_EXTRA) is not None:
            _read_extra(fields, found, losses)
        for name, value in fields.items():
            row = _ROWS.get(name)
            if value is None or name == _EXTRA:
                continue
            if row is None:
                others[name] = value
            elif row.read is not None:
                found[row.noun] = row.read(fields, name)
        return EmbeddingRequest(inputs, _INPUT, others=others, names=_NAMES, **found)  # type: ignore[arg-type]

    def reply(self, reply: EmbeddingReply, request: EmbeddingRequest, model: str) -> JsonObject:
        data: list[Json] = [
            {"object": "embedding", "index": index, "embedding": packed(one) if request.packed else list(one)}
            for index, one in enumerate(reply.vectors)
        ]
        tokens = reply.usage.input
        usage: JsonObject = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": model, "usage": usage}


class OpenAIOut:
    """As providers speak it."""

    __slots__ = ()

    def request(self, request: EmbeddingRequest, model: str, losses: Losses) -> Sent:
        body: JsonObject = {
            **request.others,
            "model": model,
            "input": [one if isinstance(one, str) else list[Json](one) for one in request.inputs],
            "encoding_format": "float",
        }
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        if request.end_user:
            body["user"] = request.end_user
        for noun in ("task", "title"):
            if getattr(request, noun):
                losses.dropped(request.named(noun))
        return Sent("/embeddings", body, api="embeddings")

    def reply(self, body: JsonObject, request: EmbeddingRequest, can: Capabilities) -> EmbeddingReply:  # noqa: ARG002
        if body.get("error"):
            raise ReportedError(json_bytes(body))
        data = dicts(body.get("data"))
        data.sort(key=lambda one: count(one, "index"))  # stable: where none are said they are in order
        vectors = tuple(read_vector(one.get("embedding")) for one in data)
        return EmbeddingReply(checked(vectors, request), usage_of(body))


def mend_of(encoding: Json) -> Callable[[bytes], bytes] | None:
    """What makes a reply one with vectors as they were asked for, of a provider that speaks as the caller does and
    may know only one form: OpenAI's SDKs ask for `base64`, and its JavaScript makes an empty vector of numbers; who
    asked for numbers can do nothing with text. What is no vector at all becomes `null`, which is no answer. None
    for a form that is not known here.
    """
    if encoding == "base64":
        return partial(_mended, b"[", packed)
    return partial(_mended, b'"', list) if encoding in ("float", None) else None


def _mended(odd: bytes, written: Callable[[Vector], Json], body: bytes) -> bytes:
    """`odd` begins a vector in the other form."""
    begins = _VECTOR.search(body)
    reply = read_object(body) if begins is not None and begins[1] == odd else None
    if reply is None:
        return body
    for one in dicts(reply.get("data")):
        try:
            one["embedding"] = written(read_vector(one.get("embedding")))
        except GatewayError:
            one["embedding"] = None
    return json_bytes(reply)


def _inputs(stated: Json) -> tuple[Input, ...]:
    """A text or several, or the same as tokens."""
    if stated is None:
        raise missing(_INPUT)
    if stated in ("", []):
        raise wrong_value(_INPUT, "must not be empty")
    if isinstance(stated, str):
        return (stated,)
    if not isinstance(stated, list):
        raise wrong_type(_INPUT, "a string or an array")
    if type(stated[0]) is int:
        return (_tokens(stated, _INPUT),)
    if len(stated) > INPUTS_MAX:
        raise wrong_value(_INPUT, f"must have at most {INPUTS_MAX} items, but has {len(stated)}")
    return tuple([_one(one, index) for index, one in enumerate(stated)])


def _one(stated: Json, index: int) -> Input:
    if stated in ("", []):
        raise wrong_value(path(_INPUT, index), "must not be empty")
    if isinstance(stated, str):
        return stated
    if isinstance(stated, list):
        return _tokens(stated, path(_INPUT, index))
    raise wrong_type(path(_INPUT, index), "a string or an array of tokens")


def _tokens(stated: list[Json], at: str) -> tuple[int, ...]:
    for index, one in enumerate(stated):
        if type(one) is not int:
            raise wrong_type(path(at, index), "a token: a whole number")
    return tuple(stated)  # type: ignore[arg-type]


def _read_extra(fields: JsonObject, found: dict[str, object], losses: Losses) -> None:
    """What callers ask of Google in its own words, as its compatible endpoint has them."""
    extra = mapping(fields, _EXTRA) or {}
    for name, value in extra.items():
        if name != "google" and value is not None:
            losses.dropped(path(_EXTRA, name))
    google = mapping(extra, "google", _EXTRA) or {}
    for name in google:
        noun = {"task_type": "task", "title": "title"}.get(name)
        if noun is None:
            losses.dropped(path(_GOOGLES, name))
        else:
            found[noun] = text(google, name, _GOOGLES) or ""
