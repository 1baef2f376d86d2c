"""The server at the byte level: keep-alive, pipelining, chunked bodies, cancellation, hygiene headers."""

import asyncio
import json

import pytest

from provider_sim import ProviderSim
from provider_sim.message import Request
from tests.sim.wire import chat, exchange, post, request, split, unchunked


async def test_pipelined_requests_are_answered_in_order(sim: ProviderSim) -> None:
    texts = ["one [[sim:delay_ms=5]]", "two", "three [[sim:delay_ms=1]]", "four"]
    data = b"".join(request("/v1/chat/completions", chat(text)) for text in texts)
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(data)
    received = b""
    while received.count(b"chat.completion") < len(texts):
        received += await reader.read(65536)
    writer.close()
    places = [received.index(word) for word in (b'\\"one\\"', b'\\"two\\"', b'\\"three\\"', b'\\"four\\"')]
    assert places == sorted(places)
    assert sim.stats()["connections"] == 1


async def test_chunked_request_bodies(sim: ProviderSim) -> None:
    body = json.dumps(chat("in pieces")).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: s\r\nauthorization: Bearer k\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, body[i : i + 1]) for i in range(len(body))) + b"0\r\n\r\n"
    status, _, reply = split(await exchange(sim.port, head + chunks))
    assert status == 200 and b"in pieces" in reply


async def test_garbage_requests_get_400(sim: ProviderSim) -> None:
    assert (await exchange(sim.port, b"not http\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_requests_are_recorded_as_received(sim: ProviderSim) -> None:
    await post(sim.port, "/v1/chat/completions?x=%31", chat("kept"), headers="X-Odd: A\r\nx-odd: b\r\n")
    kept = sim.requests()[-1]
    assert kept["target"] == "/v1/chat/completions?x=%31"
    assert [pair for pair in kept["headers"] if pair[0].lower() == "x-odd"] == [
        ["X-Odd", "A"],
        ["x-odd", "b"],
    ]
    assert json.loads(kept["body"])["messages"][0]["content"] == "kept"
    assert (kept["status"], kept["outcome"]) == (200, "complete")


async def test_a_caller_that_leaves_is_counted(sim: ProviderSim) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(request("/v1/chat/completions", chat("[[sim:frames=100 gap_ms=5]]", stream=True)))
    await reader.read(100)
    assert sim.stats("k")["in_flight"] == 1
    writer.close()
    while sim.stats("k")["in_flight"]:
        await asyncio.sleep(0)
    stats = sim.stats("k")
    assert stats["cancelled"] == 1
    # Only what was sent counts as produced.
    assert stats["output_tokens"] < 100


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/v1/chat/completions",
            {"x-request-id", "set-cookie", "openai-organization", "openai-processing-ms", "server"},
        ),
        ("/v1/messages", {"request-id", "set-cookie", "anthropic-organization-id", "server"}),
        (
            "/openai/deployments/d/chat/completions?api-version=1",
            {"x-request-id", "apim-request-id", "set-cookie"},
        ),
        ("/v1beta/models/chat:generateContent", {"server", "set-cookie", "server-timing"}),
    ],
)
async def test_provider_headers_are_there_for_gateways_to_strip(
    sim: ProviderSim, path: str, expected: set[str]
) -> None:
    body = {**chat("x"), "max_tokens": 5, "contents": [{"parts": [{"text": "x"}]}]}
    status, headers, _ = await post(sim.port, path, body, headers="anthropic-version: 2023-06-01\r\n")
    assert status == 200
    assert expected <= set(headers)
    assert not any("ratelimit" in name for name in headers)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/chat/completions", 401, b'"code":null'),
        ("/v1/messages", 401, b"authentication_error"),
        ("/v1beta/models/chat:generateContent", 403, b"PERMISSION_DENIED"),
        ("/api/chat", 200, b"message"),
        ("/v1/nothing", 401, b"error"),
    ],
)
async def test_a_missing_credential(sim: ProviderSim, path: str, status: int, words: bytes) -> None:
    found, _, body = await post(sim.port, path, chat("x"), key=None)
    assert found == status and words in body


async def test_gemini_streams_sse_or_an_array(sim: ProviderSim) -> None:
    body = {"contents": [{"parts": [{"text": "waves"}]}]}
    path = "/v1beta/models/chat:streamGenerateContent"
    _, _, sse = await post(sim.port, path + "?alt=sse&key=g", body, key=None)
    frames = unchunked(sse)
    assert all(frame.startswith(b"data: {") and frame.endswith(b"\r\n\r\n") for frame in frames)
    _, _, array = await post(sim.port, path + "?key=g", body, key=None)
    parsed = json.loads(b"".join(unchunked(array)))
    assert parsed[-1]["candidates"][0]["finishReason"] == "STOP"
    assert [json.loads(frame[6:]) for frame in frames] == parsed


async def test_ollama_streams_unless_told_otherwise(sim: ProviderSim) -> None:
    status, headers, body = await post(sim.port, "/api/chat", chat("hi"), key=None)
    assert status == 200 and headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in unchunked(body)]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["eval_count"] == len(lines) - 1
    _, _, whole = await post(
        sim.port, "/api/generate", {"model": "chat", "prompt": "hi", "stream": False}, key=None
    )
    assert json.loads(whole)["done"] is True
    status, _, body = await post(sim.port, "/api/show", {"model": "unknown"}, key=None)
    assert status == 404 and isinstance(json.loads(body)["error"], str)


async def test_paths_without_v1_and_with_a_slash(sim: ProviderSim) -> None:
    for path in (
        "/chat/completions",
        "/v1/chat/completions/",
        "/v1beta/openai/chat/completions",
        "/openai/v1/chat/completions",
    ):
        status, _, _ = await post(sim.port, path, chat("x"))
        assert status == 200, path
    status, _, body = await post(sim.port, "/v1/realtime", {})
    assert status == 404 and b"unknown_url" in body


async def test_an_upgrade_is_not_granted(sim: ProviderSim) -> None:
    head = b"GET /v1/responses HTTP/1.1\r\nhost: s\r\nauthorization: Bearer k\r\n"
    head += b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n"
    status, headers, _ = split(await exchange(sim.port, head, until_close=False))
    assert status == 404 and headers["connection"] == "close"


async def test_an_untroubled_request_takes_the_one_write_path(sim: ProviderSim) -> None:
    """What load tests rely on: no task and no steps without pacing and faults."""
    made = sim.provider.accept(parsed(chat("x", stream=True)))
    assert made.whole is not None and made.whole.endswith(b"0\r\n\r\n")
    made.finish("complete")


def parsed(body: dict[str, object]) -> Request:
    headers = [(b"authorization", b"Bearer k")]
    path = "/v1/chat/completions"
    return Request("POST", path, path, {}, headers, json.dumps(body).encode(), 1)
