"""Request bodies in whatever pieces they come."""

import asyncio
import time

import pytest

from tests.framing.caller import get, post
from tests.framing.served import Served

_CHUNKED = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_two_hundred_thousand_chunks_of_one_byte_cost_a_processor_no_more_than_reading_them(
    served: Served,
) -> None:
    """Some 0.1 s of it; thirty times that is granted. Were pieces joined as they come, it would take more."""
    count = 200_000
    async with await served.call() as caller:
        began = time.process_time()
        caller.send(_CHUNKED)
        for _ in range(count // 1000):
            caller.send(b"1\r\nx\r\n" * 1000)
            await caller.writer.drain()
        caller.send(b"0\r\n\r\n")
        assert (await caller.answer()).body == b"POST /echo " + b"x" * count
        assert time.process_time() - began < 3.0


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 65536, 1_000_003])
@pytest.mark.parametrize("chunked", [True, False])
async def test_bodies_of_every_size_arrive_whole_and_the_next_request_too(
    served: Served, size: int, chunked: bool
) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    pieces = [body[at : at + 7001] for at in range(0, size, 7001)]
    async with await served.call() as caller:
        if chunked:
            caller.send(_CHUNKED)
            caller.send(b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
        else:
            caller.send(post("/echo", body))
        caller.send(get("/next"))
        assert (await caller.answer()).body == b"POST /echo " + body
        assert (await caller.answer()).body == b"GET /next "


async def test_a_request_in_single_bytes_is_understood(served: Served) -> None:
    async with await served.call() as caller:
        for byte in post("/echo", b"abc", "X-A: b") + get("/next"):
            caller.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await caller.answer()).body == b"POST /echo abc"
        assert (await caller.answer()).body == b"GET /next "


async def test_expect_is_answered_when_the_body_is_wanted(served: Served) -> None:
    request = post("/echo", b"abc", "Expect: 100-continue")
    async with await served.call() as caller:
        caller.send(request[:-3])
        assert await caller.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.send(request[-3:] + get("/next"))
        assert (await caller.answer()).body == b"POST /echo abc"
        assert (await caller.answer()).body == b"GET /next "


async def test_expect_is_refused_at_once_when_the_body_is_not_wanted(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(post("/early", b"abc", "Expect: 100-continue")[:-3])
        answer = await caller.answer()
        assert (answer.status, answer.closes) == (401, True)
        assert await caller.to_the_end() == b""


async def test_expect_is_not_answered_out_of_turn(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/slow") + post("/echo", b"abc", "Expect: 100-continue")[:-3])
        await served.begun.wait()
        served.release.set()
        assert (await caller.answer()).body == b"/slow"
        assert (await caller.answer()).status == 100
        caller.send(b"abc")
        assert (await caller.answer()).body == b"POST /echo abc"
