"""Times as providers write them, read from text that may hold anything.

Go durations (`6m0s`, `120ms`) and plain seconds from OpenAI and Azure, RFC 3339 from Anthropic, `37s` from Gemini,
HTTP dates (RFC 9110 §5.6.7) from anyone. None for what is none of these, is negative or lies more than a year
away; nothing here raises.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

YEAR_S = 365 * 86400.0
#: A moment that is only just past is now: providers cut fractions of seconds off.
_JUST_PAST_S = 60.0
_TEXT_MAX = 64
_DIGITS = 15
_SHORT = (("ms", 0.001), ("s", 1.0), ("", 1.0))
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,15})?")
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?)(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_FIXDATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: bytes | str) -> float | None:
    """`20`, `0.5`."""
    plain = _plain(text)
    return _bounded(float(plain)) if _NUMBER.fullmatch(plain) else None


def duration(text: bytes | str) -> float | None:
    """`6m0s`, `23h18m29.144s`, `120ms`, or plain seconds."""
    plain = _plain(text)
    for unit, scale in _SHORT:  # nearly all there are; on every reply, so without the general pattern
        if plain.endswith(unit):
            number = plain[: len(plain) - len(unit)]
            if number.isascii() and number.isdecimal() and len(number) <= _DIGITS:
                return _bounded(int(number) * scale)
            break
    if _NUMBER.fullmatch(plain):
        return _bounded(float(plain))
    if not _DURATION.fullmatch(plain):
        return None
    return _bounded(sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(plain)))


def until_timestamp(text: bytes | str, now: datetime) -> float | None:
    """Seconds from `now` to an RFC 3339 time."""
    try:
        left = (datetime.fromisoformat(_plain(text)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # TypeError: it names no zone
        return None
    return _bounded(0.0 if -_JUST_PAST_S < left < 0 else left)


def until_date(text: bytes | str, now: datetime) -> float | None:
    """Seconds from `now` to an HTTP date."""
    date = http_date(text)
    try:
        return None if date is None else _bounded((date - now).total_seconds())
    except OverflowError:
        return None


def http_date(text: bytes | str) -> datetime | None:
    plain = _plain(text)
    try:
        if _FIXDATE.fullmatch(plain):  # as servers must write it, read ten times as fast
            month = _MONTHS.index(plain[8:11]) + 1
            return datetime.fromisoformat(f"{plain[12:16]}-{month:02}-{plain[5:7]}T{plain[17:25]}+00:00")
        found = parsedate_to_datetime(plain)
    except (ValueError, OverflowError):  # years and zones beyond belief overflow
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def moment(epoch_ms: bytes | str, now: datetime) -> datetime | None:
    """Milliseconds since 1970 (OpenRouter), when that is to come."""
    told = _plain(epoch_ms)
    if not _NUMBER.fullmatch(told):
        return None
    left = float(told) / 1000 - now.timestamp()
    return datetime.fromtimestamp(float(told) / 1000, UTC) if 0 <= left < YEAR_S else None


def _plain(text: bytes | str) -> str:
    """Short text as it is, long text as nothing."""
    if len(text) > _TEXT_MAX:
        return ""
    return text.strip() if isinstance(text, str) else text.decode("latin-1").strip()


def _bounded(left: float) -> float | None:
    return left if 0 <= left < YEAR_S else None
