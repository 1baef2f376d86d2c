"""Each fault does on the wire what the table says."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from provider_sim import ProviderSim
from tests.sim.wire import chat, exchange, post, request, split, unchunked

PATH = "/v1/chat/completions"


async def ask(sim: ProviderSim, magic: str, **more: Any) -> bytes:
    return await exchange(sim.port, request(PATH, chat(f"[[sim:{magic}]]", **more)))


async def frames_of(sim: ProviderSim, magic: str) -> list[bytes]:
    return unchunked(split(await ask(sim, magic, stream=True))[2])


async def test_status_and_its_headers(sim: ProviderSim) -> None:
    status, headers, body = split(await ask(sim, "status=503 retry_after=Fri,_31_Dec_2027 code=odd"))
    assert status == 503 and json.loads(body)["error"]["code"] == "odd"
    status, headers, _ = split(await ask(sim, "status=429"))
    assert status == 429 and headers["retry-after"] == "1"
    assert "retry-after" not in split(await ask(sim, "status=429 retry_after="))[1]


async def test_a_word_that_does_not_exist_is_refused(sim: ProviderSim) -> None:
    status, _, body = split(await ask(sim, "sattus=503"))
    assert status == 400 and b"sattus" in body


async def test_without_magic_the_prompt_is_only_a_prompt() -> None:
    async with ProviderSim(magic=False) as sim:
        status, _, body = split(await ask(sim, "status=503"))
    assert status == 200 and b"[[sim:status=503]]" in body


async def test_cut_ends_after_exactly_that_many_bytes(sim: ProviderSim) -> None:
    body = split(await ask(sim, "cut=37"))[2]
    assert len(body) == 37
    stream = split(await ask(sim, "cut=37", stream=True))[2]
    assert not stream.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("magic", ["reset", "reset=20"])
async def test_reset_is_a_reset(sim: ProviderSim, magic: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(request(PATH, chat(f"[[sim:{magic}]]")))
    received = b""
    with pytest.raises(ConnectionResetError):
        while piece := await reader.read(65536):
            received += piece
    writer.close()
    assert bool(received) == (magic != "reset")


async def test_garbage_and_lengths(sim: ProviderSim) -> None:
    assert not (await ask(sim, "garbage")).startswith(b"HTTP")
    _, headers, body = split(await ask(sim, "content_length=-5"))
    assert int(headers["content-length"]) == len(body) - 5
    assert (await ask(sim, "two_lengths")).lower().count(b"content-length:") == 2


async def test_hang_sends_nothing_until_the_caller_leaves(sim: ProviderSim) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(request(PATH, chat("[[sim:hang]]")))
    while not sim.stats()["in_flight"]:
        await asyncio.sleep(0)
    writer.close()
    assert await reader.read() == b""
    while sim.stats()["in_flight"]:
        await asyncio.sleep(0)
    assert sim.stats()["cancelled"] == 1


async def test_endless_streams_stop_for_a_reader_that_does_not_read(sim: ProviderSim) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", sim.port, limit=1024)
    writer.write(request(PATH, chat("[[sim:endless]]", stream=True)))
    sent = -1
    while sent != (sent := sim.stats()["bytes_out"]) or not sent:
        for _ in range(100):
            await asyncio.sleep(0)
    assert sent < 50_000_000
    writer.close()
    while sim.stats()["in_flight"]:
        await asyncio.sleep(0)
    assert sim.stats()["cancelled"] == 1


async def test_errors_inside_a_stream(sim: ProviderSim) -> None:
    frames = await frames_of(sim, "error_after=2 status=429")
    assert len(frames) == 3
    error = json.loads(frames[-1][6:])["error"]
    assert error["code"] == "rate_limit_exceeded" and b"[DONE]" not in b"".join(frames)


async def test_stream_oddities(sim: ProviderSim) -> None:
    plain = await frames_of(sim, "frames=4")
    assert plain[-1] == b"data: [DONE]\n\n" and len(plain) == 4 + 3
    assert len(await frames_of(sim, "frames=4 stop_after=3")) == 3
    assert (await frames_of(sim, "no_done"))[-1] != b"data: [DONE]\n\n"
    assert (await frames_of(sim, "done_twice"))[-2:] == [b"data: [DONE]\n\n"] * 2
    assert (await frames_of(sim, "after_done"))[-2] == b"data: [DONE]\n\n"
    assert (await frames_of(sim, "comments=3"))[:3] == [b": keep-alive\n\n"] * 3
    assert all(frame.endswith(b"\r\n\r\n") for frame in await frames_of(sim, "crlf"))
    assert (await frames_of(sim, "bom"))[0].startswith(b"\xef\xbb\xbfdata:")
    assert b"retry: 100" in (await frames_of(sim, "odd_events"))[0]
    big = await frames_of(sim, "big_line=100000")
    assert len(big[0]) > 100_000 and big[0].count(b"\n") == 2
    dripped = await frames_of(sim, "frames=4 drip")
    assert all(len(piece) == 1 for piece in dripped) and b"".join(dripped).count(b"data: ") == len(plain)
    assert (await frames_of(sim, "truncate=11")) == [b"".join(plain)[:11]]


async def test_usage_missing_and_mad(sim: ProviderSim) -> None:
    assert "usage" not in json.loads(split(await ask(sim, "no_usage"))[2])
    assert json.loads(split(await ask(sim, "bad_usage=negative"))[2])["usage"]["total_tokens"] == -7
    assert json.loads(split(await ask(sim, "input=7 output=9"))[2])["usage"]["total_tokens"] == 16
    options = {"stream": True, "stream_options": {"include_usage": True}}
    streamed = unchunked(split(await ask(sim, "no_usage", **options))[2])
    assert not any(b"usage" in frame for frame in streamed)


async def test_wrong_kinds_of_answer(sim: ProviderSim) -> None:
    status, headers, body = split(await ask(sim, "html status=502"))
    assert status == 502 and headers["content-type"].startswith("text/html") and b"<html>" in body
    assert split(await ask(sim, "empty"))[2] == b""
    assert json.loads(split(await ask(sim, "wrong_shape"))[2]) == {"hello": ["world", 1]}
    assert split(await ask(sim, "json_for_stream", stream=True))[1]["content-type"] == "application/json"
    assert split(await ask(sim, "stream_for_json"))[1]["content-type"].startswith("text/event-stream")
    assert split(await ask(sim, "content_type=text/plain"))[1]["content-type"] == "text/plain"
    status, headers, _ = split(await ask(sim, "redirect=http://other.invalid/x status=308"))
    assert status == 308 and headers["location"] == "http://other.invalid/x"


async def test_compression_lies_and_bombs(sim: ProviderSim) -> None:
    _, headers, body = split(await ask(sim, "gzip_bomb=1000000"))
    assert headers["content-encoding"] == "gzip"
    assert len(body) < 10_000 and gzip.decompress(body) == bytes(1_000_000)
    _, headers, body = split(await ask(sim, "gzip_lie"))
    assert headers["content-encoding"] == "gzip" and body.startswith(b"{")


async def test_heads_and_trailers(sim: ProviderSim) -> None:
    assert len(split(await ask(sim, "header_bytes=50000"))[1]["x-sim-filler"]) == 50_000
    assert (await ask(sim, "continues=5")).startswith(b"HTTP/1.1 100 Continue\r\n\r\n" * 5 + b"HTTP/1.1 200")
    assert (await ask(sim, "trailers")).endswith(b"0\r\nx-sim-trailer: 1\r\n\r\n")
    _, headers, body = split(await ask(sim, "status=500 echo"))
    assert headers["x-sim-echo"] == "k" and b"(key k)" in body


async def test_standing_rules_count_skip_and_target(sim: ProviderSim) -> None:
    sim.fault(credential="a", count=2, skip=1, status=500)
    statuses = [(await post(sim.port, PATH, chat("x"), key=key))[0] for key in ("b", "a", "a", "a", "a")]
    assert statuses == [200, 200, 500, 500, 200]
    sim.fault(path="/v1/emb*", status=503)
    assert (await post(sim.port, PATH, chat("x")))[0] == 200
    assert (await post(sim.port, "/v1/embeddings", {"model": "embed", "input": "x"}))[0] == 503
    sim.clear_faults()
    sim.fault(probability=0.5, status=500)
    struck = [(await post(sim.port, PATH, chat("x")))[0] for _ in range(40)]
    assert 5 < struck.count(500) < 35


async def test_anthropic_errors_and_pings_in_streams(sim: ProviderSim) -> None:
    body = {**chat("[[sim:comments=2 error_after=1]]"), "max_tokens": 9, "stream": True}
    reply = await post(sim.port, "/v1/messages", body, headers="anthropic-version: 2023-06-01\r\n")
    frames = unchunked(reply[2])
    assert frames[:2] == [b'event: ping\ndata: {"type": "ping"}\n\n'] * 2
    assert frames[-1].startswith(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"')
