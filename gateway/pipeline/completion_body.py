"""The body of a streamed completion as it goes upstream: nothing is re-serialised, two values are spliced.

The model's name, and `stream_options` where the provider must be asked for usage.
"""

from collections.abc import Callable
from typing import Any

import orjson

from gateway.dialects.document import Document
from gateway.dialects.openai_stream import CompletionStream
from gateway.errors import INVALID_TYPE, GatewayError
from gateway.settings.snapshot import Target

#: Providers that refuse a field they do not know.
_NO_STREAM_OPTIONS = frozenset({"mistral"})


def completion_stream_body(
    document: Document, frame_max: int, chat: bool
) -> tuple[Callable[[Target | None], bytes], Callable[[], CompletionStream]]:
    """What makes the body for a target, and how to read the stream that answers it.

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

    return body, lambda: CompletionStream(not asked, frame_max, chat)
