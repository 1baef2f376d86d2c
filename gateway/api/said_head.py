"""What of a request's head is asked for when it is translated, which may be long after the head is gone."""

from typing import NamedTuple

from gateway.api.routes import Endpoint
from gateway.errors import INVALID_VALUE, GatewayError
from gateway.pipeline.forwarded import VERSION, forwarded_lines

_STRICT = b"x-gateway-strict"
_FLAGS = {b"true": True, b"1": True, b"false": False, b"0": False}


class SaidHead(NamedTuple):
    """`version` is of Anthropic's API, `strict` whether the caller wants nothing lost."""

    forwarded: bytes
    version: str
    strict: bool


def said_head(named: dict[bytes, bytes], endpoint: Endpoint) -> SaidHead:
    """Raises GatewayError for a value of `x-gateway-strict` that says neither."""
    version = named.get(VERSION, b"").decode("ascii", "replace") if endpoint.dialect == "anthropic" else ""
    said, strict = named.get(_STRICT), False
    if said is not None:
        found = _FLAGS.get(said.strip().lower())
        if found is None:
            name = _STRICT.decode()
            raise GatewayError(INVALID_VALUE, f"{name} must be true or false.", param=name)
        strict = found
    return SaidHead(forwarded_lines(named), version, strict)
