"""One exchange, well behaved: what comes out, and what becomes of the connection."""

import asyncio

import pytest

from gateway.upstream.failures import UpstreamFailure
from tests.upstream.wire import GET, HELLO, LIMIT, OK, Provider, answered, kept, post, sending


async def test_head_and_body_in_one_packet_need_no_second_wait(provider: Provider) -> None:
    _, response = await answered(provider, provider.pool())
    assert response.complete
    read = response.read(LIMIT)
    with pytest.raises(StopIteration) as done:
        read.send(None)  # ends without giving up control once
    assert done.value.value == b"hello"
    assert (response.status, response.reused) == (200, False)
    assert response.connect_s >= 0  # a loop's clock may have millisecond grain
    response.release()


async def test_headers_are_lower_cased_and_in_order(provider: Provider) -> None:
    answer = OK + b"X-B: 1\r\nA:  two \r\nx-b: 3\r\nContent-Length: 0\r\n\r\n"
    _, response = await answered(provider, provider.pool(), answer)
    assert response.headers == [(b"x-b", b"1"), (b"a", b"two "), (b"x-b", b"3"), (b"content-length", b"0")]
    assert response.header(b"x-b") == b"1"
    assert response.header(b"absent") is None
    assert await response.chunk() == b""
    response.release()


async def test_a_clean_end_gives_the_connection_back(provider: Provider) -> None:
    pool = provider.pool()
    wire = await kept(provider, pool)
    task = sending(pool)
    assert await wire.request() == GET
    await wire.say(HELLO)
    response = await task
    assert response.reused
    assert response.connect_s == 0
    response.release()
    response.release()  # idempotent
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")
    assert provider.accepted == 1


async def test_what_was_not_read_can_be_read_after_release(provider: Provider) -> None:
    pool = provider.pool()
    _, response = await answered(provider, pool)
    response.release()
    assert await response.read(LIMIT) == b"hello"
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_chunks_come_as_they_arrive(provider: Provider) -> None:
    pool = provider.pool()
    wire, response = await answered(provider, pool, OK + b"transfer-encoding: chunked\r\n\r\n")
    assert response.buffered() == b""
    for piece in (b"one", b"two"):
        waiting = asyncio.create_task(response.chunk())
        await wire.say(b"3\r\n" + piece + b"\r\n")
        assert await waiting == piece
    await wire.say(b"0\r\nx-trailer: ignored\r\n\r\n")
    assert await response.chunk() == b""
    assert response.complete
    assert response.header(b"x-trailer") is None
    response.release()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not\r\ncontent-length: 9\r\n\r\n"]
)
async def test_a_status_without_body_ends_with_its_head(provider: Provider, head: bytes) -> None:
    pool = provider.pool()
    _, response = await answered(provider, pool, head)
    assert await response.read(0) == b""
    response.release()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")


async def test_the_answer_to_head_has_no_body(provider: Provider) -> None:
    pool = provider.pool()
    task = sending(pool, b"HEAD /x HTTP/1.1\r\nhost: p\r\n\r\n")
    wire = await provider.accept()
    await wire.request()
    await wire.say(OK + b"content-length: 5\r\n\r\n")
    response = await task
    assert await response.read(0) == b""
    response.release()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")  # the parser cannot be told, so not reused


async def test_a_body_without_length_ends_with_fin(provider: Provider) -> None:
    pool = provider.pool()
    wire, response = await answered(provider, pool, OK + b"\r\nabc")
    assert await response.chunk() == b"abc"
    assert not response.complete
    await wire.say(b"def")
    wire.fin()
    assert await response.read(LIMIT) == b"def"
    assert response.complete
    response.release()
    assert repr(pool).endswith("0 active, 0 idle, 0 waiting>")


@pytest.mark.parametrize(
    ("answer", "idle"),
    [
        (OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello", 0),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", 0),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello", 1),
        (b"HTTP/1.1 103 Hints\r\nlink: </x>\r\n\r\n" + HELLO, 1),
        (HELLO + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", 0),
        (HELLO + b"x", 0),
    ],
)
async def test_what_is_kept_alive(provider: Provider, answer: bytes, idle: int) -> None:
    pool = provider.pool()
    _, response = await answered(provider, pool, answer)
    assert await response.read(LIMIT) == b"hello"
    assert response.header(b"link") is None
    response.release()
    assert repr(pool).endswith(f"0 active, {idle} idle, 0 waiting>")


async def test_a_redirect_is_only_a_response(provider: Provider) -> None:
    async with Provider() as trap:
        location = str(trap.origin).encode()
        answer = b"HTTP/1.1 307 T\r\nlocation: " + location + b"\r\ncontent-length: 0\r\n\r\n"
        _, response = await answered(provider, provider.pool(), answer)
        assert (response.status, response.header(b"location")) == (307, location)
        response.release()
        with pytest.raises(BlockingIOError):
            trap._listener.accept()


async def test_proxy_variables_of_the_environment_are_not_read(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Provider() as trap:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, str(trap.origin))
            monkeypatch.setenv(name.upper(), str(trap.origin))
        monkeypatch.delenv("no_proxy", raising=False)
        _, response = await answered(provider, provider.pool())
        response.release()
        with pytest.raises(BlockingIOError):
            trap._listener.accept()


async def test_too_large_by_its_length_and_by_its_bytes(provider: Provider) -> None:
    pool = provider.pool()
    wire, response = await answered(provider, pool, OK + b"content-length: 100\r\n\r\n")
    with pytest.raises(UpstreamFailure) as failed:
        await response.read(99)
    assert failed.value.kind == "too_large"
    await wire.gone()
    wire, response = await answered(provider, pool, OK + b"\r\n" + b"x" * 100)
    with pytest.raises(UpstreamFailure) as failed:
        await response.read(99)
    assert failed.value.kind == "too_large"
    await wire.gone()
    _, response = await answered(provider, pool)
    with pytest.raises(UpstreamFailure) as failed:
        await response.read(4)
    assert failed.value.kind == "too_large"
    response.release()


async def test_a_head_with_a_second_block_is_not_sent(provider: Provider) -> None:
    for head in (GET + GET, GET[:-2], b""):
        with pytest.raises(ValueError, match="header block"):
            await sending(provider.pool(), head)


async def test_a_large_body_goes_out_whole(provider: Provider) -> None:
    body = bytes(range(256)) * 4096
    task = sending(provider.pool(), post(body), body)
    wire = await provider.accept()
    assert await wire.request(body) == post(body) + body
    await wire.say(HELLO)
    response = await task
    assert await response.read(LIMIT) == b"hello"
    response.release()
