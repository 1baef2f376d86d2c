"""Whole JSON replies that go wrong before anything was said to the caller: another provider key, else a 502."""

import json
from typing import Any

import pytest

from tests.gateway.provider_answers import MESSAGES, asked_behind
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
    (
        "no text",
        whole_json(b'{"choices":[{"message":{"content":"a\xff"}}]}'),
        502,
        "upstream_invalid_response",
    ),
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


_FAILED = b'{"id":"resp_1","object":"response","status":"failed","output":[],"error":{"code":"server_error"}}'


async def test_a_failed_response_is_an_error(gateway: RunningGateway, sim: ProviderSim) -> None:
    asked = {"model": "smart", "input": "x"}
    sim.script(raw=whole_json(_FAILED), path="*")
    reply = await exchange(gateway, request(asked, path="/v1/responses"))
    assert (reply.status, reply.headers["x-gateway-attempts"]) == (200, "2")
    for body in (_FAILED, _FAILED.replace(b'{"code":"server_error"}', b"null")):
        sim.script(raw=whole_json(body), path="*")
        alone = await exchange(gateway, request(asked, path="/v1/responses", key=OTHER_KEY))
        assert (alone.status, alone.error()["type"]) == (502, "upstream_error")
    for code, status in (("rate_limit_exceeded", 429), ("invalid_prompt", 400)):
        sim.script(raw=whole_json(_FAILED.replace(b"server_error", code.encode())), path="*")
        alone = await exchange(gateway, request(asked, path="/v1/responses", key=OTHER_KEY))
        assert (alone.status, alone.error()["code"]) == (status, code)
    await settled(gateway)


GENERATE = "/v1beta/models/gemini:generateContent"
#: What is no answer, in each dialect. Its usage is told.
NO_ANSWERS: list[tuple[str, bytes]] = [
    ("/v1/chat/completions", ANSWER),
    ("/v1/chat/completions", ANSWER.replace(b"[]", b'[{"index":0,"message":null}]')),
    ("/v1/chat/completions", ANSWER.replace(b"[]", b'"Rain."')),
    *(
        ("/v1/chat/completions", ANSWER.replace(b"[]", b'[{"message":{%b}}]' % said))
        for said in (
            b'"content":5',
            b'"content":{}',
            b'"content":[5]',
            b'"content":[{"text":5}]',
            b'"tool_calls":[5]',
        )
    ),
    ("/v1/completions", ANSWER.replace(b"chat.completion", b"text_completion")),
    ("/v1/completions", ANSWER.replace(b"[]", b'[{"index":0,"message":{}}]')),
    ("/v1/responses", b'{"object":"response","output":null,"usage":{"input_tokens":3}}'),
    *(
        ("/v1/responses", b'{"object":"response","output":[%b],"usage":{"input_tokens":3}}' % item)
        for item in (
            b"{}",
            b'{"type":"message","content":5}',
            b'{"type":"message","content":[5]}',
            b'{"type":"message","content":[{"type":"output_text","text":5}]}',
        )
    ),
    *(
        ("/v1/messages", b'{"content":[{"type":%b}],"usage":{"input_tokens":3,"output_tokens":0}}' % block)
        for block in (b'"text","text":5', b'"tool_use","input":"{}"')
    ),
    ("/v1/messages", b'{"type":"message","content":"Rain.","usage":{"input_tokens":3,"output_tokens":0}}'),
    ("/v1/messages", b'{"type":"message","content":[{}],"usage":{"input_tokens":3,"output_tokens":0}}'),
    ("/v1/embeddings", b'{"object":"list","data":[],"usage":{"prompt_tokens":3}}'),
    ("/v1/embeddings", b'{"data":[{"embedding":[0.5]},{"embedding":[1]}],"usage":{"prompt_tokens":3}}'),
    ("/v1/embeddings", b'{"data":[{"embedding":[]}],"usage":{"prompt_tokens":3}}'),
    ("/v1/embeddings", b'{"data":[{"embedding":[null]}],"usage":{"prompt_tokens":3}}'),
    ("/v1/embeddings", b'{"data":[{"embedding":""}],"usage":{"prompt_tokens":3}}'),
]


@pytest.mark.parametrize(("path", "body"), NO_ANSWERS)
async def test_what_is_no_answer_never_passes(sim: ProviderSim, path: str, body: bytes) -> None:
    """What it used is paid for: then it is no fault of the key's, and not asked for again."""
    config, asked = asked_behind(sim, "anthropic" if path == MESSAGES else "openai", MESSAGES)
    asked |= {"prompt": "x", "input": "x"}
    async with RunningGateway(config) as gateway:
        sim.script(raw=whole_json(body), path="*")
        reply = await exchange(gateway, request(asked, path=path))
        assert (reply.status, len(sim.requests())) == (502, 1)
        assert reply.error()["message"] == "The provider's answer has no answer in it."
        (entry,) = await gateway.log_lines(1)
        assert (entry["outcome"], entry["usage_source"], entry["input_tokens"]) == ("error", "provider", 3)
        assert _refused(gateway) == {None}
        sim.script(raw=whole_json(body.replace(b'"usage"', b'"used"')), path="*")
        reply = await exchange(gateway, request(asked, path=path))
        assert reply.status == 502
        assert "upstream_invalid_response" in _refused(gateway)


@pytest.mark.parametrize(
    ("behind", "path", "body"),
    [
        ("anthropic", "/v1/messages/count_tokens", b'{"foo":1}'),
        ("anthropic", "/v1/messages/count_tokens", b'{"input_tokens":-1}'),
        ("anthropic", "/v1/messages/count_tokens", b'{"input_tokens":"3"}'),
        ("openai", "/v1/responses/input_tokens", b'{"object":"response.input_tokens"}'),
        ("gemini", "/v1beta/models/gemini:countTokens", b'{"foo":1}'),
        ("gemini", GENERATE, b'{"candidates":[]}'),
        ("gemini", GENERATE, b'{"promptFeedback":{}}'),
        ("gemini", GENERATE, b'{"candidates":[{"content":5}]}'),
        ("gemini", GENERATE, b'{"candidates":[{"content":{"parts":5}}]}'),
        ("gemini", GENERATE, b'{"candidates":[{"content":{"parts":[{"text":5}]}}]}'),
        ("gemini", GENERATE, b'{"candidates":[{"content":{"parts":[{"functionCall":5}]}}]}'),
        ("gemini", "/v1beta/models/gemini:embedContent", b'{"embedding":{"values":[]}}'),
        ("gemini", "/v1beta/models/gemini:batchEmbedContents", b'{"embeddings":[{"values":[1]}]}'),
    ],
)
async def test_nor_where_nothing_is_used(sim: ProviderSim, behind: str, path: str, body: bytes) -> None:
    config, asked = asked_behind(sim, behind, MESSAGES)
    content = {"parts": [{"text": "x"}]}
    one = {"model": "models/gemini", "content": content}
    asked |= {"input": "x", "contents": [content], "content": content, "requests": [one, one]}
    async with RunningGateway(config) as gateway:
        sim.script(raw=whole_json(body), path="*")
        reply = await exchange(gateway, request(asked, path=path))
        assert (reply.status, len(sim.requests())) == (502, 1)


async def test_what_is_an_answer_passes_whatever_its_usage(gateway: RunningGateway, sim: ProviderSim) -> None:
    for path, body in (
        (
            "/v1/responses",
            b'{"object":"response","output":[],"status":"completed","usage":{"input_tokens":-3}}',
        ),
        ("/v1/chat/completions", b'{"choices":[{"message":{}}],"usage":"none","error":null}'),
        ("/v1/embeddings", b'{"data":[{"embedding":[-1e-05, 0]}]}'),
    ):
        sim.script(raw=whole_json(body), path="*")
        reply = await exchange(gateway, request({**chat(), "input": "x"}, path=path))
        assert (reply.status, reply.body) == (200, body)
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
