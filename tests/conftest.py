"""Fixtures every part of the suite may use."""

from collections.abc import AsyncIterator

import pytest

from tests.running import ProviderSim, RunningGateway, configuration


@pytest.fixture
async def sim() -> AsyncIterator[ProviderSim]:
    async with ProviderSim() as running:
        yield running


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(configuration(sim.openai_url)) as running:
        yield running
