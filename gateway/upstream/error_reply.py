"""What a provider's error says, in any of the shapes they use (wire reference §1.4, "Reading upstream errors").

Shared by `refusal` (what the caller is told of it) and the adapters (what it means for the key). Bodies are a
stranger's: whatever one holds, nothing here raises.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

_MESSAGE_MAX = 4096
_WORD_MAX = 128
_DETAILS_MAX = 16
#: Where providers put the words that programs should go by.
_CODES = ("code", "type", "status", "reason", "error_code", "error_type", "limit_source")


class ErrorReply(NamedTuple):
    """`message` is for people and may quote the caller; `codes`, lower-cased, are the provider's own words."""

    codes: frozenset[str]
    message: str
    detail: dict[str, Any]

    def details(self) -> list[dict[str, Any]]:
        """The objects beside the message: Google's `details` (a list), Anthropic's, OpenRouter's `metadata`."""
        found: list[dict[str, Any]] = []
        for name in ("details", "metadata"):
            value = self.detail.get(name)
            parts = value[:_DETAILS_MAX] if isinstance(value, list) else [value]
            found += [part for part in parts if isinstance(part, dict)]
        return found


def read_error(body: bytes) -> ErrorReply:
    whole = _object(body)
    return error_reply(whole, _inside(whole))


def error_reply(whole: dict[str, Any], detail: dict[str, Any]) -> ErrorReply:
    """Of the error object `detail`, alone or inside `whole`."""
    bare = ErrorReply(frozenset(), error_message(detail)[:_MESSAGE_MAX], detail)
    parts = (whole, detail, *bare.details())
    return bare._replace(codes=frozenset(word for part in parts for word in _words(part)))


def error_detail(body: bytes) -> dict[str, Any]:
    """The error object; empty when there is none."""
    return _inside(_object(body))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def _inside(whole: dict[str, Any]) -> dict[str, Any]:
    error = whole.get("error", whole)
    if isinstance(error, str):
        return {**whole, "message": error}
    return error if isinstance(error, dict) else whole


def error_message(detail: dict[str, Any]) -> str:
    for name in ("message", "detail", "error"):
        value = detail.get(name)
        if isinstance(value, str) and value:
            return value
        if value and name == "detail":
            try:
                return orjson.dumps(value).decode()
            except orjson.JSONEncodeError:  # nested deeper than is written, though not than is read
                return ""
    return ""


def _words(part: dict[str, Any]) -> Iterator[str]:
    for name in _CODES:
        value = part.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            yield str(value)
        elif isinstance(value, str) and 0 < len(value) <= _WORD_MAX:
            yield value.lower()
