"""Every test here runs on asyncio's own loop and on uvloop: transports differ in what they report and when."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.clock import StillLoop, StillUVLoop
from tests.upstream.wire import Provider


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": StillLoop, "uvloop": StillUVLoop}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as running:
        yield running
