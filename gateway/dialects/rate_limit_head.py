"""The header lines by which a caller sees how full their own limits are, in the words of either dialect. Pure.

OpenAI counts requests and tokens and says for how long (`6m0s`); Anthropic also input and output tokens, and says
until when (RFC 3339). Either's "reset" is when all of the limit will be free again if nothing else is asked.
"""

from datetime import UTC, datetime
from functools import lru_cache

_OPENAI = b"x-ratelimit-limit-{0}: %d\r\nx-ratelimit-remaining-{0}: %d\r\nx-ratelimit-reset-{0}: %b\r\n"
_REQUESTS, _TOKENS = _OPENAI.replace(b"{0}", b"requests"), _OPENAI.replace(b"{0}", b"tokens")
#: How full one limit is: (limit, remaining, milliseconds until all of it is free).
Standing = tuple[int, int, int]


def rate_limit_head(
    dialect: str,
    now: int,
    requests: Standing | None,
    tokens: Standing | None,
    input_tokens: Standing | None = None,
    output_tokens: Standing | None = None,
) -> bytes:
    """The lines of what is given; `now` is in milliseconds since 1970."""
    if dialect != "anthropic":
        return _openai(_REQUESTS, requests) + _openai(_TOKENS, tokens)
    named = (
        (b"requests", requests),
        (b"tokens", tokens),
        (b"input-tokens", input_tokens),
        (b"output-tokens", output_tokens),
    )
    return b"".join(_anthropic(name, standing, now) for name, standing in named)


def _openai(lines: bytes, standing: Standing | None) -> bytes:
    if standing is None:
        return b""
    limit, remaining, reset_ms = standing
    return lines % (limit, remaining, duration(reset_ms))


def _anthropic(name: bytes, standing: Standing | None, now: int) -> bytes:
    if standing is None:
        return b""
    lines = (
        b"anthropic-ratelimit-%b-limit: %d\r\nanthropic-ratelimit-%b-remaining: %d\r\n"
        b"anthropic-ratelimit-%b-reset: %b\r\n"
    )
    limit, remaining, reset_ms = standing
    return lines % (name, limit, name, remaining, name, timestamp(now + reset_ms))


@lru_cache(1024)  # while requests keep coming it is always the same
def duration(ms: int) -> bytes:
    """`20ms`, `59.625s`, `6m0s`, `23h18m29.144s`: as Go writes durations, which is what OpenAI shows."""
    if ms < 1000:
        return b"%dms" % ms if ms else b"0s"
    minutes, rest = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, thousandths = divmod(rest, 1000)
    seconds = b"%d" % whole
    if thousandths:
        seconds += (b".%03d" % thousandths).rstrip(b"0")
    if hours:
        return b"%dh%dm%bs" % (hours, minutes, seconds)
    return b"%dm%bs" % (minutes, seconds) if minutes else seconds + b"s"


def timestamp(at: int) -> bytes:
    """`2026-01-01T00:00:10Z`: whole seconds, and never too early."""
    return b"%bZ" % datetime.fromtimestamp(-(-at // 1000), UTC).isoformat()[:19].encode()
