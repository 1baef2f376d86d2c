"""The pool's bounds, its line, and that no way of leaving loses a slot."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from gateway.settings.snapshot import Bounds, Origin
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.send import send
from tests.clock import LIMIT_S, turns
from tests.upstream.wire import GET, HELLO, LIMIT, OK, Provider, answered, kept, sending


async def test_waiters_are_served_first_come_first_served(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_connections=1))
    wire, response = await answered(provider, pool)
    order: list[int] = []

    async def one(number: int) -> None:
        mine = await send(pool, GET, None, first_byte_s=LIMIT_S, exchange_s=LIMIT_S)
        order.append(number)
        mine.release()

    tasks = []
    for number in range(5):
        tasks.append(asyncio.create_task(one(number)))
        await turns()
    assert repr(pool).endswith("1 active, 0 idle, 5 waiting>")
    response.release()
    for _ in range(5):
        await wire.request()
        await wire.say(HELLO)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert provider.accepted == 1
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_a_cancelled_waiter_passes_on_what_it_was_handed(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_connections=1))
    wire, response = await answered(provider, pool)
    first, second, third = (sending(pool) for _ in range(3))
    await turns()
    second.cancel()
    await turns()
    assert repr(pool).endswith("1 active, 0 idle, 2 waiting>")
    response.release()  # handed to the first, which is cancelled before it runs
    first.cancel()
    await wire.request()
    await wire.say(HELLO)
    (await third).release()
    assert first.cancelled()
    assert second.cancelled()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_a_waiter_cancelled_in_the_instant_of_its_turn_is_just_cancelled(provider: Provider) -> None:
    """The pool finds it cancelled and passes over it before its own task knows."""
    pool = provider.pool(Bounds(upstream_connections=1))
    _, response = await answered(provider, pool)
    first = sending(pool)
    await turns()
    first.cancel()
    response.release()
    await turns()
    assert first.cancelled()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_the_slot_of_a_closed_connection_goes_to_the_line(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_connections=1))
    _, response = await answered(provider, pool, OK + b"\r\n")
    first, second = sending(pool), sending(pool)
    await turns()
    response.abort()
    first.cancel()  # it was handed the slot in this instant
    wire = await provider.accept()
    await wire.request()
    await wire.say(HELLO)
    (await second).release()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_a_connection_that_dies_on_its_way_to_a_waiter(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_connections=1))
    wire, response = await answered(provider, pool)
    first, second = sending(pool), sending(pool)
    await turns()
    wire.sock.send(b"unasked")
    response.release()
    fresh = await provider.accept()
    for task in (first, second):
        await fresh.request()
        await fresh.say(HELLO)
        (await task).release()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


@pytest.mark.parametrize("when", ["head", "body"])
async def test_a_cancelled_exchange_closes_its_connection(provider: Provider, when: str) -> None:
    pool = provider.pool()
    task = sending(pool)
    wire = await provider.accept()
    await wire.request()
    if when == "body":
        await wire.say(OK + b"content-length: 5\r\n\r\nhel")
        response = await task
        task = asyncio.create_task(response.read(LIMIT))  # type: ignore[assignment]
        await turns()
    task.cancel()
    await wire.gone()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_abort_wakes_a_pending_read(provider: Provider) -> None:
    wire, response = await answered(provider, provider.pool(), OK + b"content-length: 5\r\n\r\nhel")
    reading = asyncio.create_task(response.read(LIMIT))
    await turns()
    response.abort()
    with pytest.raises(UpstreamFailure) as failed:
        await reading
    assert failed.value.kind == "closed"
    response.release()
    await wire.gone()


async def test_close_lets_the_busy_go_on_and_refuses_the_new(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_connections=2))
    idle = await kept(provider, pool)
    pairs = []
    for _ in range(2):
        task = sending(pool)
        wire = idle if not pairs else await provider.accept()
        await wire.request()
        await wire.say(OK + b"content-length: 5\r\n\r\n")
        pairs.append((wire, await task))
    waiting = sending(pool)
    await turns()
    pool.close()
    with pytest.raises(UpstreamFailure) as failed:
        await waiting
    assert (failed.value.kind, failed.value.sent) == ("closed", False)
    with pytest.raises(UpstreamFailure, match="closed"):
        await sending(pool)
    for wire, response in pairs:
        await wire.say(b"hello")
        assert await response.read(LIMIT) == b"hello"
        response.release()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_aclose_ends_what_is_under_way(provider: Provider) -> None:
    pool = provider.pool()
    await kept(provider, pool)
    task = sending(pool)
    await turns()
    await pool.aclose()
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "closed"
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_refused_and_unknown() -> None:
    free = Provider()
    async with free:
        origin = free.origin
    for bad in (origin, Origin("http", "no-such-host.invalid", 80)):
        pool = Pool(bad, Bounds(upstream_connections=1))
        for _ in range(3):  # the slot comes back each time
            with pytest.raises(UpstreamFailure) as failed:
                await sending(pool)
            assert (failed.value.kind, failed.value.sent) == ("connect", False)


@pytest.fixture
async def helpful() -> AsyncIterator[Origin]:
    """A server that answers, in two parts, with as many turns of the loop between as the test has dice for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(HELLO[:50])
                await turns(random.randrange(3))
                writer.write(HELLO[50:])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield Origin("http", "127.0.0.1", server.sockets[0].getsockname()[1])


async def test_5000_cancels_leave_the_pool_at_baseline(helpful: Origin) -> None:
    pool = Pool(helpful, Bounds(upstream_connections=10))

    async def one() -> bytes:
        response = await send(pool, GET, None, first_byte_s=LIMIT_S, exchange_s=LIMIT_S)
        try:
            return await response.read(LIMIT)
        finally:
            response.release()

    for _ in range(100):
        tasks = [asyncio.create_task(one()) for _ in range(50)]
        for task in tasks:
            await turns(random.randrange(4))
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert "0 active" in repr(pool)
    assert repr(pool).endswith("0 waiting>")
    for _ in range(10):
        assert await asyncio.gather(*(one() for _ in range(10))) == [b"hello"] * 10
    assert pool._slots == 10 - len(pool._idle)
    await pool.aclose()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")
    assert pool._slots == 10
