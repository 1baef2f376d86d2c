"""Request bodies that come piece by piece: back-pressure, early answers, a caller that breaks off."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.states import SENDING
from tests.clock import LIMIT_S, passes, until
from tests.upstream.wire import HELLO, LIMIT, Provider, sending

HEAD = b"POST /v1/audio HTTP/1.1\r\nhost: p\r\ncontent-length: %d\r\n\r\n"


async def test_pieces_arrive_as_they_are(provider: Provider) -> None:
    pool = provider.pool()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    task = sending(pool, HEAD % 6, pieces())
    wire = await provider.accept()
    assert await wire.request(b"onetwo") == HEAD % 6 + b"onetwo"
    await wire.say(HELLO)
    response = await task
    assert await response.read(LIMIT) == b"hello"
    response.release()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_a_provider_that_does_not_read_holds_the_caller_back(provider: Provider) -> None:
    taken = 0
    piece = b"x" * 65536

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield piece

    task = sending(provider.pool(), HEAD % 10**12, pieces(), first_byte_s=LIMIT_S)
    wire = await provider.accept()
    while not task.done():  # the kernels' buffers may take some more
        await passes(LIMIT_S)
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "timeout"  # not reading is no progress
    assert taken < 1000  # what the kernels' buffers hold, and not for as long as there was time
    await wire.gone()


async def test_an_early_answer_stops_the_pieces(provider: Provider) -> None:
    pool = provider.pool()
    go_on = asyncio.Event()
    taken: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield b"piece"
            await go_on.wait()

    task = sending(pool, HEAD % 500, pieces())
    wire = await provider.accept()
    await wire.request(b"piece")
    await wire.say(HELLO)
    (connection,) = pool._all
    await until(lambda: connection.state is not SENDING)  # it has seen the answer
    go_on.set()
    response = await task
    assert await response.read(LIMIT) == b"hello"
    response.release()
    assert len(taken) <= 2
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_a_body_that_breaks_closes_the_connection(provider: Provider) -> None:
    pool = provider.pool()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        raise RuntimeError("the caller left")

    task = sending(pool, HEAD % 6, pieces())
    wire = await provider.accept()
    with pytest.raises(RuntimeError, match="the caller left"):
        await task
    await wire.gone()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_cancelled_while_it_is_held_back(provider: Provider) -> None:
    pool = provider.pool()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    task = sending(pool, HEAD % 10**12, pieces())
    wire = await provider.accept()
    await until(lambda: any(connection._write_paused for connection in pool._all))
    task.cancel()
    await wire.gone()
    assert task.cancelled()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_the_provider_dies_under_an_upload(provider: Provider) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    task = sending(provider.pool(), HEAD % 10**12, pieces())
    wire = await provider.accept()
    await wire.receive()
    wire.reset()
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "reset"
