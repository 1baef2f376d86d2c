"""Token usage, or an error, as OpenAI-compatible providers report it, without building the rest of the reply.

`prompt_tokens` and `input_tokens` count cached tokens, `completion_tokens` and `output_tokens` count reasoning
(wire reference §2.0). Numbers that cannot be true are not believed: the caller then estimates.
"""

from typing import Annotated, Any

import msgspec

from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.exchange import Usage

_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class _Details(msgspec.Struct):
    cached_tokens: _Count | None = None
    cache_write_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None


class Reported(msgspec.Struct):
    """The fields of either API's usage object."""

    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    total_tokens: _Count | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


_NOTHING = msgspec.Raw(b"null")


class _Reply(msgspec.Struct):
    usage: Reported | None = None
    error: msgspec.Raw = _NOTHING


class _OddReply(msgspec.Struct):
    error: msgspec.Raw = _NOTHING


_reply = msgspec.json.Decoder(_Reply)
_odd_reply = msgspec.json.Decoder(_OddReply)
_reported = msgspec.json.Decoder(Reported)
_NO_DETAILS = _Details()


def read_usage(text: bytes | msgspec.Raw) -> Usage | None:
    """The usage object `text` (JSON), or None when it is missing its counts or they cannot be true."""
    try:
        return as_usage(_reported.decode(text))
    except msgspec.MsgspecError:
        return None


def as_usage(found: Reported) -> Usage | None:
    """The counts in our terms; None when none is there."""
    inputs = found.prompt_tokens if found.prompt_tokens is not None else found.input_tokens
    outputs = found.completion_tokens if found.completion_tokens is not None else found.output_tokens
    if inputs is None and outputs is None:
        inputs = found.total_tokens  # some embeddings and rerank providers give the total only
        if inputs is None:
            return None
    prompt = found.prompt_tokens_details or found.input_tokens_details or _NO_DETAILS
    completion = found.completion_tokens_details or found.output_tokens_details or _NO_DETAILS
    return Usage(
        inputs or 0,
        outputs or 0,
        prompt.cached_tokens or 0,
        prompt.cache_write_tokens or 0,
        completion.reasoning_tokens or 0,
        "provider",
    )


def read_reply(body: bytes) -> tuple[Usage | None, Any]:
    """(usage, error) of a JSON reply, without building the rest of it.

    Raises GatewayError when the body is not one JSON object.
    """
    usage: Usage | None = None
    try:
        reply = _reply.decode(body)
    except msgspec.MsgspecError:
        error = _error_alone(body)  # its usage cannot be true, or all of it is no JSON
    else:
        error = reply.error
        if reply.usage is not None:
            usage = as_usage(reply.usage)
    return usage, None if error is _NOTHING else msgspec.json.decode(error)


def _error_alone(body: bytes) -> msgspec.Raw:
    try:
        return _odd_reply.decode(body).error
    except msgspec.MsgspecError:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the JSON it should be.") from None
