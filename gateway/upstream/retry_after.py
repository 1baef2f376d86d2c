"""How long a provider asks to wait: `retry-after-ms` before `retry-after` (admission reference §1.3)."""

from collections.abc import Sequence
from datetime import datetime

from gateway.upstream.durations import http_date, seconds, until_date

Headers = Sequence[tuple[bytes, bytes]]


def retry_after_s(headers: Headers, now: datetime) -> float | None:
    """Seconds to wait; None when the provider names none, or something absurd, or two that differ."""
    told = _said_once(headers, b"retry-after-ms")
    if told is not None:
        wait_ms = seconds(told)
        if wait_ms is not None:
            return wait_ms / 1000
    told = _said_once(headers, b"retry-after")
    if told is None:
        return None
    wait = seconds(told)
    return wait if wait is not None else until_date(told, their_clock(headers, now))


def their_clock(headers: Headers, now: datetime) -> datetime:
    """The provider's own clock where it shows it: what it says in absolute time is meant by that one."""
    told = _said_once(headers, b"date")
    return (http_date(told) if told is not None else None) or now


def _said_once(headers: Headers, name: bytes) -> bytes | None:
    found: bytes | None = None
    for key, value in headers:
        if key == name:
            if found is not None and found != value:
                return None
            found = value
    return found
