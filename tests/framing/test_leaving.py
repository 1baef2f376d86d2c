"""A caller who leaves is noticed at once, once, and only when there was something left to tell them.

At once is without a sweep: no time passes in these tests.
"""

import asyncio

import pytest

from tests.framing.caller import get, post
from tests.framing.served import Served


@pytest.mark.parametrize("path", ["/slow", "/stream"])
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_the_exchange_is_told_at_once(served: Served, path: str, how: str) -> None:
    async with await served.call() as caller:
        caller.send(get(path))
        await served.begun.wait()
        if how == "rst":
            caller.reset()
        else:
            caller.writer.close()
        await served.gone.wait()
        served.release.set()
        await served.ended.wait()
    assert served.gone_calls == 1


async def test_leaving_is_noticed_though_the_body_had_stopped_reading(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(post("/slow", b"x" * 1_000_000))
        await served.begun.wait()
        caller.reset()
        await served.gone.wait()
    assert served.gone_calls == 1


async def test_leaving_in_the_middle_of_a_body_ends_the_read(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(post("/echo", b"x" * 1000)[:-1])
        while not served.paths:
            await asyncio.sleep(0)
        caller.reset()
        await served.ended.wait()
    assert served.outcomes == {"left": 1}
    assert served.gone_calls == 1


async def test_leaving_is_noticed_with_requests_in_line_which_are_never_begun(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/slow") + get("/two") + get("/three"))
        await served.begun.wait()
        caller.reset()
        await served.gone.wait()
        served.release.set()
        await served.ended.wait()
    assert served.gone_calls == 1
    assert served.paths == ["/slow"]


async def test_leaving_after_the_answer_is_nobodys_business(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/echo"))
        await caller.answer()
        caller.reset()
        while served.live.open_connections:
            await asyncio.sleep(0)
    assert served.gone_calls == 0


async def test_an_exchange_that_breaks_off_itself_is_not_told(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/broken"))
        await caller.to_the_end()
        await served.ended.wait()
    assert served.gone_calls == 0


async def test_a_writer_that_waits_is_released_when_the_caller_leaves(served: Served) -> None:
    async with await served.call() as caller:
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.send(get("/pour"))
        await served.begun.wait()
        caller.reset()
        await served.ended.wait()
    assert served.gone_calls == 1


async def test_a_half_close_behind_a_full_buffer_counts_as_leaving_at_once(served: Served) -> None:
    async with await served.call() as caller:
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.send(get("/pour"))
        await served.begun.wait()
        caller.writer.write_eof()
        await served.ended.wait()
    assert served.gone_calls == 1


async def test_a_thousand_leavers_leave_nothing_behind(served: Served) -> None:
    for _ in range(20):
        callers = [await served.call() for _ in range(50)]
        for caller in callers:
            caller.send(get("/slow"))
        while len(served.server.server_state.tasks) < 50:
            await asyncio.sleep(0)
        for caller in callers:
            caller.reset()
        while served.live.open_connections:
            await asyncio.sleep(0)
        served.release.set()
        while served.server.server_state.tasks:
            await asyncio.sleep(0)
        served.release.clear()
    assert served.gone_calls == 1000
    assert not served.server.server_state.connections
