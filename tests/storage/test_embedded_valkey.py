"""The embedded Valkey: keeps its data over a restart, comes back when killed, says what it cannot do."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from storage.embedded_valkey import EmbeddedValkey, EmbeddedValkeyError


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kz") as path:  # short, as a socket's path must be
        yield Path(path) / "valkey"


async def test_what_it_knew_survives_a_restart_and_nothing_is_left(directory: Path) -> None:
    for expected in (b"1", b"2"):
        server = EmbeddedValkey(directory)
        client = Redis.from_url(await server.start())
        await client.incr("times")
        assert await client.get("times") == expected
        await client.aclose()
        pid = server.pid
        await server.stop()
        assert pid is not None and not Path(f"/proc/{pid}").exists()
        assert not (directory / "valkey.sock").exists()


async def test_killed_it_is_started_again(directory: Path) -> None:
    server = EmbeddedValkey(directory)
    url = await server.start()
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(20):
        while server.pid in (first, None):
            await asyncio.sleep(0.01)
        client = Redis.from_url(url)
        while True:
            try:
                assert await client.ping()
                break
            except RedisError:
                await asyncio.sleep(0.01)
    await client.aclose()
    await server.stop()


async def test_one_left_behind_is_ended(directory: Path) -> None:
    left = EmbeddedValkey(directory)
    await left.start()
    assert left._keeper is not None
    left._keeper.cancel()  # as if its gateway had been killed
    old = left.pid
    server = EmbeddedValkey(directory)
    await server.start()
    assert server.pid != old
    assert left._process is not None
    assert await left._process.wait() == 0
    await server.stop()


async def test_told_to_end_it_does_though_it_cannot_keep_what_it_knows(directory: Path) -> None:
    """Else one whose disk is full, or gone, would outlive a gateway that was killed."""
    server = EmbeddedValkey(directory)
    client = Redis.from_url(await server.start())
    await client.incr("times")
    await client.aclose()
    assert server._keeper is not None and server._process is not None
    server._keeper.cancel()
    shutil.rmtree(directory)
    server.end()
    async with asyncio.timeout(3):
        await server._process.wait()


async def test_a_directory_too_deep_for_a_socket_is_refused(directory: Path) -> None:
    with pytest.raises(EmbeddedValkeyError, match="too long"):
        await EmbeddedValkey(directory / ("x" * 100)).start()
