"""Time stands still here, on the loop that the gateway runs on: a test moves it."""

import asyncio
from collections.abc import Callable

import pytest

from tests.clock import StillUVLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": StillUVLoop}
