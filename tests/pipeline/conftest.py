"""Time stands still here, on asyncio's own loop and on uvloop: a test moves it."""

import asyncio
from collections.abc import Callable

import pytest

from tests.clock import StillLoop, StillUVLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": StillLoop, "uvloop": StillUVLoop}
