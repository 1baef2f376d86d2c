"""A real PostgreSQL, and gateways that share it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway, configuration

_MODEL = "gpt-4o-mini"  # has a price


def priced(sim: ProviderSim, **changes: Any) -> dict[str, Any]:
    """Tenant `a` may spend a dollar a day."""
    made = configuration(sim.openai_url, **changes)
    made["models"] = [{"id": "smart", "targets": [f"sim/{_MODEL}"]}]
    made["tenants"][0]["budgets"] = [{"period": "day", "usd": 1.0}]
    return made


@pytest.fixture
async def one(sim: ProviderSim, stored: Stored) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(priced(sim), database_dsn=stored.application) as running:
        yield running


@pytest.fixture
async def other(sim: ProviderSim, stored: Stored) -> AsyncIterator[RunningGateway]:
    """Another host's."""
    async with RunningGateway(priced(sim), database_dsn=stored.application) as running:
        yield running
