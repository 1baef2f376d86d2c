"""Slow callers are let go: a late head, a late body, an idle connection, one that does not read."""

import asyncio
import json

import pytest

from gateway.settings.snapshot import Bounds
from tests.framing.caller import get, only_answer, post
from tests.framing.served import Served


async def test_a_head_that_does_not_end_is_timed_out() -> None:
    async with Served(Bounds(header_read_s=0.1)) as served:
        answer = only_answer(await served.talk(b"GET /echo HTTP/1.1\r\nHost: a\r\n"))
        assert answer.status == 408
        assert answer.closes
        assert json.loads(answer.body)["error"]["code"] == "request_timeout"
        assert served.live.refused["request_timeout"] == 1


async def test_a_head_of_a_byte_now_and_then_is_timed_out_all_the_same() -> None:
    async with Served(Bounds(header_read_s=0.1)) as served, await served.call() as caller:
        caller.send(b"GET /echo HTTP/1.1\r\nX-A: ")

        async def drip() -> None:
            while True:
                caller.send(b"b")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert (await caller.answer()).status == 408
        dripping.cancel()


async def test_a_second_head_is_timed_out_from_its_own_first_byte() -> None:
    async with Served(Bounds(header_read_s=0.1)) as served, await served.call() as caller:
        caller.send(get("/echo"))
        assert (await caller.answer()).status == 200
        caller.send(b"GET /echo HTTP/1.1\r\n")
        assert (await caller.answer()).status == 408
        assert await caller.to_the_end() == b""


async def test_who_says_nothing_is_closed_without_a_word() -> None:
    async with Served(Bounds(header_read_s=0.1)) as served:
        assert await served.talk(b"") == b""


async def test_an_idle_connection_is_closed_after_the_keep_alive_time_only() -> None:
    async with Served(Bounds(header_read_s=0.05), keep_alive_s=0.3) as served, await served.call() as caller:
        loop = asyncio.get_running_loop()
        caller.send(get("/echo"))
        assert (await caller.answer()).status == 200
        began = loop.time()
        assert await caller.to_the_end() == b""
        assert loop.time() - began > 0.28


@pytest.mark.parametrize("head_only", [True, False])
async def test_a_body_that_does_not_come_is_the_applications_to_refuse(head_only: bool) -> None:
    request = post("/echo", b"x" * 100)
    async with Served(Bounds(body_gap_s=0.1)) as served:
        answer = only_answer(await served.talk(request[:-100] if head_only else request[:-1]))
        assert (answer.status, answer.body) == (408, b"too slow")
        assert answer.closes
        assert served.outcomes == {"timed out": 1}
        assert served.gone_calls == 0


async def test_a_body_has_a_limit_in_all_however_steadily_it_drips() -> None:
    async with Served(Bounds(body_gap_s=5.0, body_read_s=0.2)) as served, await served.call() as caller:
        caller.send(post("/echo", b"x" * 100_000)[:-100_000])

        async def drip() -> None:
            while True:
                caller.send(b"x")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert (await caller.answer()).status == 408
        dripping.cancel()


async def test_a_body_is_not_timed_while_the_application_is_busy() -> None:
    bounds = Bounds(header_read_s=0.05, body_gap_s=0.05, body_read_s=0.05)
    async with Served(bounds) as served, await served.call() as caller:
        caller.send(post("/slow", b"x"))
        await served.begun.wait()
        # A neighbour that is timed out shows that sweeps have passed.
        assert only_answer(await served.talk(b"GET /")).status == 408
        served.release.set()
        assert (await caller.answer()).body == b"/slow"


async def test_a_caller_who_does_not_read_is_cut_off_and_the_exchange_told() -> None:
    bounds = Bounds(client_stall_s=0.3)
    async with Served(bounds) as served, await served.call() as caller:
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.send(get("/pour"))
        await asyncio.wait_for(served.begun.wait(), 5)
        await asyncio.wait_for(served.gone.wait(), 5)
        await asyncio.wait_for(served.ended.wait(), 1)
        assert served.gone_calls == 1
        assert served.live.stalled_connections == 1
        assert served.most_buffered <= bounds.stream_buffer_bytes


async def test_a_caller_who_reads_slowly_is_kept() -> None:
    bounds = Bounds(client_stall_s=0.4, stream_buffer_bytes=64 * 1024)
    async with Served(bounds) as served, await served.call() as caller:
        caller.send(get("/pour"))
        await asyncio.wait_for(served.begun.wait(), 5)
        loop = asyncio.get_running_loop()
        until = loop.time() + 1.2
        while loop.time() < until:
            assert await asyncio.wait_for(caller.reader.read(16384), 2)
            await asyncio.sleep(0.001)
        assert served.gone_calls == 0


async def test_the_sweep_stops_with_the_last_connection(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/echo", "Connection: close"))
        await caller.to_the_end()
        while served.live.open_connections:
            await asyncio.sleep(0)
    assert served.live._timer is None
