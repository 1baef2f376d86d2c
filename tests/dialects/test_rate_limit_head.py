"""How a key's own limits are written, read back by what reads providers' headers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.rate_limit_head import (
    duration,
    rate_limit_head,
    timestamp,
)
from gateway.upstream import durations

NOW = 1_790_000_000_250


@pytest.mark.parametrize(
    ("ms", "written"),
    [
        (0, b"0s"),
        (1, b"1ms"),
        (20, b"20ms"),
        (1_000, b"1s"),
        (8_640, b"8.64s"),
        (59_625, b"59.625s"),
        (60_000, b"1m0s"),
        (360_000, b"6m0s"),
        (3_600_000, b"1h0m0s"),
        (84_309_144, b"23h25m9.144s"),
    ],
)
def test_durations_as_openai_writes_them(ms: int, written: bytes) -> None:
    assert duration(ms) == written


@given(st.integers(0, 86_400_000))
def test_durations_are_read_back(ms: int) -> None:
    assert durations.duration(duration(ms)) == pytest.approx(ms / 1000)


@given(st.integers(0, 4_000_000_000_000))
def test_times_are_whole_seconds_and_never_early(at: int) -> None:
    written = timestamp(at)
    assert len(written) == len("2026-01-01T00:00:00Z")
    exact = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)
    late = datetime.fromisoformat(written.decode()) - exact
    assert timedelta(0) <= late < timedelta(seconds=1)


def test_openai_has_requests_and_tokens() -> None:
    head = rate_limit_head("openai", NOW, (60, 59, 60_625), (1000, 0, 20), (9, 9, 0))
    assert head == (
        b"x-ratelimit-limit-requests: 60\r\nx-ratelimit-remaining-requests: 59\r\n"
        b"x-ratelimit-reset-requests: 1m0.625s\r\n"
        b"x-ratelimit-limit-tokens: 1000\r\nx-ratelimit-remaining-tokens: 0\r\n"
        b"x-ratelimit-reset-tokens: 20ms\r\n"
    )
    assert rate_limit_head("openai", NOW, None, None) == b""


def test_anthropic_has_its_own_names_and_four_of_them() -> None:
    lines = rate_limit_head("anthropic", NOW, *((limit, limit, 0) for limit in (1, 2, 3, 4)))
    found = dict(line.split(": ") for line in lines.decode().splitlines())
    assert {name: value for name, value in found.items() if name.endswith("-limit")} == {
        "anthropic-ratelimit-requests-limit": "1",
        "anthropic-ratelimit-tokens-limit": "2",
        "anthropic-ratelimit-input-tokens-limit": "3",
        "anthropic-ratelimit-output-tokens-limit": "4",
    }
    assert found["anthropic-ratelimit-requests-reset"] == "2026-09-21T14:13:21Z"
    assert len(found) == 12
