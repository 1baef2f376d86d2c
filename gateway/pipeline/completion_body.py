"""The body of a streamed completion as it goes upstream: nothing is re-serialised, two values are spliced.

The model's name, and `stream_options` where the provider must be asked for usage.
"""

from collections.abc import Callable
from typing import Any

import orjson

from gateway.dialects.chat.quirks import QUIRKS
from gateway.dialects.document import Document
from gateway.errors import INVALID_TYPE, GatewayError
from gateway.settings.snapshot import Target

#: Providers that refuse a field which they do not know.
_NO_STREAM_OPTIONS = frozenset(flavour for flavour, quirks in QUIRKS.items() if not quirks.asks_usage)


def asks_for_usage(document: Document) -> bool:
    """Whether the caller wants the usage of a streamed completion told.

    Raises GatewayError when `stream_options` asks for it in a way that is neither yes nor no.
    """
    stated: dict[str, Any] = document.fields.get("stream_options") or {}
    asked = stated.get("include_usage")
    if asked is not None and type(asked) is not bool:
        name = "stream_options.include_usage"
        raise GatewayError(INVALID_TYPE, f"`{name}` must be a boolean.", param=name)
    return bool(asked)


def streamed_body(document: Document, sent: Document | None = None) -> Callable[[Target | None], bytes]:
    """What makes the body for a target. `sent` is what goes there, where that is not quite the caller's own."""
    stated: dict[str, Any] = document.fields.get("stream_options") or {}
    wanted = None if asks_for_usage(document) else orjson.dumps({**stated, "include_usage": True})
    source = sent or document

    def body(target: Target | None) -> bytes:
        assert target is not None, "a completion has a model"
        edits = {"model": target.quoted}
        if wanted is not None and target.provider.flavour not in _NO_STREAM_OPTIONS:
            edits["stream_options"] = wanted
        return source.spliced(edits)

    return body
