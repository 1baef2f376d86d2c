"""JSON as the dialects write it and as providers send it: compact, in the order of the keys as they came."""

from collections.abc import Callable

import orjson

from gateway.chat import Json, JsonObject
from gateway.errors import UPSTREAM_INVALID, GatewayError

#: Any JSON value as bytes. Raises TypeError for what JSON cannot hold.
json_bytes = orjson.dumps
#: Any JSON value of its text. Raises ValueError for what is none.
read_json: Callable[[bytes], Json] = orjson.loads


def json_text(value: Json) -> str:
    return orjson.dumps(value).decode()


def read_object(text: str | bytes) -> JsonObject | None:
    """None for what is no JSON object."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if type(value) is dict else None


def event_object(data: bytes) -> JsonObject:
    """The object that an event of a provider's stream is. Raises GatewayError when it is none."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise GatewayError(UPSTREAM_INVALID, "The provider sent an event that is not JSON.") from None
    if type(value) is not dict:
        raise GatewayError(UPSTREAM_INVALID, "The provider sent an event that is not an object.")
    return value
