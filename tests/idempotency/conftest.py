"""A real PostgreSQL, and gateways that share it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway, configuration

_MODEL = "gpt-4o-mini"  # has a price


def priced(sim: ProviderSim, enforce: str = "hard", **changes: Any) -> dict[str, Any]:
    """Tenant `a` may spend a dollar a day."""
    made = configuration(sim.openai_url, **changes)
    made["models"] = [{"id": "smart", "targets": [f"sim/{_MODEL}"]}]
    made["tenants"][0]["budgets"] = [{"period": "day", "usd": 1.0, "enforce": enforce}]
    return made


@pytest.fixture
def enforce() -> str:
    """`soft` where time stands still: for a hard budget a request may have to wait."""
    return "hard"


@pytest.fixture
async def one(sim: ProviderSim, stored: Stored, enforce: str) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(priced(sim, enforce), database_dsn=stored.application) as running:
        yield running


@pytest.fixture
async def other(sim: ProviderSim, stored: Stored, enforce: str) -> AsyncIterator[RunningGateway]:
    """Another host's."""
    async with RunningGateway(priced(sim, enforce), database_dsn=stored.application) as running:
        yield running
