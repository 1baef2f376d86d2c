"""Gateways that share a PostgreSQL; tenant `a` may spend a dollar a day."""

from collections.abc import AsyncIterator

import pytest

from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway
from tests.spending.test_spending import budgeted


@pytest.fixture
def enforce() -> str:
    """`soft` where time stands still: for a hard budget a request may have to wait."""
    return "hard"


@pytest.fixture
async def one(sim: ProviderSim, stored: Stored, enforce: str) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(budgeted(sim, 1.0, enforce), database_dsn=stored.application) as running:
        yield running


@pytest.fixture
async def other(sim: ProviderSim, stored: Stored, enforce: str) -> AsyncIterator[RunningGateway]:
    """Another host's."""
    async with RunningGateway(budgeted(sim, 1.0, enforce), database_dsn=stored.application) as running:
        yield running
