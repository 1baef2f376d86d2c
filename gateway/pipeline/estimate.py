"""One look at a JSON body: the route it names, how large it is, and the body that goes upstream.

Nothing is re-serialised: the model's name is spliced, and `stream_options` where the provider must be asked for
usage. Tokens are guessed from bytes here; no tokenizer runs on the event loop.
"""

from collections.abc import Callable
from typing import Any

import orjson

from gateway.dialects.document import Document
from gateway.dialects.openai_stream import CompletionStream
from gateway.errors import INVALID_TYPE, INVALID_VALUE, MISSING_PARAMETER, GatewayError
from gateway.settings.snapshot import Target

BYTES_PER_TOKEN = 4
_COUNT_MAX = 1_000_000_000
_N_MAX = 128

#: Fields that must be there, and fields that bound what a request may cost. The provider checks the rest.
_REQUIRED: dict[str, tuple[tuple[str, tuple[type, ...]], ...]] = {
    "chat": (("messages", (list,)),),
    "completions": (("prompt", (str, list)),),
    "embeddings": (("input", (str, list)),),
    "moderations": (("input", (str, list)),),
}
_BOUNDED = {
    "max_tokens": (0, _COUNT_MAX),
    "max_completion_tokens": (0, _COUNT_MAX),
    "max_output_tokens": (0, _COUNT_MAX),
    "n": (1, _N_MAX),
    "best_of": (1, _N_MAX),
}
#: Fields that mean the same at every provider: what their values are, and what that is called. Null is absent.
_TYPED: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(_BOUNDED, ((int,), "an integer")),
    **dict.fromkeys(
        ("temperature", "top_p", "presence_penalty", "frequency_penalty"), ((int, float), "a number")
    ),
    "stream_options": ((dict,), "an object"),
    "tools": ((list,), "an array"),
}
#: Providers that refuse a field they do not know.
_NO_STREAM_OPTIONS = frozenset({"mistral"})


def check_body(fields: dict[str, Any], api: str) -> None:
    """Refuse what cannot be meant: missing content, wrong types, counts that are not counts."""
    for name, types in _REQUIRED.get(api, ()):
        value = fields.get(name)
        if value is None:
            raise GatewayError(MISSING_PARAMETER, f"Missing required parameter: '{name}'.", param=name)
        if type(value) not in types:
            raise GatewayError(INVALID_TYPE, f"`{name}` has the wrong type.", param=name)
        if not value and types == (list,):
            raise GatewayError(INVALID_VALUE, f"`{name}` must not be empty.", param=name)
    for name, value in fields.items():
        if name not in _TYPED or value is None:
            continue
        types, called = _TYPED[name]
        if type(value) not in types:
            raise GatewayError(INVALID_TYPE, f"`{name}` must be {called}.", param=name)
        if types == (int,):
            low, high = _BOUNDED[name]
            if not low <= value <= high:
                raise GatewayError(INVALID_VALUE, f"`{name}` must be between {low} and {high}.", param=name)


def completion_stream_body(
    document: Document, frame_max: int
) -> tuple[Callable[[Target | None], bytes], Callable[[], CompletionStream]]:
    """The same for a streamed completion, which also asks for usage, and how to read the stream.

    Raises GatewayError when `stream_options` asks for usage in a way that is neither yes nor no.
    """
    stated: dict[str, Any] = document.fields.get("stream_options") or {}
    asked = stated.get("include_usage")
    if asked is not None and type(asked) is not bool:
        name = "stream_options.include_usage"
        raise GatewayError(INVALID_TYPE, f"`{name}` must be a boolean.", param=name)
    wanted = None if asked else orjson.dumps({**stated, "include_usage": True})

    def body(target: Target | None) -> bytes:
        assert target is not None, "a completion has a model"
        edits = {"model": target.quoted}
        if wanted is not None and target.provider.flavour not in _NO_STREAM_OPTIONS:
            edits["stream_options"] = wanted
        return document.spliced(edits)

    return body, lambda: CompletionStream(hide_usage=not asked, frame_max=frame_max)
