"""Requests that two readers could understand differently are refused, and what follows is never a request."""

import json

import pytest

from tests.framing.caller import get, only_answer
from tests.framing.served import Served

_HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def _post(*lines: bytes, version: bytes = b"1.1") -> bytes:
    head = [b"POST /echo HTTP/" + version, b"Host: a", *lines, b"", b""]
    return b"\r\n".join(head)


_CHUNKED = _post(b"Transfer-Encoding: chunked")
_ZERO = b"0\r\n\r\n"

HEADS = {
    "cl and te": _post(b"Content-Length: 5", b"Transfer-Encoding: chunked") + _ZERO,
    "te and cl": _post(b"Transfer-Encoding: chunked", b"Content-Length: 5") + _ZERO,
    "two equal cl": _post(b"Content-Length: 5", b"Content-Length: 5") + b"abcde",
    "two cl": _post(b"Content-Length: 0", b"Content-Length: 44"),
    "cl list": _post(b"Content-Length: 5,5") + b"abcde",
    "cl list spaced": _post(b"Content-Length: 5, 5") + b"abcde",
    "cl plus": _post(b"Content-Length: +5") + b"abcde",
    "cl minus": _post(b"Content-Length: -5") + b"abcde",
    "cl hex": _post(b"Content-Length: 0x5") + b"abcde",
    "cl empty": _post(b"Content-Length: "),
    "cl inner space": _post(b"Content-Length: 4 4"),
    "cl overflow": _post(b"Content-Length: 18446744073709551617") + b"a",
    "cl decimal": _post(b"Content-Length: 5.0") + b"abcde",
    "te in 1.0": _post(b"Transfer-Encoding: chunked", version=b"1.0") + _ZERO,
    "te gzip, chunked": _post(b"Transfer-Encoding: gzip, chunked") + _ZERO,
    "te chunked, identity": _post(b"Transfer-Encoding: chunked, identity") + _ZERO,
    "te chunked twice": _post(b"Transfer-Encoding: chunked, chunked") + _ZERO,
    "te identity": _post(b"Transfer-Encoding: identity"),
    "te x": _post(b"Transfer-Encoding: xchunked") + _ZERO,
    "te quoted": _post(b'Transfer-Encoding: "chunked"') + _ZERO,
    "te empty": _post(b"Transfer-Encoding:") + _ZERO,
    "te two": _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity") + _ZERO,
    "te vertical tab": _post(b"Transfer-Encoding: \x0bchunked") + _ZERO,
    "te nul": _post(b"Transfer-Encoding: chunked\x00") + _ZERO,
    "te space before colon": _post(b"Transfer-Encoding : chunked") + _ZERO,
    "te folded": _post(b"Transfer-Encoding:\r\n chunked") + _ZERO,
    "te parameter": _post(b"Transfer-Encoding: chunked;q=1") + _ZERO,
    "cl space before colon": _post(b"Content-Length : 5") + b"abcde",
    "cl tab before colon": _post(b"Content-Length\t: 5") + b"abcde",
    "obs-fold": _post(b"X-A: b\r\n c"),
    "first header folded": b"GET /echo HTTP/1.1\r\n Host: a\r\n\r\n",
    "bare lf after request line": b"GET /echo HTTP/1.1\nHost: a\r\n\r\n",
    "bare lf after header": b"GET /echo HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
    "bare lf at the end": b"GET /echo HTTP/1.1\r\nHost: a\r\n\n",
    "bare cr in value": _post(b"X-A: b\rX-C: d"),
    "cr cr lf": b"GET /echo HTTP/1.1\r\nHost: a\r\r\n\r\n",
    "nul in value": _post(b"X-A: b\x00c"),
    "control in value": _post(b"X-A: b\x01c"),
    "del in value": _post(b"X-A: b\x7fc"),
    "nul in name": _post(b"X\x00A: b"),
    "high byte in name": _post(b"X\xe9: b"),
    "no colon": _post(b"X-A"),
    "no name": _post(b": b"),
    "http 0.9": b"GET /echo\r\n\r\n",
    "http 0.9 spelled out": b"GET /echo HTTP/0.9\r\n\r\n",
    "http 2.0": b"GET /echo HTTP/2.0\r\nHost: a\r\n\r\n",
    "http 1.2": b"GET /echo HTTP/1.2\r\nHost: a\r\n\r\n",
    "http 11.1": b"GET /echo HTTP/11.1\r\nHost: a\r\n\r\n",
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "space after version": b"GET /echo HTTP/1.1 \r\nHost: a\r\n\r\n",
    "tab for space": b"GET\t/echo HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": get("/echo#b"),
    "absolute form": get("http://a/echo"),
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": get("echo"),
    "backslash in target": get("/a\\b"),
    "control in target": b"GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "high byte in target": b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}

BODIES = {
    "chunk size lf": b"5\nabcde\r\n" + _ZERO,
    "chunk end lf": b"5\r\nabcde\n" + _ZERO,
    "chunk end missing": b"5\r\nabcde" + _ZERO,
    "chunk longer than said": b"2\r\nabcde\r\n" + _ZERO,
    "chunk size hex prefix": b"0x5\r\nabcde\r\n" + _ZERO,
    "chunk size negative": b"-5\r\nabcde\r\n" + _ZERO,
    "chunk size plus": b"+5\r\nabcde\r\n" + _ZERO,
    "chunk size space": b"5 \r\nabcde\r\n" + _ZERO,
    "chunk size empty": b"\r\nabcde\r\n" + _ZERO,
    "chunk size overflow": b"fffffffffffffffff\r\nabcde\r\n" + _ZERO,
    "chunk size underscore": b"1_0\r\nabcdeabcdeabcdea\r\n" + _ZERO,
    "extension with cr": b"5;a\rb\r\nabcde\r\n" + _ZERO,
    "extension with lf": b"5;a\nabcde\r\n" + _ZERO,
    "quoted extension with lf": b'5;a="\n"\r\nabcde\r\n' + _ZERO,
    "extension with nul": b"5;a=\x00\r\nabcde\r\n" + _ZERO,
    "trailer": b"5\r\nabcde\r\n0\r\nX-A: b\r\n\r\n",
    "framing trailer": b"0\r\nContent-Length: 5\r\n\r\n",
    "host trailer": b"0\r\nHost: b\r\n\r\n",
    "last chunk lf": b"0\r\n\n",
}


@pytest.mark.parametrize("name", HEADS)
async def test_a_doubtful_head_is_refused(served: Served, name: str) -> None:
    answer = only_answer(await served.talk(HEADS[name] + _HIDDEN))
    assert answer.status == 400
    assert answer.closes
    assert json.loads(answer.body)["error"]["code"] == "bad_framing"
    assert served.paths == []


@pytest.mark.parametrize("name", BODIES)
async def test_a_doubtful_body_ends_the_connection(served: Served, name: str) -> None:
    answer = only_answer(await served.talk(_CHUNKED + BODIES[name] + _HIDDEN))
    assert answer.status == 400
    assert answer.closes
    assert "/smuggled" not in served.paths
    assert served.bodies == []


@pytest.mark.parametrize("name", HEADS)
async def test_nothing_is_read_after_a_refusal_even_in_a_later_packet(served: Served, name: str) -> None:
    async with await served.call() as caller:
        caller.send(HEADS[name] + b"\r\n\r\n")
        assert (await caller.answer()).status == 400
        caller.send(_HIDDEN)
        assert await caller.to_the_end() == b""
    assert served.paths == []


async def test_a_refusal_comes_after_the_answers_that_are_due(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(get("/one") + get("/two") + HEADS["cl and te"] + _HIDDEN)
        assert (await caller.answer()).body == b"GET /one "
        assert (await caller.answer()).body == b"GET /two "
        assert (await caller.answer()).status == 400
        assert await caller.to_the_end() == b""
    assert served.paths == ["/one", "/two"]


async def test_empty_lines_without_end_are_no_request(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(b"\r\n" * 40)
        assert (await caller.answer()).status == 400


async def test_endless_chunk_extensions_are_refused(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(_CHUNKED + b"5;a=")
        for _ in range(32):
            caller.send(b"b" * 1024)
        assert (await caller.answer()).status == 400


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "FOO", "PROPFIND", "PURGE", "QUERY"])
async def test_a_method_that_no_route_has_is_refused(served: Served, method: str) -> None:
    target = "a:80" if method == "CONNECT" else "/echo"
    raw = f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    answer = only_answer(await served.talk(raw + _HIDDEN))
    assert answer.status == 405
    assert answer.closes
    assert served.paths == []


@pytest.mark.parametrize("wish", ["websocket", "h2c"])
@pytest.mark.parametrize("where", ["Connection", "Proxy-Connection"])
async def test_an_upgrade_is_ignored_and_its_body_stays_a_body(served: Served, wish: str, where: str) -> None:
    body = _HIDDEN
    lines = [f"{where}: Upgrade, HTTP2-Settings", f"Upgrade: {wish}", "HTTP2-Settings: x"]
    head = "\r\n".join(["POST /echo HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *lines, "", ""])
    async with await served.call() as caller:
        caller.send(head.encode())
        caller.send(body + _HIDDEN)
        answer = await caller.answer()
        assert answer.body == b"POST /echo " + body
        assert answer.closes
        assert await caller.to_the_end() == b""
    assert served.paths == ["/echo"]


async def test_sound_requests_with_unusual_but_clear_framing_are_served(served: Served) -> None:
    async with await served.call() as caller:
        caller.send(b"\r\n" + _post(b"transfer-encoding:\tChunked  ") + b"5;a=b\r\nabcde\r\n" + _ZERO)
        assert (await caller.answer()).body == b"POST /echo abcde"
        caller.send(_post(b"Content-Length: 05") + b"abcde")
        assert (await caller.answer()).body == b"POST /echo abcde"
        caller.send(b"GET /echo HTTP/1.0\r\n\r\n")
        assert (await caller.answer()).closes
