"""Every test here runs on asyncio's own loop and on uvloop: transports differ in what they report and when."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.upstream.wire import Provider


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as running:
        yield running
