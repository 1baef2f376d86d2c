"""The load generator against the static upstream, and against a server that answers wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from loadtests import static_upstream
from loadtests.canned import ANSWER_BYTES, MARKER, REQUEST_BYTES, answer_body, request_body
from loadtests.generator import LINGER_S, Load, Tally, request_bytes, run
from loadtests.static_upstream import JSON_ANSWERS
from tests.clock import LIMIT_S, passes


def load(port: int, model: str = "bench/static", *, frames: int = 0, concurrency: int = 4) -> Load:
    request = request_bytes(request_body(model, stream=bool(frames)), "a-tenant-key")
    return Load(port, request, concurrency, LIMIT_S, frames)


async def ran(load: Load) -> Tally:
    """What came of the load in some fifty turns with time for a paced answer; then its time is over."""
    task = asyncio.create_task(run(load))
    for _ in range(50):
        await asyncio.sleep(0.002)
    await passes(LIMIT_S)
    return await task


@asynccontextmanager
async def listening(server: asyncio.Server) -> AsyncIterator[int]:
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


class WrongServer(asyncio.Protocol):
    """Answers every piece of a request with the same bytes, right or wrong."""

    def __init__(self, answer: bytes, close: bool) -> None:
        self._answer, self._close = answer, close

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer)
        if self._close:
            self._transport.close()


async def wrong_server(answer: bytes, *, close: bool = False) -> asyncio.Server:
    made: Callable[[], WrongServer] = lambda: WrongServer(answer, close)  # noqa: E731
    return await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)


async def test_json_answers_of_the_upstream_are_right() -> None:
    async with listening(await static_upstream.serve("127.0.0.1", 0)) as port:
        tally = await ran(load(port))
    assert tally.answers > 4
    assert not tally.faults
    report = tally.report()
    assert 0 < report["p50_us"] <= report["p99_us"] <= report["worst_us"]


async def test_streams_of_the_upstream_have_fifty_frames_and_hide_usage() -> None:
    async with listening(await static_upstream.serve("127.0.0.1", 0)) as port:
        right = await ran(load(port, frames=50))
        wrong = await ran(load(port, "bench/static-f20", frames=50))
        paced = await ran(load(port, "bench/static-f3-d5-g1", frames=3))
    assert right.answers > 4
    assert not right.faults
    assert len(right.first_bytes) == right.answers
    assert not wrong.answers
    assert set(wrong.faults) == {"20 frames instead of 50"}
    assert not paced.faults
    # The last ones were under way when time moved.
    assert min(paced.first_bytes[:-4]) >= 0.005
    assert min(paced.latencies[:-4]) >= 0.007


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}", "status 500"),
        (JSON_ANSWERS["openai"].replace(MARKER, MARKER[::-1]), "marker"),
        (JSON_ANSWERS["openai"].replace(b"}}", b"]]"), "cut short"),
    ],
)
async def test_a_wrong_answer_is_an_error(answer: bytes, why: str) -> None:
    async with listening(await wrong_server(answer)) as port:
        tally = await ran(load(port))
    assert not tally.answers
    assert tally.faults
    assert all(why in fault for fault in tally.faults)


async def test_an_answer_cut_off_is_an_error() -> None:
    async with listening(await wrong_server(JSON_ANSWERS["openai"][:-10], close=True)) as port:
        tally = await ran(load(port))
    assert not tally.answers
    assert any("connection lost" in fault for fault in tally.faults)


async def test_an_answer_that_never_ends_is_an_error() -> None:
    async with listening(await wrong_server(JSON_ANSWERS["openai"][:-10])) as port:
        task = asyncio.create_task(ran(load(port, concurrency=2)))
        while not task.done():
            await passes(LINGER_S)
        tally = await task
    assert tally.faults == {"no complete answer in time": 2}


async def test_nobody_listening_is_an_error() -> None:
    async with listening(await wrong_server(b"")) as port:
        pass
    tally = await ran(load(port, concurrency=1))
    assert any("cannot connect" in fault for fault in tally.faults)


def test_sizes_are_those_of_the_reference() -> None:
    assert len(answer_body()) == ANSWER_BYTES == 712
    assert len(request_body("bench/static")) == REQUEST_BYTES == 481
    assert len(request_body("bench/static", stream=True, size=100_000)) == 100_000


def test_the_upstream_shows_usage_only_when_asked() -> None:
    hidden, shown = (static_upstream.script(b"", usage) for usage in (False, True))
    assert len(hidden.pieces) == 51  # 50 frames and [DONE], each its own write
    assert len(shown.pieces) == 52
    assert b'"usage":{' in shown.pieces[-2]
    assert len(static_upstream.script(b"-w10", False).pieces) == 6
    assert all(180 <= len(piece) <= 300 for piece in hidden.pieces[1:-1])
