"""The caller's headers that a provider gets, as header lines: default deny (wire reference §3.6)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from gateway.dialects.messages.betas import beta_line, beta_values
from gateway.dialects.messages.versions import FIRST, NEWEST
from gateway.errors import INVALID_VALUE, GatewayError
from gateway.upstream.request_head import AGENT

VERSION = b"anthropic-version"
_BETA = b"anthropic-beta"
_FIRST = FIRST.encode()
_KNOWN = (NEWEST.encode(), _FIRST)
_DATE = re.compile(rb"\d{4}-\d{2}-\d{2}").fullmatch
_FORWARDED = (b"openai-beta", b"x-client-request-id")
_VALUE_MAX = 1024
#: By the flavour of a provider what it alone gets: OpenRouter's ranking of programs goes by these.
_OF_FLAVOUR = {"openrouter": (b"http-referer", b"x-title")}
_NONE: Mapping[str, bytes] = MappingProxyType({})


def anthropic_lines(named: dict[bytes, bytes]) -> bytes:
    """What only Anthropic itself gets, from its own callers: their version, and the previews they switched on.

    Raises GatewayError for a version that is no date; which dates are versions Anthropic knows.
    """
    version = named.get(VERSION, b"").strip() or _FIRST
    if version not in _KNOWN and _DATE(version) is None:
        name = VERSION.decode()
        raise GatewayError(INVALID_VALUE, f"`{name}` must be a date, such as {NEWEST}.", param=name)
    betas = beta_values([named.get(_BETA, b"").decode("ascii", "replace")])
    return VERSION + b": " + version + b"\r\n" + beta_line(betas, "anthropic")


def forwarded_lines(named: dict[bytes, bytes]) -> bytes:
    """The caller's headers that a provider gets: default deny (wire reference §3.6)."""
    lines = _usual_lines(named.get(b"user-agent"), named.get(b"accept"))
    if b"openai-beta" in named or b"x-client-request-id" in named:
        lines += _lines(named, _FORWARDED)
    return lines


def flavour_lines(named: dict[bytes, bytes]) -> Mapping[str, bytes]:
    """What of them only providers of one flavour get, by that; mostly nothing."""
    if b"http-referer" in named or b"x-title" in named:
        return {flavour: _lines(named, names) for flavour, names in _OF_FLAVOUR.items()}
    return _NONE


def _lines(named: dict[bytes, bytes], names: tuple[bytes, ...]) -> bytes:
    return b"".join(
        name + b": " + named[name] + b"\r\n"
        for name in names
        if name in named and len(named[name]) <= _VALUE_MAX
    )


@lru_cache(1024)
def _usual_lines(agent: bytes | None, accept: bytes | None) -> bytes:
    lines = b"user-agent: " + AGENT + (b" (" + agent[:128] + b")\r\n" if agent else b"\r\n")
    return lines + b"accept: " + accept[:256] + b"\r\n" if accept is not None else lines
