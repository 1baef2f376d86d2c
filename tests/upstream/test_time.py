"""The one timer of an exchange: what it allows, what extends it, and that nothing outlives it."""

import asyncio
from typing import Any

import pytest

from gateway.settings.snapshot import Bounds
from gateway.upstream.failures import UpstreamFailure
from tests.clock import LIMIT_S, passes, until
from tests.upstream.wire import GET, HELLO, LIMIT, OK, Provider, Wire, answered, kept, overdue, sending

CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


async def in_spite_of(wire: Wire, piece: bytes, task: asyncio.Task[Any]) -> None:
    """The limit ends `task` though a piece comes every tenth of it."""
    for _ in range(9):
        await passes(LIMIT_S / 10)
        await wire.say(piece)
    assert not task.done()
    await passes(LIMIT_S / 5)
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "timeout"


@pytest.mark.parametrize("reused", [False, True])
async def test_silence(provider: Provider, reused: bool) -> None:
    pool = provider.pool()
    old = await kept(provider, pool) if reused else None
    task = sending(pool, first_byte_s=LIMIT_S)
    wire = old or await provider.accept()
    await wire.request()
    assert (await overdue(task, "timeout")).sent
    await wire.gone()


async def test_a_dripped_head_is_no_progress(provider: Provider) -> None:
    task = sending(provider.pool(), first_byte_s=LIMIT_S)
    wire = await provider.accept()
    await wire.request()
    await wire.say(OK)
    await in_spite_of(wire, b"x: y\r\n", task)


async def test_body_bytes_extend_only_when_asked_and_the_exchange_ends_all(provider: Provider) -> None:
    task = sending(provider.pool(), first_byte_s=LIMIT_S, exchange_s=LIMIT_S * 3)
    wire = await provider.accept()
    await wire.request()
    await wire.say(CHUNKED)
    response = await task
    response.auto_extend = LIMIT_S
    for _ in range(4):
        await passes(LIMIT_S / 2)
        await wire.say(b"1\r\nx\r\n")
        assert await response.chunk() == b"x"
    reading = asyncio.create_task(response.chunk())
    await passes(LIMIT_S / 2)
    await wire.say(b"1\r\nx\r\n")
    assert await reading == b"x"
    reading = asyncio.create_task(response.chunk())
    await passes(LIMIT_S * 0.4)
    assert not reading.done()
    await passes(LIMIT_S * 0.2)
    with pytest.raises(UpstreamFailure) as failed:
        await reading
    assert failed.value.kind == "exchange_timeout"


async def test_without_auto_extend_a_drip_times_out(provider: Provider) -> None:
    task = sending(provider.pool(), first_byte_s=LIMIT_S)
    wire = await provider.accept()
    await wire.request()
    await wire.say(CHUNKED)
    response = await task
    await in_spite_of(wire, b"1\r\nx\r\n", asyncio.create_task(response.read(LIMIT)))


async def test_framing_bytes_are_no_progress(provider: Provider) -> None:
    wire, response = await answered(provider, provider.pool(), CHUNKED + b"5;")
    response.auto_extend = LIMIT_S
    response.extend(LIMIT_S)
    await in_spite_of(wire, b"z", asyncio.create_task(response.chunk()))


async def test_an_earlier_limit_takes_effect_on_an_armed_timer(provider: Provider) -> None:
    wire, response = await answered(provider, provider.pool(), CHUNKED)  # armed far ahead
    response.extend(LIMIT_S)
    await overdue(asyncio.create_task(response.chunk()), "timeout")
    await wire.gone()


async def test_a_pause_of_the_reader_is_not_held_against_the_provider(provider: Provider) -> None:
    pool = provider.pool(Bounds(stream_buffer_bytes=1000))
    task = sending(pool, first_byte_s=LIMIT_S)
    wire = await provider.accept()
    await wire.request()
    await wire.say(OK + b"content-length: 2000\r\n\r\n" + b"x" * 1500)
    response = await task
    response.auto_extend = LIMIT_S
    (connection,) = pool._all
    await until(lambda: connection._paused)
    await passes(LIMIT_S * 2)
    assert len(await response.chunk()) == 1500
    await wire.say(b"y" * 500)
    assert await response.chunk() == b"y" * 500
    assert response.complete
    response.release()


async def test_large_reads_that_nobody_called_progress_extend_nothing(provider: Provider) -> None:
    task = sending(provider.pool(Bounds(stream_buffer_bytes=1024)), first_byte_s=LIMIT_S)
    wire = await provider.accept()
    await wire.request()
    await wire.say(CHUNKED)
    response = await task
    for _ in range(9):  # each one pauses, and is taken before time passes: a pause is not the provider's
        await wire.say(b"1000\r\n" + b": ping \r\n".ljust(4096) + b"\r\n")
        taken = 0
        while taken < 4096:
            taken += len(await response.chunk())
        await passes(LIMIT_S / 10)
    reading = asyncio.create_task(response.chunk())
    await passes(0)
    assert not reading.done()
    await passes(LIMIT_S / 5)
    with pytest.raises(UpstreamFailure) as failed:
        await reading
    assert failed.value.kind == "timeout"


async def test_a_timer_armed_for_one_exchange_does_not_end_the_next(provider: Provider) -> None:
    pool = provider.pool()
    wire, response = await answered(provider, pool)
    response.release()
    task = sending(pool, first_byte_s=LIMIT_S)
    await wire.request()
    await wire.say(HELLO)
    (await task).release()
    task = sending(pool)
    await wire.request()
    await passes(LIMIT_S * 2)
    await wire.say(HELLO)
    response = await task
    assert response.reused
    response.release()


async def test_a_provider_that_does_not_accept(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_connections=1, connect_s=LIMIT_S))
    first = sending(pool, GET)
    wire = await provider.accept()
    await wire.request()
    second = sending(pool, GET)
    await until(lambda: repr(pool).endswith("1 waiting>"))
    assert not (await overdue(second, "connect_timeout")).sent
    await wire.say(HELLO)
    (await first).release()
