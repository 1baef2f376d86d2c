"""Token usage as OpenAI-compatible providers report it, read without building the rest of the reply.

`prompt_tokens` and `input_tokens` count cached tokens, `completion_tokens` and `output_tokens` count reasoning
(wire reference §2.0). Numbers that cannot be true are not believed: the caller then estimates.
"""

from typing import Annotated

import msgspec

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
