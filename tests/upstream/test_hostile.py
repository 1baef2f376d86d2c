"""A provider that says anything but a sound response: one `UpstreamFailure`, in bounded time and memory."""

import asyncio
import gc

import pytest

from gateway.settings.snapshot import Bounds
from gateway.upstream.failures import UpstreamFailure
from tests.clock import LIMIT_S
from tests.upstream.wire import GET, HELLO, LIMIT, OK, Provider, answered, overdue, post, sending

CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
GARBAGE_HEADS = {
    "noise": b"\x00\xff\x17\x03\x01\r\n\r\n",
    "html": b"<html><body>502 Bad Gateway</body></html>\r\n\r\n",
    "http/0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "http/2": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "two different lengths": OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "length list": OK + b"content-length: 5, 5\r\n\r\nhello",
    "signed length": OK + b"content-length: +5\r\n\r\nhello",
    "absurd length": OK + b"content-length: 99999999999999999999999\r\n\r\n",
    "length and chunked": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked over gzip": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "not quite chunked": OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded header": OK + b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "NUL in a value": OK + b"x: a\0b\r\ncontent-length: 0\r\n\r\n",
    "NUL in a name": OK + b"x\0: ab\r\ncontent-length: 0\r\n\r\n",
    "space before colon": OK + b"x : ab\r\ncontent-length: 0\r\n\r\n",
    "bare CR": OK + b"x: a\rb\r\ncontent-length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
    "upgrade": b"HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nbytes",
    "upgrade to nothing": b"HTTP/1.1 101 Go\r\n\r\n",
    "status 000": b"HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n",
    "status 999": b"HTTP/1.1 999 OK\r\ncontent-length: 0\r\n\r\n",
    "1xx flood": b"HTTP/1.1 102 P\r\n\r\n" * 17 + HELLO,
    "1 MB of headers": OK + b"".join(b"x-%d: %s\r\n" % (i, b"y" * 1000) for i in range(1000)),
    "1 MB in one header": OK + b"x: " + b"y" * 1_000_000,
    "blank lines": b"\r\n" * 100_000,
}
GARBAGE_BODIES = {
    "chunk size": CHUNKED + b"5\r\nhello\r\nxyz\r\n",
    "negative chunk": CHUNKED + b"5\r\nhello\r\n-1\r\n",
    "chunk overflow": CHUNKED + b"5\r\nhello\r\nfffffffffffffffff\r\n",
    "chunk longer than said": CHUNKED + b"5\r\nhello!\r\n",
    "bare LF": CHUNKED + b"5\r\nhello\n0\n\n",
    "length in trailer": CHUNKED + b"5\r\nhello\r\n0\r\ncontent-length: 3\r\n\r\n",
}


@pytest.mark.parametrize("answer", GARBAGE_HEADS.values(), ids=GARBAGE_HEADS.keys())
async def test_a_head_that_is_no_head(provider: Provider, answer: bytes) -> None:
    task = sending(provider.pool())
    wire = await provider.accept()
    await wire.request()
    await wire.try_say(answer)
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == "garbage"
    assert failed.value.sent
    assert len(failed.value.message) < 200
    await wire.gone()
    assert provider.accepted == 1


@pytest.mark.parametrize("answer", GARBAGE_BODIES.values(), ids=GARBAGE_BODIES.keys())
async def test_a_body_that_breaks_its_framing(provider: Provider, answer: bytes) -> None:
    wire, response = await answered(provider, provider.pool(), answer)
    assert await response.chunk() == b"hello"[: len(b"hello")]  # what came before is handed out first
    with pytest.raises(UpstreamFailure) as failed:
        await response.chunk()
    assert failed.value.kind == "garbage"
    assert not response.complete
    response.release()
    await wire.gone()


@pytest.mark.parametrize("flood", [b"x: " + b"y" * 1_000_000, b"x: y\r\n" * 100_000], ids=["one", "many"])
async def test_endless_trailers(provider: Provider, flood: bytes) -> None:
    wire, response = await answered(provider, provider.pool(), CHUNKED + b"5\r\nhello\r\n0\r\n")
    await wire.try_say(flood)
    assert await response.chunk() == b"hello"
    with pytest.raises(UpstreamFailure) as failed:
        await response.chunk()
    assert failed.value.kind == "garbage"


async def test_an_endless_chunk_extension(provider: Provider) -> None:
    wire, response = await answered(provider, provider.pool(), CHUNKED + b"5;")
    await wire.try_say(b"z" * 1_000_000)
    with pytest.raises(UpstreamFailure) as failed:
        await response.chunk()
    assert failed.value.kind == "garbage"


@pytest.mark.parametrize(
    "answer", [OK + b"content-length: 9\r\n\r\nhello", CHUNKED + b"5\r\nhello\r\n", CHUNKED + b"9\r\nhello"]
)
@pytest.mark.parametrize("way", ["fin", "reset"])
async def test_a_truncated_body(provider: Provider, answer: bytes, way: str) -> None:
    wire, response = await answered(provider, provider.pool(), answer)
    assert await response.chunk() == b"hello"
    waiting = asyncio.create_task(response.chunk())
    wire.fin() if way == "fin" else wire.reset()
    with pytest.raises(UpstreamFailure) as failed:
        await waiting
    assert failed.value.kind == ("incomplete" if way == "fin" else "reset")
    assert not failed.value.unanswered
    assert not response.complete
    response.release()


@pytest.mark.parametrize("answer", [b"", b"H", OK, OK + b"content-length: 5\r\n"])
@pytest.mark.parametrize("way", ["fin", "reset"])
async def test_a_truncated_head(provider: Provider, answer: bytes, way: str) -> None:
    task = sending(provider.pool())
    wire = await provider.accept()
    await wire.request()
    await wire.say(answer)
    wire.fin() if way == "fin" else wire.reset()
    with pytest.raises(UpstreamFailure) as failed:
        await task
    # A RST may overtake what was said before it: then there was no byte of a reply.
    assert failed.value.kind in (("incomplete",) if way == "fin" and answer else ("reset",))
    assert failed.value.unanswered or answer
    assert failed.value.sent
    assert provider.accepted == 1  # a new connection is not tried again


async def test_a_body_without_length_that_is_reset_is_not_whole(provider: Provider) -> None:
    wire, response = await answered(provider, provider.pool(), OK + b"\r\nhello")
    assert await response.chunk() == b"hello"
    wire.reset()
    with pytest.raises(UpstreamFailure) as failed:
        await response.chunk()
    assert failed.value.kind == "reset"
    assert not response.complete


async def test_head_and_then_silence(provider: Provider) -> None:
    task = sending(provider.pool(), first_byte_s=LIMIT_S)
    wire = await provider.accept()
    await wire.request()
    await wire.say(OK + b"content-length: 5\r\n\r\n")
    response = await task
    await overdue(asyncio.create_task(response.read(LIMIT)), "timeout")
    await wire.gone()


async def test_one_byte_chunks(provider: Provider) -> None:
    body = b"1\r\nx\r\n" * 20_000
    pool = provider.pool()
    wire, response = await answered(provider, pool, CHUNKED)
    reading = asyncio.create_task(response.read(LIMIT))
    await wire.say(body + b"0\r\n\r\n")
    assert await reading == b"x" * 20_000
    response.release()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_every_byte_in_its_own_packet(provider: Provider) -> None:
    pool = provider.pool()
    task = sending(pool)
    wire = await provider.accept()
    await wire.request()
    for byte in CHUNKED + b"5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n":
        await wire.say(bytes([byte]))
    response = await task
    assert await response.read(LIMIT) == b"hello"
    response.release()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_a_line_of_10_mb(provider: Provider) -> None:
    line = b"data: " + b"x" * 10_000_000 + b"\n\n"
    wire, response = await answered(provider, provider.pool(), OK + b"content-length: %d\r\n\r\n" % len(line))
    reading = asyncio.create_task(response.read(LIMIT))
    await wire.say(line)
    assert await reading == line
    response.release()


async def test_a_body_without_end_blocks_the_provider_and_not_the_memory(provider: Provider) -> None:
    bounds = Bounds(stream_buffer_bytes=64 * 1024)
    wire, response = await answered(provider, provider.pool(bounds), OK + b"\r\n")
    piece, sent, blocked = b"z" * 65536, 0, 0
    while blocked < 20:  # many turns of the loop with no room: reading has stopped for good
        try:
            sent += wire.sock.send(piece)
            blocked = 0
        except BlockingIOError:
            blocked += 1
        await asyncio.get_running_loop().run_in_executor(None, gc.collect, 0)
    held = len(response.buffered())
    assert 0 < held <= 64 * 1024
    assert sent > held  # the rest waits in the kernels' buffers
    taken = held
    while taken < sent:  # and reading resumes when there is room
        taken += len(await response.chunk())
    assert taken == sent
    response.abort()
    await wire.gone()


async def test_an_early_answer_stops_the_request(provider: Provider) -> None:
    body = b"x" * 50_000_000
    pool = provider.pool()
    task = sending(pool, post(body), body)
    wire = await provider.accept()
    assert await wire.receive()  # a part: what is said to a connection without a request is no answer
    await wire.say(b"HTTP/1.1 413 No\r\ncontent-length: 5\r\n\r\nlarge")
    response = await task
    assert (response.status, await response.read(LIMIT)) == (413, b"large")
    response.release()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")
    await wire.gone()
    assert len(wire.got) < len(body)


async def test_half_close_after_a_whole_answer(provider: Provider) -> None:
    pool = provider.pool()
    task = sending(pool, GET)
    wire = await provider.accept()
    await wire.request()
    await wire.say(HELLO)
    wire.fin()
    response = await task
    assert await response.read(LIMIT) == b"hello"
    response.release()
    await wire.gone()
    assert pool.idle() is None
