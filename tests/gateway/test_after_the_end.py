"""What happens to an exchange after its caller has everything must not reach the caller's connection."""

import asyncio

from tests.clock import passes, standing
from tests.running import TENANT_KEY, ProviderSim, RunningGateway


async def test_a_deadline_after_the_last_frame_leaves_the_connection_alone(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    # The provider says [DONE] and then nothing: its framing is never finished, the caller's answer is.
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    frames = (
        'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
        "data: [DONE]\n\n"
    )
    sim.script(raw=f"{head}{len(frames):x}\r\n{frames}\r\n", then="hang")
    with standing():
        await _answered_then_overdue(gateway)


async def _answered_then_overdue(gateway: RunningGateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = b'{"model":"smart","messages":[{"role":"user","content":"hi"}],"stream":true}'
    lines = b"host: x\r\ncontent-type: application/json\r\nauthorization: Bearer " + TENANT_KEY.encode()
    head_bytes = b"POST /v1/chat/completions HTTP/1.1\r\n" + lines + b"\r\n"
    writer.write(head_bytes + b"x-gateway-deadline-ms: 150\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    answer = await reader.readuntil(b"0\r\n\r\n")
    assert b"[DONE]" in answer
    assert gateway.app.live  # the end of the provider's framing is still waited for
    await passes(0.2)
    await gateway.quiet()
    plain = body.replace(b"true", b"false")
    writer.write(head_bytes + b"content-length: %d\r\n\r\n" % len(plain) + plain)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert (await gateway.log_lines(1))[0]["outcome"] == "ok"
    writer.close()


async def test_compressed_bodies_are_refused_wherever_json_is_taken(gateway: RunningGateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    lines = b"host: x\r\ncontent-encoding: gzip\r\nauthorization: Bearer " + TENANT_KEY.encode()
    writer.write(b"POST /v1/batches HTTP/1.1\r\n" + lines + b"\r\ncontent-length: 2\r\n\r\n{}")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 415")
    writer.close()
