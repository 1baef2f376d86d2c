"""The Host header is one plain host, so that no part of the gateway can be told another."""

import json

import pytest

from tests.framing.caller import get, only_answer
from tests.framing.served import Served

BAD = ["", "a/b", "a?x", "a#x", "u@a", "a\\b", "a b", "a,b", "a;b", "[::1", "::1", "a:b", "a:", "a:123456", "a%2fb",
       "[a]x", "http://a", "a\tb", "<a>", "\xe4", "a" * 256]  # fmt: skip
GOOD = ["a", "127.0.0.1:8080", "[::1]:8080", "gateway.internal", "my_service:80", "A-b.C"]


def _request(*hosts: str, version: str = "1.1") -> bytes:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    return f"GET /echo HTTP/{version}\r\n{lines}\r\n".encode("latin-1")


@pytest.mark.parametrize("host", BAD)
async def test_what_is_not_a_host_is_refused(served: Served, host: str) -> None:
    answer = only_answer(await served.talk(_request(host) + get("/smuggled")))
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["code"] == "bad_framing"
    assert served.paths == []


@pytest.mark.parametrize("hosts", [(), ("a", "b"), ("a", "a")])
async def test_there_is_exactly_one_host(served: Served, hosts: tuple[str, ...]) -> None:
    assert only_answer(await served.talk(_request(*hosts) + get("/smuggled"))).status == 400
    assert served.paths == []


async def test_two_hosts_are_refused_in_http_1_0_too(served: Served) -> None:
    assert only_answer(await served.talk(_request("a", "b", version="1.0"))).status == 400


@pytest.mark.parametrize("host", GOOD)
async def test_hosts_are_served(served: Served, host: str) -> None:
    async with await served.call() as caller:
        caller.send(_request(host))
        assert (await caller.answer()).status == 200
