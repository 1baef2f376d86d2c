"""The ledgers under test, each with a clock that the test moves."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.admission.ledgers import LedgerUnderTest, MemoryUnderTest, RedisUnderTest
from tests.admission.servers import Server, binaries
from tests.admission.topologies import Cluster, WatchedPair

KINDS = ("memory", *binaries(), "sentinel", "cluster")


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


@pytest.fixture(scope="session")
def watched_pair() -> Iterator[WatchedPair]:
    with tempfile.TemporaryDirectory(prefix="kz") as directory:
        pair = WatchedPair(Path(directory))
        try:
            pair.start()
            yield pair
        finally:
            pair.stop()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="kz") as directory:
        made = Cluster(Path(directory))
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture(params=KINDS)
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[LedgerUnderTest]:
    made = _under_test(request.param, request.getfixturevalue)
    await made.forget()
    yield made
    await made.aclose()


def _under_test(kind: str, started: Callable[[str], Any]) -> LedgerUnderTest:
    if kind == "memory":
        return MemoryUnderTest()
    if kind == "sentinel":
        pair: WatchedPair = started("watched_pair")
        return RedisUnderTest(pair.url, [pair.master.url])
    if kind == "cluster":
        cluster: Cluster = started("cluster")
        return RedisUnderTest(cluster.url, [node.url for node in cluster.nodes])
    return RedisUnderTest(started("servers")[kind].url)
