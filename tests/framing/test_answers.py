"""Answers by plain calls and by ASGI: framing, HEAD, HTTP/1.0, broken ends, refusals before the body."""

import json

import pytest

from tests.framing.caller import get, only_answer, post
from tests.framing.served import Served


async def test_a_whole_answer_keeps_the_connection(served: Served) -> None:
    async with await served.call() as caller:
        for n in range(3):
            caller.send(get(f"/{n}"))
            answer = await caller.answer()
            assert (answer.status, answer.body) == (200, f"GET /{n} ".encode())
            assert not answer.closes
            assert b"\r\ndate: " in answer.head


@pytest.mark.parametrize("path", ["/stream", "/asgi"])
async def test_a_stream_is_chunked_and_keeps_the_connection(served: Served, path: str) -> None:
    served.release.set()
    async with await served.call() as caller:
        for _ in range(2):
            caller.send(get(path))
            answer = await caller.answer()
            assert b"\r\ntransfer-encoding: chunked\r\n" in answer.head
            assert answer.body == b"onetwo"


async def test_a_stream_of_known_length_is_not_chunked(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/length"))
        answer = await caller.answer()
        assert b"transfer-encoding" not in answer.head
        assert answer.body == b"onetwo"


@pytest.mark.parametrize("path", ["/echo", "/stream", "/length", "/asgi"])
async def test_head_gets_no_body_and_keeps_the_connection(served: Served, path: str) -> None:
    served.release.set()
    async with await served.call() as caller:
        caller.send(get(path).replace(b"GET", b"HEAD", 1))
        assert (await caller.answer(bodiless=True)).status == 200
        caller.send(get("/echo"))
        assert (await caller.answer()).body == b"GET /echo "


@pytest.mark.parametrize("path", ["/stream", "/asgi"])
async def test_http_1_0_gets_a_stream_to_the_end_of_the_connection(served: Served, path: str) -> None:
    served.release.set()
    raw = await served.talk(f"GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"\r\nconnection: close" in head
    assert body == b"onetwo"


async def test_a_caller_who_asks_to_close_is_closed_after_the_answer(served: Served) -> None:
    raw = await served.talk(get("/echo", "Connection: close") + get("/smuggled"))
    assert only_answer(raw).closes
    assert served.paths == ["/echo"]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_broken_stream_does_not_look_finished(served: Served, version: str) -> None:
    async with await served.call() as caller:
        caller.send(f"GET /broken HTTP/{version}\r\nHost: a\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            while await caller.reader.read(1000):
                pass


@pytest.mark.may_log
@pytest.mark.parametrize("path", ["/raise", "/nothing", "/inject"])
async def test_an_application_that_fails_is_answered_for(served: Served, path: str) -> None:
    answer = only_answer(await served.talk(get(path)))
    assert answer.status == 500
    assert answer.closes
    assert json.loads(answer.body)["error"]["code"] == "internal_error"
    assert b"x-c" not in answer.head


async def test_a_bare_answer_carries_the_headers_of_every_answer(served: Served) -> None:
    answer = only_answer(await served.talk(b"nonsense\r\n\r\n"))
    lines = dict(line.split(b": ", 1) for line in answer.head.split(b"\r\n")[1:] if line)
    assert lines[b"content-type"] == b"application/json"
    assert lines[b"cache-control"] == b"no-store"
    assert lines[b"x-request-id"] == lines[b"request-id"]
    assert lines[b"x-request-id"].startswith(b"req_")
    error = json.loads(answer.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "nonsense" not in error["message"]


@pytest.mark.parametrize("size", [10, 60_000, 3_000_000])
async def test_a_refusal_before_the_body_is_read_reaches_the_caller(served: Served, size: int) -> None:
    """The rest of the body is not read as a request, and does not reset the answer on its way."""
    hidden = get("/smuggled")
    body = hidden * (size // len(hidden) + 1)
    async with await served.call() as caller:
        caller.send(post("/early", body)[: -len(body)])
        answer = await caller.answer()
        assert (answer.status, answer.body, answer.closes) == (401, b"no", True)
        caller.send(body + hidden)
        assert await caller.to_the_end() == b""
    assert served.paths == ["/early"]


async def test_an_early_refusal_with_the_body_at_hand_keeps_the_connection(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(post("/early", get("/smuggled")) + get("/echo"))
        assert (await caller.answer()).status == 401
        assert (await caller.answer()).body == b"GET /echo "
    assert served.paths == ["/early", "/echo"]


async def test_a_stopping_server_ends_connections_with_their_present_answer(served: Served) -> None:
    async with await served.call() as caller, await served.call() as idle:
        idle.send(get("/echo"))
        await idle.answer()
        caller.send(get("/slow"))
        await served.begun.wait()
        for connection in list(served.server.server_state.connections):
            connection.shutdown()
        assert await idle.to_the_end() == b""
        caller.send(get("/smuggled"))
        served.release.set()
        answer = await caller.answer()
        assert (answer.body, answer.closes) == (b"/slow", True)
        assert await caller.to_the_end() == b""
    assert served.paths == ["/echo", "/slow"]
