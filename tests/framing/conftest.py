"""Every test here runs on asyncio's own loop and on uvloop: transports differ in what they report and when."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tests.clock import StillLoop, StillUVLoop
from tests.framing.served import Served


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": StillLoop, "uvloop": StillUVLoop}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with Served() as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever callers send, nothing is logged; only the tests marked so make the application fail."""
    yield
    if request.node.get_closest_marker("may_log") is None:
        assert [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.WARNING] == []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "may_log: the application fails on purpose")
