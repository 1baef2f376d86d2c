"""Slow callers are let go: a late head, a late body, an idle connection, one that does not read."""

import asyncio
import json

import pytest

from gateway.settings.snapshot import Bounds
from tests.clock import LIMIT_S, passes, until
from tests.framing.caller import Caller, get, only_answer, post
from tests.framing.served import Served


async def quiet_until(caller: Caller, seconds: float) -> None:
    """For `seconds` there is no answer, and then the time for one has come."""
    hearing = asyncio.create_task(caller.reader.readexactly(1))
    await passes(seconds - 1)
    assert not hearing.done()
    await passes(2)
    assert await hearing == b"H"


async def rest(caller: Caller) -> bytes:
    """The answer whose first byte `quiet_until` took."""
    return b"H" + await caller.to_the_end()


async def test_a_head_that_does_not_end_is_timed_out() -> None:
    async with Served(Bounds(header_read_s=LIMIT_S)) as served, await served.call() as caller:
        caller.send(b"GET /echo HTTP/1.1\r\nHost: a\r\n")
        await served.in_a_head()
        await quiet_until(caller, LIMIT_S)
        answer = only_answer(await rest(caller))
        assert answer.status == 408
        assert answer.closes
        assert json.loads(answer.body)["error"]["code"] == "request_timeout"
        assert served.live.refused["request_timeout"] == 1


async def test_a_head_of_a_byte_now_and_then_is_timed_out_all_the_same() -> None:
    async with Served(Bounds(header_read_s=LIMIT_S)) as served, await served.call() as caller:
        caller.send(b"GET /echo HTTP/1.1\r\nX-A: ")
        await served.in_a_head()
        for _ in range(9):
            await passes(LIMIT_S / 10)
            caller.send(b"b")
        await quiet_until(caller, LIMIT_S / 10)
        assert only_answer(await rest(caller)).status == 408


async def test_a_second_head_is_timed_out_from_its_own_first_byte() -> None:
    bounds = Bounds(header_read_s=LIMIT_S)
    async with Served(bounds, keep_alive_s=3 * LIMIT_S) as served, await served.call() as caller:
        caller.send(get("/echo"))
        assert (await caller.answer()).status == 200
        await passes(2 * LIMIT_S)
        caller.send(b"GET /echo HTTP/1.1\r\n")
        await served.in_a_head()
        await quiet_until(caller, LIMIT_S)
        assert only_answer(await rest(caller)).status == 408


async def test_who_says_nothing_is_closed_without_a_word() -> None:
    async with Served(Bounds(header_read_s=LIMIT_S)) as served, await served.call() as caller:
        await until(served.lines)
        await passes(LIMIT_S - 1)
        assert served.live.open_connections == 1
        await passes(2)
        assert await caller.to_the_end() == b""


async def test_an_idle_connection_is_closed_after_the_keep_alive_time_only() -> None:
    bounds = Bounds(header_read_s=LIMIT_S)
    async with Served(bounds, keep_alive_s=3 * LIMIT_S) as served, await served.call() as caller:
        caller.send(get("/echo"))
        assert (await caller.answer()).status == 200
        await passes(3 * LIMIT_S - 1)
        assert served.live.open_connections == 1
        await passes(2)
        assert await caller.to_the_end() == b""


@pytest.mark.parametrize("head_only", [True, False])
async def test_a_body_that_does_not_come_is_the_applications_to_refuse(head_only: bool) -> None:
    request = post("/echo", b"x" * 100)
    async with Served(Bounds(body_gap_s=LIMIT_S)) as served, await served.call() as caller:
        caller.send(request[:-100] if head_only else request[:-1])
        await served.waiting_for_body()
        await quiet_until(caller, LIMIT_S)
        answer = only_answer(await rest(caller))
        assert (answer.status, answer.body) == (408, b"too slow")
        assert answer.closes
        assert served.outcomes == {"timed out": 1}
        assert served.gone_calls == 0


async def test_a_body_has_a_limit_in_all_however_steadily_it_drips() -> None:
    bounds = Bounds(body_gap_s=LIMIT_S, body_read_s=3 * LIMIT_S)
    async with Served(bounds) as served, await served.call() as caller:
        caller.send(post("/echo", b"x" * 100_000)[:-100_000])
        waiting = await served.waiting_for_body()
        for _ in range(5):
            await passes(LIMIT_S / 2)
            caller.send(b"x")
            waiting = await served.waiting_for_body(waiting)
        await quiet_until(caller, LIMIT_S / 2)
        assert only_answer(await rest(caller)).status == 408


async def test_a_body_is_not_timed_while_the_application_is_busy() -> None:
    bounds = Bounds(header_read_s=LIMIT_S, body_gap_s=LIMIT_S, body_read_s=LIMIT_S)
    async with Served(bounds) as served, await served.call() as caller:
        caller.send(post("/slow", b"x"))
        await served.begun.wait()
        async with await served.call() as neighbour:  # is timed out, which shows that a sweep has passed
            neighbour.send(b"GET /")
            await served.in_a_head()
            await passes(1.1 * LIMIT_S)
            assert only_answer(await neighbour.to_the_end()).status == 408
        served.release.set()
        assert (await caller.answer()).body == b"/slow"


async def test_a_caller_who_does_not_read_is_cut_off_and_the_exchange_told() -> None:
    bounds = Bounds(client_stall_s=LIMIT_S)
    async with Served(bounds) as served, await served.call() as caller:
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.send(get("/pour"))
        await served.begun.wait()
        await passes(0.9 * LIMIT_S)
        assert not served.gone.is_set()
        while not served.gone.is_set():  # the kernels' buffers may take some more
            await passes(LIMIT_S)
        await served.ended.wait()
        assert served.gone_calls == 1
        assert served.live.stalled_connections == 1
        assert served.most_buffered <= bounds.stream_buffer_bytes


async def test_a_caller_who_reads_slowly_is_kept() -> None:
    bounds = Bounds(client_stall_s=LIMIT_S, stream_buffer_bytes=64 * 1024)
    async with Served(bounds) as served, await served.call() as caller:
        caller.send(get("/pour"))
        await served.begun.wait()
        for _ in range(5):
            await passes(0.9 * LIMIT_S)
            before = served.poured
            while served.poured == before:
                assert await caller.reader.read(16384)
        assert served.gone_calls == 0


async def test_the_sweep_stops_with_the_last_connection(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/echo", "Connection: close"))
        await caller.to_the_end()
        await until(lambda: not served.live.open_connections)
    assert served.live._timer is None
