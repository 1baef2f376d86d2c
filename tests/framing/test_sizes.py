"""Heads, queues and buffers have limits that hold while the bytes arrive."""

import json

import pytest

from gateway.settings.snapshot import Bounds
from tests.clock import until
from tests.framing.caller import Answer, Caller, get, only_answer, post
from tests.framing.served import Served


def _code(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"]["code"])


async def test_a_header_of_64_kib_is_refused(served: Served) -> None:
    answer = only_answer(await served.talk(get("/echo", "X-A: " + "b" * 65536)))
    assert (answer.status, _code(answer)) == (431, "headers_too_large")
    assert answer.closes


async def test_a_thousand_headers_are_refused(served: Served) -> None:
    answer = only_answer(await served.talk(get("/echo", *[f"X-{n}: b" for n in range(1000)])))
    assert (answer.status, _code(answer)) == (431, "headers_too_large")


async def test_a_url_of_32_kib_is_refused(served: Served) -> None:
    answer = only_answer(await served.talk(get("/" + "a" * 32768)))
    assert (answer.status, _code(answer)) == (414, "uri_too_long")


@pytest.mark.parametrize(
    ("start", "more", "status"),
    [
        (b"GET /echo HTTP/1.1\r\nHost: a\r\nX-A: ", b"b", 431),
        (b"GET /echo HTTP/1.1\r\nHost: a\r\nX-", b"b", 431),
        (b"GET /echo HTTP/1.1\r\nHost: a\r\n", b"X-A: b\r\n", 431),
        (b"GET /", b"a", 414),
    ],
)
async def test_a_head_without_end_is_refused_as_it_comes(
    served: Served, start: bytes, more: bytes, status: int
) -> None:
    async with await served.call() as caller:
        caller.send(start)
        for _ in range(64 * 1024 // 1024):
            caller.send(more * (1024 // len(more)))
        assert (await caller.answer()).status == status
    assert served.paths == []


@pytest.mark.parametrize("limit", [1024, 32 * 1024])
async def test_the_limit_on_headers_is_exact(limit: int) -> None:
    async with Served(Bounds(header_bytes=limit)) as served, await served.call() as caller:
        filling = limit - len("Host: a\r\n") - len("X-A: \r\n")
        caller.send(get("/echo", "X-A: " + "b" * filling))
        assert (await caller.answer()).status == 200
        caller.send(get("/echo", "X-A: " + "b" * (filling + 1)))
        assert (await caller.answer()).status == 431


async def test_the_limits_on_count_and_url_are_exact() -> None:
    async with Served(Bounds(header_count=10, url_bytes=100)) as served:
        async with await served.call() as caller:
            caller.send(get("/" + "a" * 99, *["X-A: b"] * 9))
            assert (await caller.answer()).status == 200
            caller.send(get("/" + "a" * 99, *["X-A: b"] * 10))
            assert (await caller.answer()).status == 431
        assert only_answer(await served.talk(get("/" + "a" * 100))).status == 414


async def test_the_limit_holds_behind_another_request_in_the_same_packet() -> None:
    async with Served(Bounds(header_bytes=1024)) as served, await served.call() as caller:
        caller.send(get("/one") + get("/two", "X-A: " + "b" * 1024))
        assert (await caller.answer()).body == b"GET /one "
        assert (await caller.answer()).status == 431


async def test_connections_over_the_cap_are_told_so_and_closed() -> None:
    async with Served(Bounds(connections=2)) as served:
        within = [await served.call() for _ in range(2)]
        for caller in within:
            caller.send(get("/echo"))
            assert (await caller.answer()).status == 200
        answer = only_answer(await served.talk(get("/smuggled")))
        assert (answer.status, _code(answer)) == (503, "overloaded")
        assert served.live.rejected_connections == 1
        within[0].send(get("/echo"))
        assert (await within[0].answer()).status == 200
        within[1].send(get("/echo", "Connection: close"))
        await within[1].to_the_end()
        async with await served.call() as caller:
            caller.send(get("/echo"))
            assert (await caller.answer()).status == 200
        for caller in within:
            caller.reset()
    assert "/smuggled" not in served.paths


async def test_a_flood_over_the_cap_is_not_even_answered() -> None:
    async with Served(Bounds(connections=1)) as served, await served.call() as caller:
        caller.send(get("/echo"))
        assert (await caller.answer()).status == 200
        flood: list[Caller] = [await served.call() for _ in range(40)]
        said = [await other.to_the_end() for other in flood]
        assert said.count(b"") >= 20
        assert served.live.rejected_connections == 40
        for other in flood:
            other.reset()


async def test_many_requests_in_one_packet_are_answered_in_order_one_at_a_time(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(b"".join(get(f"/{n}") for n in range(3000)))
        for n in range(3000):
            assert (await caller.answer()).body == f"GET /{n} ".encode()
    assert served.most_at_once == 1


async def test_only_a_few_requests_of_a_flood_are_read_ahead(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/slow"))
        await served.begun.wait()
        caller.send(b"".join(get(f"/{n}") for n in range(20_000)))
        await until(lambda: len(served.in_line()) >= 16)
        async with await served.call() as other:  # more of the flood would have been read by now
            other.send(get("/echo"))
            await other.answer()
        assert 16 <= len(served.in_line()) < 16 + 8 * 1024 // len(get("/0"))
        served.release.set()
        assert (await caller.answer()).body == b"/slow"
        for n in range(20_000):
            assert (await caller.answer()).body == f"GET /{n} ".encode()


async def test_a_body_that_waits_does_not_grow_past_the_mark(served: Served) -> None:
    """Nobody asks for the body of `/slow…` while it is queued; the kernel has to hold the caller back."""
    async with await served.call() as caller:
        caller.send(get("/slow") + post("/echo", b"x" * 2_000_000))
        await served.begun.wait()
        async with await served.call() as other:
            other.send(get("/echo"))
            await other.answer()
        (queued,) = served.in_line()
        assert len(queued.body) <= 64 * 1024 + 256 * 1024
        served.release.set()
        assert (await caller.answer()).body == b"/slow"
        assert len((await caller.answer()).body) == len(b"POST /echo ") + 2_000_000
