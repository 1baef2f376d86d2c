"""The ledgers under test, each with a clock that the test moves."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.admission.ledgers import LedgerUnderTest, MemoryUnderTest, RedisUnderTest
from tests.admission.servers import Server, binaries

KINDS = ("memory", *binaries())


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    with tempfile.TemporaryDirectory(prefix="kz") as directory:
        running = {}
        for name, binary in binaries().items():
            (Path(directory) / name).mkdir()
            running[name] = Server(binary, Path(directory) / name)
            running[name].start()
        yield running
        for server in running.values():
            server.stop()


@pytest.fixture(params=KINDS)
async def ledger(
    request: pytest.FixtureRequest, servers: dict[str, Server]
) -> AsyncIterator[LedgerUnderTest]:
    made: LedgerUnderTest
    made = MemoryUnderTest() if request.param == "memory" else RedisUnderTest(servers[request.param].url)
    await made.forget()
    yield made
    await made.aclose()
