"""The one timer of an exchange: what it allows, what extends it, and that nothing outlives it."""

import asyncio

import pytest

from gateway.settings.snapshot import Bounds
from gateway.upstream.failures import UpstreamFailure
from tests.upstream.wire import GET, HELLO, LIMIT, OK, SOON, Provider, answered, kept, sending

CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


async def drip(wire, piece: bytes) -> None:
    """A piece every tenth of the limit until the client leaves."""
    while True:
        try:
            await asyncio.wait_for(wire.receive(), SOON / 10)
            return
        except TimeoutError:
            await wire.try_say(piece)


@pytest.mark.parametrize("reused", [False, True])
async def test_silence(provider: Provider, reused: bool) -> None:
    pool = provider.pool()
    old = await kept(provider, pool) if reused else None
    task = sending(pool, first_byte_s=SOON)
    wire = old or await provider.accept()
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "timeout"
    assert failed.value.sent
    await wire.gone()


async def test_a_dripped_head_is_no_progress(provider: Provider) -> None:
    task = sending(provider.pool(), first_byte_s=SOON)
    wire = await provider.accept()
    await wire.request()
    await wire.say(OK)
    await drip(wire, b"x: y\r\n")
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "timeout"


async def test_body_bytes_extend_only_when_asked_and_the_exchange_ends_all(provider: Provider) -> None:
    task = sending(provider.pool(), first_byte_s=SOON, exchange_s=SOON * 3)
    wire = await provider.accept()
    await wire.request()
    await wire.say(CHUNKED)
    response = await task
    response.auto_extend = SOON
    reading = asyncio.create_task(response.read(LIMIT))
    began = asyncio.get_running_loop().time()
    await drip(wire, b"1\r\nx\r\n")
    with pytest.raises(UpstreamFailure) as failed:
        await reading
    assert failed.value.kind == "exchange_timeout"
    assert asyncio.get_running_loop().time() - began > SOON * 2


async def test_without_auto_extend_a_drip_times_out(provider: Provider) -> None:
    task = sending(provider.pool(), first_byte_s=SOON)
    wire = await provider.accept()
    await wire.request()
    await wire.say(CHUNKED)
    response = await task
    reading = asyncio.create_task(response.read(LIMIT))
    await drip(wire, b"1\r\nx\r\n")
    with pytest.raises(UpstreamFailure) as failed:
        await reading
    assert failed.value.kind == "timeout"


async def test_framing_bytes_are_no_progress(provider: Provider) -> None:
    wire, response = await answered(provider, provider.pool(), CHUNKED + b"5;")
    response.auto_extend = SOON
    response.extend(SOON)
    reading = asyncio.create_task(response.chunk())
    await drip(wire, b"z")
    with pytest.raises(UpstreamFailure) as failed:
        await reading
    assert failed.value.kind == "timeout"


async def test_an_earlier_limit_takes_effect_on_an_armed_timer(provider: Provider) -> None:
    wire, response = await answered(provider, provider.pool(), CHUNKED)  # armed ten seconds ahead
    response.extend(SOON)
    with pytest.raises(UpstreamFailure) as failed:
        await response.chunk()
    assert failed.value.kind == "timeout"
    await wire.gone()


async def test_a_pause_of_the_reader_is_not_held_against_the_provider(provider: Provider) -> None:
    pool = provider.pool(Bounds(stream_buffer_bytes=1000))
    task = sending(pool, first_byte_s=SOON)
    wire = await provider.accept()
    await wire.request()
    await wire.say(OK + b"content-length: 2000\r\n\r\n" + b"x" * 1500)
    response = await task
    response.auto_extend = SOON
    late = asyncio.Event()
    asyncio.get_running_loop().call_later(SOON * 2, late.set)
    await late.wait()
    assert len(await response.chunk()) == 1500
    await wire.say(b"y" * 500)
    assert await response.chunk() == b"y" * 500
    assert response.complete
    response.release()


async def test_large_reads_that_nobody_called_progress_extend_nothing(provider: Provider) -> None:
    task = sending(provider.pool(Bounds(stream_buffer_bytes=1024)), first_byte_s=SOON)
    wire = await provider.accept()
    await wire.request()
    await wire.say(CHUNKED)
    response = await task
    reading = asyncio.create_task(response.read(LIMIT))
    await drip(wire, b"1000\r\n" + b": ping \r\n".ljust(4096) + b"\r\n")  # each one pauses, and is taken
    with pytest.raises(UpstreamFailure) as failed:
        await reading
    assert failed.value.kind == "timeout"


async def test_a_timer_armed_for_one_exchange_does_not_end_the_next(provider: Provider) -> None:
    pool = provider.pool()
    wire, response = await answered(provider, pool)
    response.release()
    task = sending(pool, first_byte_s=SOON)
    await wire.request()
    await wire.say(HELLO)
    (await task).release()
    task = sending(pool, first_byte_s=10)
    await wire.request()
    fired = asyncio.Event()
    asyncio.get_running_loop().call_later(SOON * 2, fired.set)
    await fired.wait()
    await wire.say(HELLO)
    response = await task
    assert response.reused
    response.release()


async def test_a_provider_that_does_not_accept(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_connections=1, connect_s=SOON))
    first = sending(pool, GET)
    wire = await provider.accept()
    await wire.request()
    with pytest.raises(UpstreamFailure) as failed:
        await sending(pool, GET)
    assert failed.value.kind == "connect_timeout"
    assert not failed.value.sent
    await wire.say(HELLO)
    (await first).release()
