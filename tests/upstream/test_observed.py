"""What headers tell of ceilings (admission reference §1.3), times as providers write them, ends of days."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.adapter import adapter_of
from gateway.upstream.durations import duration, moment, until_date, until_timestamp
from gateway.upstream.observed import Observed
from gateway.upstream.resets import next_month, next_pacific_midnight
from provider_sim.limit_words import go_duration
from tests.upstream.recordings import NAMES, NOW, provider, recording

EXPECTED = {
    "openai_ok": (Observed("rpm", 500, 499, 0.12), Observed("tpm", 30000, 29978, 0.044)),
    "openai_ok_project": (
        Observed("rpm", 500, 499, 0.12),
        Observed("tpm", 30000, 29978, 0.044),
        Observed("tpm", 10000, 9978, 0.132),
    ),
    "openai_ok_per_day": (Observed("rpd", 200, 6, 83909.144), Observed("tpm", 40000, 39000, 1.5)),
    "openai_rate_tokens": (Observed("rpm", 500, 499, 0.12), Observed("tpm", 30000, 29978, 0.044)),
    "azure_short": (Observed("rpm", 8, 7, None), Observed("tpm", 8000, 1014, None)),
    "anthropic_ok": (
        Observed("rpm", 4000, 3999, 0.0),
        Observed("itpm", 400000, 396000, 1.0),
        Observed("otpm", 80000, 80000, 0.0),
    ),
    "anthropic_ok_workspace": (
        Observed("rpm", 4000, 3999, 0.0),
        Observed("itpm", 400000, 396000, 1.0),
        Observed("otpm", 80000, 80000, 0.0),
        Observed("tpm", 30000, 26000, 0.0),
    ),
    "anthropic_rate_input": (
        Observed("rpm", 4000, 3999, 0.0),
        Observed("itpm", 400000, 19, 1.0),
        Observed("otpm", 80000, 80000, 0.0),
    ),
    "anthropic_ramp": (
        Observed("rpm", 4000, 3999, 0.0),
        Observed("itpm", 400000, 396000, 1.0),
        Observed("otpm", 80000, 80000, 0.0),
    ),
    "groq_ok": (Observed("rpd", 14400, 14370, 179.56), Observed("tpm", 18000, 17997, 7.66)),
    "mistral_ok": (Observed("rpm", 720, 717, None), Observed("tpm", 5000000, 4999911, None)),
    "mistral_rate": (Observed("rpm", None, 0, None),),
}
EXPECTED["anthropic_ramp_unnamed"] = EXPECTED["anthropic_ramp"]


@pytest.mark.parametrize("name", NAMES)
def test_recorded_headers(name: str) -> None:
    assert recording(name).observed() == EXPECTED.get(name, ())


def openai(*headers: tuple[bytes, bytes]) -> tuple[Observed, ...]:
    return adapter_of(provider("openai", "openai")).observe(headers, NOW)


LIMIT, LEFT = b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens"


@pytest.mark.parametrize(
    "value",
    [
        b"-1",
        b"nan",
        b"inf",
        b"1e3",
        b"1_000",
        b"",
        b"many",
        b"9" * 13,
        b"9" * 5000,
        b"+5",
        b"0x10",
        "٣".encode(),
    ],
)
def test_numbers_that_cannot_be_true_are_not_believed(value: bytes) -> None:
    assert openai((LIMIT, value)) == ()
    assert openai((LIMIT, b"10"), (LEFT, value)) == (Observed("tpm", 10, None, None),)


def test_more_left_than_there_is_and_two_stories_are_not_believed() -> None:
    assert openai((LIMIT, b"10"), (LEFT, b"11")) == (Observed("tpm", 10, None, None),)
    assert openai((LIMIT, b"10"), (LIMIT, b"12"), (LIMIT, b"10"), (LEFT, b"3")) == (
        Observed("tpm", None, 3, None),
    )
    assert openai((LIMIT, b"10"), (LIMIT, b"10")) == (Observed("tpm", 10, None, None),)


@given(st.floats(0, 10**6))
def test_go_durations_are_read_as_the_simulator_writes_them(seconds: float) -> None:
    read = duration(go_duration(seconds))
    assert read is not None
    assert seconds <= read + 1e-6
    assert read - seconds <= 0.0011


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0), ("120ms", 0.12), ("1s", 1.0), ("23h18m29.144s", 83909.144), ("37s", 37.0), ("20", 20.0),
        ("0.5", 0.5), ("1h", 3600.0), ("250µs", 0.00025), ("12ns", 12e-9), ("-5s", None), ("5", 5.0), ("", None),
        ("5d", None), ("s", None), ("5s and more", None), ("9" * 15 + "h", None), ("nan", None), ("1e5s", None),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    found = duration(text)
    assert found == (None if seconds is None else pytest.approx(seconds))
    assert duration(text.encode("latin-1")) == found


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-21T12:00:30Z", 30.0), ("2026-11-21T13:00:30.5+01:00", 30.5), ("2026-11-21T11:59:59Z", 0.0),
        ("2026-11-21T11:00:00Z", None), ("2026-11-21T12:00:30", None), ("9999-12-31T23:59:59-23:59", None),
        ("tomorrow", None),
    ],
)  # fmt: skip
def test_timestamps(text: str, seconds: float | None) -> None:
    assert until_timestamp(text, NOW) == seconds


def test_points_in_time_are_meant_by_the_providers_clock() -> None:
    anthropic = adapter_of(provider("anthropic"))
    told = [
        (b"anthropic-ratelimit-requests-limit", b"5"),
        (b"anthropic-ratelimit-requests-reset", b"2026-11-21T12:10:05Z"),
    ]
    assert anthropic.observe(told, NOW) == (Observed("rpm", 5, None, 605.0),)
    told.append((b"date", b"Sat, 21 Nov 2026 12:10:00 GMT"))
    assert anthropic.observe(told, NOW) == (Observed("rpm", 5, None, 5.0),)


@given(st.text() | st.binary())
def test_no_text_is_too_strange(text: str | bytes) -> None:
    for left in (duration(text), until_timestamp(text, NOW), until_date(text, NOW)):
        assert left is None or 0 <= left < 366 * 86_400
    when = moment(text, NOW)
    assert when is None or when >= NOW


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        ("2026-11-21T12:00", "2026-11-22T08:00"), ("2026-11-21T07:59", "2026-11-21T08:00"),
        ("2026-11-21T08:00", "2026-11-22T08:00"), ("2026-07-01T06:59", "2026-07-01T07:00"),
        ("2026-03-08T09:00", "2026-03-09T07:00"),  # the day in which summer time begins
        ("2026-11-01T08:30", "2026-11-02T08:00"),  # and that in which it ends
    ],
)  # fmt: skip
def test_midnight_in_los_angeles(now: str, midnight: str) -> None:
    assert next_pacific_midnight(at(now)) == at(midnight)


@given(st.integers(0, 10 * 365 * 86_400))
def test_resets_are_to_come_and_not_far(seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert timedelta(0) < next_pacific_midnight(now) - now <= timedelta(hours=25)
    assert timedelta(0) < next_month(now) - now <= timedelta(days=31)
    assert next_month(now).day == 1


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
