"""When a stream begins, is kept alive and is ended: hold, commit, keep-alive, deadline, shutdown, slow callers."""

import asyncio
import json
import socket
from typing import Any

import pytest

from tests.clock import LIMIT_S, passes, standing, until
from tests.gateway.wire import (
    CHAT,
    STOP,
    Line,
    Reply,
    arrived,
    chat,
    chunk,
    exchange,
    get,
    overdue,
    parsed,
    post,
    request,
    settled,
    stream,
)
from tests.running import ProviderSim, RunningGateway, configuration

KEEP_ALIVE = b": keep-alive\n\n"


def bounded(sim: ProviderSim, **bounds: Any) -> RunningGateway:
    return RunningGateway(configuration(sim.openai_url, bounds=bounds))


async def test_the_status_line_is_held_back_until_content(sim: ProviderSim) -> None:
    """As long as it is, a failing provider can still be replaced by another."""
    async with bounded(sim, commit_after_s=60) as gateway:
        sim.script(
            chunks=[f"data: {chunk('')}\n\n", 'data: {"error":{"message":"x"}}\n\n'],
            headers={"content-type": "text/event-stream"},
            gap_ms=100,
        )
        reply = await post(gateway, chat(stream=True))
        assert (reply.status, reply.headers["x-gateway-attempts"], reply.data()[-1]) == (200, "2", b"[DONE]")


async def test_after_the_hold_comments_then_content(sim: ProviderSim) -> None:
    async with bounded(sim, commit_after_s=20, keep_alive_s=2) as gateway:
        with standing():
            async with Line(gateway) as line:
                line.send(request(chat("[[sim:frames=3 delay_ms=30000]]", stream=True)))
                await arrived(sim, 1)
                beginning = asyncio.create_task(line.until(b"\r\n\r\n"))
                await passes(19)
                assert not beginning.done()
                await passes(2)
                head = await beginning
                assert b" 200 OK" in head
                assert b"text/event-stream" in head
                assert b"x-request-id: req_" in head
                for _ in range(4):
                    await passes(2)
                await passes(2)
                reply = parsed(head + await line.rest())
        assert reply.body.startswith(KEEP_ALIVE)
        assert reply.body.count(KEEP_ALIVE) >= 4
        assert (reply.data()[-1], reply.whole) == (b"[DONE]", True)
        (entry,) = await gateway.log_lines(1)
        assert (entry["status"], entry["outcome"], entry["usage_source"]) == (200, "ok", "provider")


async def test_comments_between_frames_when_the_provider_is_slow(sim: ProviderSim) -> None:
    async with bounded(sim, commit_after_s=2, keep_alive_s=2) as gateway:
        with standing():
            task = asyncio.create_task(post(gateway, chat("[[sim:frames=4 gap_ms=5000]]", stream=True)))
            await arrived(sim, 1)
            while not task.done():
                await passes(1)
            reply = await task
        _, _, rest = reply.body.partition(b"data: ")
        assert rest.count(KEEP_ALIVE) >= 3 * 2  # in each of three gaps
        assert reply.data()[-1] == b"[DONE]"
        without = reply.body.replace(KEEP_ALIVE, b"")
        assert all(event.startswith(b"data: ") for event in without.split(b"\n\n")[:-1])


@pytest.mark.parametrize("fault", ["status=500", "garbage", "status=401", "reset"])
async def test_an_error_after_the_commit_is_a_frame(sim: ProviderSim, fault: str) -> None:
    async with bounded(sim, commit_after_s=0.02) as gateway:
        reply = await post(gateway, chat(f"[[sim:delay_ms=150 {fault}]]", stream=True))
        assert (reply.status, reply.whole) == (200, True)
        assert reply.failure()["code"].startswith("upstream_")
        await settled(gateway)
        (entry,) = await gateway.log_lines(1)
        assert (entry["outcome"], entry["code"]) == ("error", reply.failure()["code"])


async def test_another_key_may_serve_after_the_commit(sim: ProviderSim) -> None:
    """Comments are no content: nothing of an answer was said yet."""
    async with bounded(sim, commit_after_s=0.02) as gateway:
        sim.fault(delay_ms=150, status=500, count=1)
        reply = await post(gateway, chat(stream=True))
        assert (reply.status, reply.data()[-1], len(sim.requests())) == (200, b"[DONE]", 2)


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_deadline_before_the_first_byte_is_504(
    gateway: RunningGateway, sim: ProviderSim, streamed: bool
) -> None:
    with standing():
        hanging = post(
            gateway, chat("[[sim:hang]]", stream=streamed), headers="x-gateway-deadline-ms: 5000\r\n"
        )
        task = asyncio.create_task(hanging)
        await arrived(sim, 1)
        reply = await overdue(task, 5)
    error = reply.error()
    assert (reply.status, error["code"], error["type"]) == (504, "deadline_exceeded", "timeout_error")
    assert reply.headers["x-should-retry"] == "false"
    await settled(gateway)
    (entry,) = await gateway.log_lines(1)
    assert (entry["status"], entry["code"]) == (504, "deadline_exceeded")


async def test_a_deadline_during_the_stream_is_an_error_frame(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    async with Line(gateway) as line:
        body = chat("[[sim:frames=500 gap_ms=10]]", stream=True)
        line.send(request(body, headers="x-gateway-deadline-ms: 60000\r\n"))
        received = await line.until(b"\n\n", 3)
        await passes(60)
        reply = parsed(received + await line.rest())
    assert (reply.status, reply.whole) == (200, True)
    failure = reply.failure()
    assert (failure["code"], failure["type"]) == ("deadline_exceeded", "timeout_error")
    with standing():
        await until(lambda: sim.stats()["cancelled"])
    await settled(gateway)


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "soon", "", "99999999999", "1e3", "٣"])
async def test_a_deadline_must_be_a_number(gateway: RunningGateway, value: str) -> None:
    lines = f"x-gateway-deadline-ms: {value}\r\n".encode().decode("latin-1")
    reply = await post(gateway, chat(), headers=lines)
    assert (reply.status, reply.error()["param"]) == (400, "x-gateway-deadline-ms")


async def test_draining_refuses_new_exchanges_and_finishes_old_ones(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    async with Line(gateway) as line:
        line.send(request(chat("[[sim:frames=30 gap_ms=10]]", stream=True)))
        received = await line.until(b"\n\n")
        gateway.app.drain()
        late = await exchange(gateway, request(chat(), close=False))
        assert (late.status, late.error()["code"]) == (503, "shutting_down")
        assert late.headers["connection"] == "close"
        assert late.headers["retry-after-ms"] == "1000"
        assert (await get(gateway, "/readyz", key=None)).status == 503
        assert (await get(gateway, "/healthz", key=None)).status == 200
        assert parsed(received + await line.rest()).data()[-1] == b"[DONE]"
    assert len(sim.requests()) == 1
    await settled(gateway)


async def test_after_the_grace_every_exchange_is_told(gateway: RunningGateway, sim: ProviderSim) -> None:
    async with Line(gateway) as streaming, Line(gateway) as waiting:
        streaming.send(request(chat("[[sim:frames=900 gap_ms=10]]", stream=True), close=False))
        waiting.send(request(chat("[[sim:hang]]"), close=False))
        received = await streaming.until(b"\n\n", 3)
        await arrived(sim, 2)
        gateway.app.drain()
        gateway.app.end_streams()
        refused = parsed(await waiting.rest())
        received += await streaming.until(b"0\r\n\r\n")
    assert (refused.status, refused.error()["code"]) == (503, "shutting_down")
    broken = parsed(received)
    assert (broken.failure()["code"], broken.whole) == ("shutting_down", True)
    await settled(gateway)
    assert {entry["code"] for entry in await gateway.log_lines(2)} == {"shutting_down"}


async def _unread(gateway: RunningGateway, magic: str) -> socket.socket:
    """A caller with a small receive buffer that asks for a stream and reads nothing of it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", gateway.port))
    await loop.sock_sendall(sock, request(chat(magic, stream=True)))
    return sock


async def test_41_a_caller_that_never_reads_stops_the_provider(sim: ProviderSim) -> None:
    """What the provider could send is what the buffers on the way hold, and it then stands still."""
    async with bounded(sim, client_stall_s=LIMIT_S) as gateway:
        sock = await _unread(gateway, "[[sim:frames=20 endless]]")
        try:
            sent = await _still(sim)
            assert sent < 8_000_000  # kernel buffers of two sockets, and ours of 256 KiB twice
            with standing():
                await passes(0.8 * LIMIT_S)
                assert not sim.stats()["cancelled"]
                for _ in range(3):  # the kernels' buffers may take some more
                    await passes(LIMIT_S)
            assert sim.stats()["cancelled"]
            assert sim.stats()["bytes_out"] - sent < 1_000_000
        finally:
            sock.close()
        await settled(gateway)
        (entry,) = await gateway.log_lines(1)
        assert (entry["status"], entry["outcome"]) == (499, "client_closed")
        assert entry["output_tokens"] > 0
        assert (await post(gateway, chat())).status == 200


async def test_41_one_that_does_not_read_holds_up_nobody(sim: ProviderSim) -> None:
    async with bounded(sim, client_stall_s=LIMIT_S) as gateway:
        socks = [await _unread(gateway, "[[sim:frames=20 endless]]") for _ in range(10)]
        try:
            await _still(sim)
            with standing():
                replies = await asyncio.gather(*(post(gateway, chat(stream=True)) for _ in range(20)))
            assert {reply.data()[-1] for reply in replies} == {b"[DONE]"}
        finally:
            for sock in socks:
                sock.close()
        await settled(gateway)


async def _still(sim: ProviderSim) -> int:
    """Bytes out of the provider once they do not grow any more."""
    last, same = 0, 0
    while same < 20:
        await asyncio.sleep(0.005)  # for the kernel, between turns in which we would have read
        now = sim.stats()["bytes_out"]
        same = same + 1 if now == last and now else 0
        last = now
    return last


async def test_a_caller_that_reads_slowly_gets_everything(sim: ProviderSim) -> None:
    """Slower than the stall bound in all, but never standing still that long."""
    body = (
        b"".join(b"data: " + chunk("x" * 4000).encode() + b"\n\n" for _ in range(500)) + b"data: [DONE]\n\n"
    )
    sim.script(raw=stream(body))
    async with bounded(sim, client_stall_s=LIMIT_S) as gateway, Line(gateway, limit=4096) as line:
        line.send(request(chat(stream=True), path=CHAT))
        received = b""
        while piece := await line.reader.read(20_000):
            received += piece
            await passes(LIMIT_S / 50)
        reply = parsed(received)
        assert (reply.body, reply.whole) == (body, True)


async def _slowly(sim: ProviderSim, gateway: RunningGateway, *pieces: str) -> Reply:
    """The answer to a stream that says hello and then `pieces`, one in each half of the limit between frames."""
    hello = f"data: {chunk('Hello')}\n\n"
    sim.script(
        chunks=[hello, *pieces], headers={"content-type": "text/event-stream"}, gap_ms=LIMIT_S / 2 * 1000
    )
    async with Line(gateway) as line:
        line.send(request(chat(stream=True)))
        received = await line.until(b"\n\n")
        with standing():
            while gateway.app.live:
                await passes(LIMIT_S / 20)
        return parsed(received + await line.rest())


@pytest.mark.parametrize("piece", [": ping\n\n", "\n\n", "\n", "d", "id: 1\n\n", "event: ping\n\n"])
async def test_46_comments_and_parts_of_frames_are_no_progress(sim: ProviderSim, piece: str) -> None:
    async with bounded(sim, frame_gap_s=LIMIT_S, exchange_s=100 * LIMIT_S) as gateway:
        reply = await _slowly(sim, gateway, *[piece] * 30)
        assert (reply.text(), reply.failure()["code"]) == ("Hello", "upstream_timeout")
        await settled(gateway)


async def test_46_a_frame_kept_from_the_caller_is_progress(sim: ProviderSim) -> None:
    usage = json.dumps({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    hidden = f"data: {usage}\n\n"
    async with bounded(sim, frame_gap_s=LIMIT_S, exchange_s=100 * LIMIT_S) as gateway:
        reply = await _slowly(sim, gateway, *[hidden] * 5, f"data: {STOP}\n\n", "data: [DONE]\n\n")
        assert (reply.text(), reply.data()[-1], b"usage" in reply.body) == ("Hello", b"[DONE]", False)
        await settled(gateway)
