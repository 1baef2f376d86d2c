"""Fixtures every part of the suite may use."""

import asyncio
import gc
import os
import platform
from collections.abc import AsyncIterator, Callable, Iterator

import hypothesis
import pytest

from tests.audit import ROOT, Audit
from tests.clock import FlowingLoop
from tests.running import ProviderSim, RunningGateway, configuration

pytest_plugins = ["tests.sharing", "tests.postgres"]
platform.processor()  # SDKs ask for it, Python runs `uname` the first time: not to be taken for the gateway's doing
AUDIT = Audit()  # for the whole run: a hook cannot be taken out
AUDIT.install()
# How long an example takes is the machine's affair, which may stand still in the middle of one. Half of the usual
# number, where a test does not say how many: there are so many of them, and they run at every change.
hypothesis.settings.register_profile(
    "patient", deadline=None, max_examples=50, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """What was imported stays: no collection looks through it again, of which tests ask for hundreds."""
    gc.collect()
    gc.freeze()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Time passes by itself and may be moved; some folders have it stand still instead."""
    return {"asyncio": FlowingLoop}


@pytest.fixture(autouse=True)
def audited(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test during which something was done that `tests/audit.py` watches for."""
    yield
    path = os.path.relpath(request.path, ROOT)
    done = [deed for deed in AUDIT.take() if not deed.allowed(path)]
    assert not done, done


@pytest.fixture
async def sim() -> AsyncIterator[ProviderSim]:
    async with ProviderSim() as running:
        yield running


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(configuration(sim.openai_url)) as running:
        yield running
