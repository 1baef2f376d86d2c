"""Whatever bytes come, in whatever pieces: an answer or an end, nothing in the log, and others are served."""

import asyncio
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.snapshot import Bounds
from tests.clock import LIMIT_S, StillLoop, StillUVLoop, passes
from tests.framing.caller import get
from tests.framing.served import Served

_TOKENS = st.sampled_from(
    [b"GET ", b"POST ", b"/echo", b"/early", b"/stream", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: a\r\n",
     b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
     b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"\r\n", b"\n", b"\r", b"\x00",
     b"5\r\nabcde\r\n", b"0\r\n\r\n", b";a=b", b" ", b":", b"abcde", b"ffffffffffffffff", get("/echo")]
)  # fmt: skip
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_PIECES = st.lists(st.one_of(_TOKENS, st.binary(max_size=64)), max_size=24)


async def _survives(pieces: list[bytes]) -> None:
    async with Served(Bounds(header_read_s=LIMIT_S, body_gap_s=LIMIT_S), keep_alive_s=LIMIT_S) as served:
        served.release.set()
        async with await served.call() as caller:
            for piece in pieces:
                caller.send(piece)
                await asyncio.sleep(0)
            ending = asyncio.create_task(caller.to_the_end())
            while not ending.done():  # whatever is waited for then does not come
                await passes(LIMIT_S * 1.1)
            statuses = set(_STATUS.findall(await ending))
            assert statuses <= {b"100", b"200", b"400", b"401", b"405", b"408"}
        async with await served.call() as caller:
            caller.send(get("/echo"))
            assert (await caller.answer()).body == b"GET /echo "


@settings(max_examples=150)
@given(pieces=_PIECES)
def test_garbage_is_survived(pieces: list[bytes]) -> None:
    with asyncio.Runner(loop_factory=StillUVLoop) as runner:
        runner.run(_survives(pieces))


@settings(max_examples=100)
@given(pieces=_PIECES)
def test_garbage_behind_a_sound_head_is_survived(pieces: list[bytes]) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with asyncio.Runner(loop_factory=StillLoop) as runner:
        runner.run(_survives([head, *pieces]))
