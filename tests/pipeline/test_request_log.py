"""The request log on a real pipe: order, bounds, drops that are counted, and a flush at the end."""

import json
import os
import threading
from collections.abc import Iterator

import pytest

from gateway.request_log import RequestLog

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue  # the test closed it


class Dropped:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def read_all(fd: int) -> bytes:
    pieces = []
    while piece := os.read(fd, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("blocking", [True, False])
def test_every_line_in_order_and_whole_with_a_flush_at_the_end(pipe: Pipe, blocking: bool) -> None:
    """More than a pipe holds, to a reader who keeps up: lines are cut by partial writes and put together again."""
    out, into = pipe
    os.set_blocking(into, blocking)
    dropped, got = Dropped(), list[bytes]()
    reader = threading.Thread(target=lambda: got.append(read_all(out)))
    reader.start()
    log = RequestLog(dropped, fd=into)
    log.start()
    for number in range(5000):
        log.write({"n": number, "text": "x\ny\u2028" * 20})
    log.close(10)
    os.close(into)
    reader.join(10)
    lines = got[0].split(b"\n")
    assert [json.loads(line)["n"] for line in lines[:-1]] == list(range(5000))
    assert (lines[-1], dropped.count) == (b"", 0)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_sink_that_stands_still_costs_lines_and_nothing_else(pipe: Pipe, blocking: bool) -> None:
    """Nobody reads. Were a write to wait for the sink, this test would never end."""
    out, into = pipe
    os.set_blocking(into, blocking)
    dropped = Dropped()
    log = RequestLog(dropped, fd=into, bound=50)
    log.start()
    for number in range(20_000):
        log.write({"n": number, "text": "x" * 1000})
        assert len(log._lines) <= 50
    log.close(0.05)
    assert dropped.count >= 20_000 - 50 - 50 - 100, "queue, one batch, and what a pipe holds"
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(read_all(out)))
    reader.start()
    log.close(10)  # the sink is back: what was queued is written, still whole and in order
    os.close(into)
    reader.join(10)
    numbers = [json.loads(line)["n"] for line in got[0].splitlines()]
    assert numbers == sorted(numbers)
    assert len(numbers) == 20_000 - dropped.count, "a line is written or counted"


def test_a_reader_that_is_gone_ends_the_thread_and_no_request(pipe: Pipe) -> None:
    out, into = pipe
    os.close(out)
    log = RequestLog(Dropped(), fd=into)
    log.start()
    for number in range(100):
        log.write({"n": number})
    log.close(5)
    assert not log._thread.is_alive()


def test_what_cannot_be_written_down_is_a_dropped_line(pipe: Pipe) -> None:
    dropped = Dropped()
    log = RequestLog(dropped, fd=pipe[1])
    for value in ("\ud800", object(), {"nested": object()}):
        log.write({"v": value})
    log.write({"v": 1})
    log.start()
    log.close(5)
    assert (os.read(pipe[0], 100), dropped.count) == (b'{"v":1}\n', 3)
