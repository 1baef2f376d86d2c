"""When quotas start anew, by calendar. `now` is a parameter and has a time zone; results are UTC."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def _pacific() -> tzinfo:
    """Los Angeles; where the machine knows no zones its winter time, which at worst waits an hour too long."""
    try:
        return ZoneInfo("America/Los_Angeles")
    except (ZoneInfoNotFoundError, OSError):
        return timezone(timedelta(hours=-8))


_PACIFIC = _pacific()


def next_month(now: datetime) -> datetime:
    """00:00 UTC on the 1st: Anthropic's spend limits, OpenAI's monthly ones (admission reference §1.4)."""
    day = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=32)).replace(day=1)


def next_pacific_midnight(now: datetime) -> datetime:
    """Midnight in Los Angeles: Gemini's quotas per day, whatever its RetryInfo says (admission reference §1.3)."""
    there = now.astimezone(_PACIFIC)
    # Midnights do not fall into the hour that clocks skip or repeat, so the naive date may be moved.
    midnight = (there.replace(tzinfo=None) + timedelta(days=1)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return midnight.replace(tzinfo=_PACIFIC).astimezone(UTC)
