"""When a kept-alive connection may carry another exchange, and the one case that is tried twice."""

import asyncio

import pytest

from gateway.settings.snapshot import Bounds
from gateway.upstream.failures import UpstreamFailure
from tests.clock import LIMIT_S, passes
from tests.upstream.wire import GET, HELLO, LIMIT, OK, Provider, answered, kept, overdue, post, sending


async def test_bytes_while_idle_close_it_at_once(provider: Provider) -> None:
    pool = provider.pool()
    wire = await kept(provider, pool)
    await wire.say(HELLO)
    await wire.gone()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_bytes_that_the_loop_has_not_seen_yet_are_not_taken_for_the_answer(provider: Provider) -> None:
    pool = provider.pool()
    old = await kept(provider, pool)
    old.sock.send(OK + b"content-length: 4\r\n\r\nevil")  # no turn of the loop before the next exchange
    assert pool.idle() is None
    _, response = await answered(provider, pool)
    assert await response.read(LIMIT) == b"hello"
    assert not response.reused
    response.release()


async def test_closed_by_the_provider_while_idle(provider: Provider) -> None:
    pool = provider.pool()
    wire = await kept(provider, pool)
    wire.fin()
    _, response = await answered(provider, pool)
    assert not response.reused
    response.release()


@pytest.mark.parametrize("way", ["fin", "reset"])
async def test_closed_in_the_instant_of_reuse_is_tried_once_more(provider: Provider, way: str) -> None:
    body = b'{"model":"m"}'
    pool = provider.pool()
    stale = await kept(provider, pool)
    task = sending(pool, post(body), body)
    await stale.request(body)
    stale.fin() if way == "fin" else stale.reset()
    fresh = await provider.accept()
    assert await fresh.request(body) == post(body) + body
    await fresh.say(HELLO)
    response = await task
    assert await response.read(LIMIT) == b"hello"
    assert not response.reused
    assert fresh.got == b""  # once, not twice
    assert provider.accepted == 2
    response.release()


async def test_the_second_try_is_the_last(provider: Provider) -> None:
    pool = provider.pool()
    stale = await kept(provider, pool)
    task = sending(pool)
    await stale.request()
    stale.fin()
    fresh = await provider.accept()
    await fresh.request()
    fresh.fin()
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "reset"
    assert failed.value.sent
    assert provider.accepted == 2


@pytest.mark.parametrize("said", [b"H", b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_dying_after_any_byte_is_final(provider: Provider, said: bytes) -> None:
    pool = provider.pool()
    stale = await kept(provider, pool)
    task = sending(pool)
    await stale.request()
    await stale.say(said)
    stale.fin()
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "incomplete"
    assert provider.accepted == 1


async def test_silence_on_a_reused_connection_is_not_tried_again(provider: Provider) -> None:
    pool = provider.pool()
    stale = await kept(provider, pool)
    task = sending(pool, first_byte_s=LIMIT_S)
    await stale.request()
    await overdue(task, "timeout")
    await stale.gone()
    assert provider.accepted == 1


async def test_no_second_try_for_a_body_that_cannot_be_sent_again(provider: Provider) -> None:
    pool = provider.pool()
    stale = await kept(provider, pool)

    async def pieces():
        yield b"once"

    task = sending(pool, post(b"once"), pieces())
    await stale.request(b"once")
    stale.fin()
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.unanswered
    assert provider.accepted == 1


async def test_idle_ones_are_swept_after_their_time(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_idle_s=LIMIT_S))
    wire = await kept(provider, pool)
    await passes(0.9 * LIMIT_S)
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")
    await passes(0.2 * LIMIT_S)
    await wire.gone()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


async def test_no_more_idle_ones_than_allowed_and_the_newest_first(provider: Provider) -> None:
    pool = provider.pool(Bounds(upstream_idle=2))
    pairs = [await answered(provider, pool) for _ in range(3)]
    for _, response in pairs:
        response.release()
    assert repr(pool).endswith("0 active, 2 idle, 0 waiting>")
    await pairs[2][0].gone()
    task = sending(pool, GET)
    await pairs[1][0].request()
    await pairs[1][0].say(HELLO)
    (await task).release()


async def test_an_unfinished_answer_is_not_reused(provider: Provider) -> None:
    pool = provider.pool()
    wire, response = await answered(provider, pool, OK + b"content-length: 9\r\n\r\nhello")
    pending = asyncio.create_task(response.chunk())
    assert await pending == b"hello"
    response.release()
    await wire.gone()
    with pytest.raises(UpstreamFailure) as failed:
        await response.chunk()
    assert failed.value.kind == "closed"
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")
