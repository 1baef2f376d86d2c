"""Whole JSON replies that go wrong before anything was said to the caller: another provider key, else a 502."""

import json
from typing import Any

import pytest

from tests.gateway.wire import chat, exchange, post, request, settled, whole_json
from tests.running import OTHER_KEY, ProviderSim, RunningGateway, configuration

ANSWER = json.dumps(
    {"id": "c", "object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 3}}
).encode()
HTML = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"


def error(**detail: Any) -> bytes:
    return whole_json(json.dumps({"error": {"message": "It went wrong.", **detail}}).encode())


#: A provider's whole answer, and what a caller is told when every key gives it.
BROKEN = [
    ("cut", whole_json(ANSWER)[:-20], 502, "upstream_incomplete"),
    ("no json", whole_json(b"{" + ANSWER), 502, "upstream_invalid_response"),
    ("truncated", whole_json(ANSWER[:-20]), 502, "upstream_invalid_response"),
    ("html", HTML, 502, "upstream_invalid_response"),
    (
        "deeper than anything",
        whole_json(b'{"choices":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        502,
        "upstream_invalid_response",
    ),
    ("error", error(code=502), 502, "upstream_error"),
    ("error word", whole_json(b'{"error":"model crashed"}'), 502, "upstream_error"),
    ("error 429", error(code=429), 429, "rate_limit_exceeded"),
    ("error 503", error(type="overloaded_error"), 503, "upstream_overloaded"),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("row", BROKEN, ids=[row[0] for row in BROKEN])
async def test_tried_at_another_key_and_then_told(
    gateway: RunningGateway, sim: ProviderSim, row: tuple[str, bytes, int, str], streamed: bool
) -> None:
    _, raw, status, code = row
    sim.script(raw=raw, then="close")
    reply = await post(gateway, chat(stream=streamed))
    assert reply.status == 200
    assert (reply.headers["x-gateway-attempts"], len(sim.requests())) == ("2", 2)
    assert len({seen["credential"] for seen in sim.requests()}) == 2
    for _ in range(2):
        sim.script(raw=raw, then="close")
    refused = await post(gateway, chat(stream=streamed))
    # A key that is busy may still be tried again, but not within the budget of attempts: another request may.
    assert (refused.status, refused.error()["code"]) in ((status, code), (503, "overloaded"))
    sim.script(raw=raw, then="close")
    alone = await post(gateway, chat(stream=streamed), key=OTHER_KEY)  # a tenant with one provider key
    assert (alone.status, alone.error()["code"]) == (status, code)
    await settled(gateway)


async def test_a_reset_in_the_middle(gateway: RunningGateway, sim: ProviderSim) -> None:
    sim.fault(reset=200, count=1)
    assert (await post(gateway, chat())).status == 200
    assert len(sim.requests()) == 2


async def test_the_callers_own_fault_inside_a_200_is_told_at_once(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    sim.script(raw=error(code="context_length_exceeded"))
    reply = await post(gateway, chat())
    assert (reply.status, reply.error()["code"], reply.error()["param"]) == (
        400,
        "context_length_exceeded",
        "messages",
    )
    assert len(sim.requests()) == 1


async def test_a_reply_too_large_is_not_paid_for_twice(sim: ProviderSim) -> None:
    async with RunningGateway(configuration(sim.openai_url, bounds={"reply_bytes": 100_000})) as gateway:
        sim.script(raw=whole_json(ANSWER + b" " * 1_000_000))
        reply = await post(gateway, chat())
        assert (reply.status, reply.error()["code"]) == (502, "upstream_invalid_response")
        assert len(sim.requests()) == 1


async def test_a_long_refusal_is_judged_by_its_status(gateway: RunningGateway, sim: ProviderSim) -> None:
    long = b"HTTP/1.1 500 No\r\ncontent-type: text/html\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
    sim.script(raw=long)
    assert (await post(gateway, chat())).status == 200
    assert len(sim.requests()) == 2


async def test_a_failed_response_is_an_answer(gateway: RunningGateway, sim: ProviderSim) -> None:
    body = (
        b'{"id":"resp_1","object":"response","status":"failed","output":[],"error":{"code":"server_error"}}'
    )
    sim.script(raw=whole_json(body), path="*")
    reply = await exchange(gateway, request({"model": "smart", "input": "x"}, path="/v1/responses"))
    assert (reply.status, json.loads(reply.body)["status"]) == (200, "failed")
    assert len(sim.requests()) == 1


#: The same for a tenant with one key: the provider's bytes, or that it is no answer.
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", ANSWER),
        ("/v1/completions", ANSWER.replace(b"chat.completion", b"text_completion")),
        (
            "/v1/responses",
            b'{"object":"response","output":[],"status":"completed","usage":{"input_tokens":3}}',
        ),
        ("/v1/embeddings", b'{"object":"list","data":[],"usage":{"prompt_tokens":3}}'),
    ],
)
async def test_an_answer_of_nothing_passes_as_it_is(
    gateway: RunningGateway, sim: ProviderSim, path: str, body: bytes
) -> None:
    """It is the provider's own, in the caller's dialect: it is paid for, and no fault of the key's."""
    asked = {**chat(), "prompt": "x", "input": "x"}
    sim.script(raw=whole_json(body), path="*")
    reply = await exchange(gateway, request(asked, path=path))
    assert (reply.status, reply.body, len(sim.requests())) == (200, body, 1)
    (entry,) = await gateway.log_lines(1)
    assert (entry["outcome"], entry["usage_source"], entry["input_tokens"]) == ("ok", "provider", 3)
    assert _refused(gateway) == {None}
    await settled(gateway)


async def test_a_stream_is_not_made_of_an_answer_of_nothing(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    """It would look finished. What it used is known all the same."""
    sim.script(raw=whole_json(ANSWER))
    reply = await post(gateway, chat(stream=True), key=OTHER_KEY)
    assert (reply.status, reply.error()["code"]) == (502, "upstream_invalid_response")
    (entry,) = await gateway.log_lines(1)
    assert (entry["outcome"], entry["usage_source"], entry["input_tokens"]) == ("error", "provider", 3)
    await settled(gateway)


_EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("raw", [_EMPTY, whole_json(b""), whole_json(b"Out of order."), whole_json(b"[]")])
async def test_what_is_no_answer_is_the_keys_fault_and_costs_nothing(
    gateway: RunningGateway, sim: ProviderSim, raw: bytes, streamed: bool
) -> None:
    sim.script(raw=raw)
    reply = await post(gateway, chat(stream=streamed), key=OTHER_KEY)
    assert (reply.status, reply.error()["code"]) == (502, "upstream_invalid_response")
    (entry,) = await gateway.log_lines(1)
    assert (entry["outcome"], entry["usage_source"]) == ("error", "none")
    assert "upstream_invalid_response" in _refused(gateway)
    await settled(gateway)


def _refused(gateway: RunningGateway) -> set[str | None]:
    return {pool["last_refusal"] for pool in gateway.app.state()["pools"]}
