"""The caller's headers that a provider gets, as header lines: default deny (wire reference §3.6)."""

from functools import lru_cache

from gateway.dialects.messages.betas import beta_line, beta_values
from gateway.upstream.request_head import AGENT

VERSION = b"anthropic-version"
_BETA = b"anthropic-beta"
_VERSION_MAX = 32
_FIRST = b"2023-06-01"
_FORWARDED = (b"openai-beta", b"x-client-request-id")


def anthropic_lines(named: dict[bytes, bytes]) -> bytes:
    """What only Anthropic itself gets, from its own callers: their version, and the previews they switched on."""
    version = named.get(VERSION, b"")[:_VERSION_MAX] or _FIRST
    betas = beta_values([named.get(_BETA, b"").decode("ascii", "replace")])
    return VERSION + b": " + version + b"\r\n" + beta_line(betas, "anthropic")


def forwarded_lines(named: dict[bytes, bytes]) -> bytes:
    """The caller's headers that a provider gets: default deny (wire reference §3.6)."""
    lines = _usual_lines(named.get(b"user-agent"), named.get(b"accept"))
    if b"openai-beta" in named or b"x-client-request-id" in named:
        for name in _FORWARDED:
            value = named.get(name)
            if value is not None and len(value) <= 1024:
                lines += name + b": " + value + b"\r\n"
    return lines


@lru_cache(1024)
def _usual_lines(agent: bytes | None, accept: bytes | None) -> bytes:
    lines = b"user-agent: " + AGENT + (b" (" + agent[:128] + b")\r\n" if agent else b"\r\n")
    return lines + b"accept: " + accept[:256] + b"\r\n" if accept is not None else lines
