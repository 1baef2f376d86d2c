"""More answers than a model gives at once: several requests one after another, and one reply of theirs."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.clock import until
from tests.gateway.provider_answers import USED, candidate, line, message
from tests.gateway.wire import Reply, chat, exchange, post, request
from tests.running import ProviderSim, RunningGateway, configuration
from tests.sdk import openai_client

#: By the name of its route: dialect, and what is said of the provider and of the model.
BEHIND: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "anthropic": ("anthropic", {}, {}),
    "ollama": ("ollama", {}, {}),
    "responses": ("openai", {"apis": ["responses"]}, {"chat_ok": False}),
    "groq": ("openai", {"flavour": "groq"}, {}),
    "one": ("openai", {}, {"n_max": 1}),
    "gemini": ("gemini", {}, {"n_max": 2}),
}
#: How many of three answers each of its requests asks for.
IN_PARTS = {name: [2, 1] if name == "gemini" else [1, 1, 1] for name in BEHIND}
ASKED: Any = [{"role": "user", "content": "Say hello to the lighthouse."}]
every_provider = pytest.mark.parametrize("behind", BEHIND)


def giving_few(sim: ProviderSim, *, fanout: bool = True, **limits: int) -> dict[str, Any]:
    bases = {"openai": f"{sim.url}/v1"}
    providers = [
        {"id": name, "dialect": dialect, "base_url": bases.get(dialect, sim.url), "flavour": "sim", **more}
        for name, (dialect, more, _) in BEHIND.items()
    ]
    pools: list[dict[str, Any]] = [
        {"id": name, "provider": name, "secret": "env:PROVIDER_KEY", "tenants": ["*"], "limits": limits}
        for name in BEHIND
    ]
    pools.append({**pools[0], "id": "anthropic-2", "secret": "env:PROVIDER_KEY_2"})
    return configuration(
        sim.url,
        providers=providers,
        pools=pools,
        models=[{"id": name, "targets": [f"{name}/{name}-1"]} for name in BEHIND],
        capabilities={f"{name}-1": {"fanout": fanout, **can} for name, (_, _, can) in BEHIND.items()},
    )


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(giving_few(sim, rpm=100, itpm=100_000)) as running:
        yield running


def asked_for(body: dict[str, Any]) -> int:
    found: int = body.get("n") or (body.get("generationConfig") or {}).get("candidateCount") or 1
    return found


def counted(sim: ProviderSim) -> tuple[int, int]:
    stats = sim.stats()
    return stats["input_tokens"], stats["output_tokens"]


@every_provider
async def test_all_answers_come_as_one_reply(
    gateway: RunningGateway, by_openai: AsyncOpenAI, sim: ProviderSim, behind: str
) -> None:
    raw = await by_openai.chat.completions.with_raw_response.create(model=behind, messages=ASKED, n=3)
    reply = raw.parse()
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert all("lighthouse" in (choice.message.content or "") for choice in reply.choices)
    assert {choice.finish_reason for choice in reply.choices} == {"stop"}
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == counted(sim)
    assert [asked_for(json.loads(one["body"])) for one in sim.requests()] == IN_PARTS[behind]
    assert len({one["credential"] for one in sim.requests()}) == 1, "on one key"
    assert "changed=n" in raw.headers["x-gateway-warnings"]
    (line,) = await gateway.log_lines(1)
    assert (line["attempts"], line["input_tokens"]) == (1, reply.usage.prompt_tokens)


@every_provider
async def test_all_answers_come_as_one_stream(
    gateway: RunningGateway, by_openai: AsyncOpenAI, sim: ProviderSim, behind: str
) -> None:
    options: Any = {"include_usage": True}
    async with by_openai.chat.completions.stream(
        model=behind, messages=ASKED, n=3, stream_options=options
    ) as stream:
        final = await stream.get_final_completion()
    assert [choice.index for choice in final.choices] == [0, 1, 2]
    assert all("lighthouse" in (choice.message.content or "") for choice in final.choices)
    assert {choice.finish_reason for choice in final.choices} == {"stop"}
    assert final.usage is not None
    assert (final.usage.prompt_tokens, final.usage.completion_tokens) == counted(sim)
    assert [asked_for(json.loads(one["body"])) for one in sim.requests()] == IN_PARTS[behind]
    (line,) = await gateway.log_lines(1)
    assert (line["outcome"], line["output_tokens"]) == ("ok", final.usage.completion_tokens)
    assert sim.stats()["connections"] == 1, "which each gives back to the next"
    await until(lambda: {one["in_flight"] for one in gateway.app.state()["pools"]} == {0})


async def test_n2_anthropic(gateway: RunningGateway, sim: ProviderSim) -> None:
    reply = await post(gateway, {**chat(n=2, stream=True), "model": "anthropic"})
    chunks = [json.loads(data)["choices"] for data in reply.data() if data != b"[DONE]"]
    begun = [one["index"] for choices in chunks for one in choices if "role" in one["delta"]]
    ended = [one["index"] for choices in chunks for one in choices if one["finish_reason"]]
    assert (begun, ended) == ([0, 1], [0, 1])
    assert reply.data().count(b"[DONE]") == 1


@every_provider
@pytest.mark.parametrize("stream", [False, True])
async def test_it_is_refused_unless_that_is_wanted(sim: ProviderSim, behind: str, stream: bool) -> None:
    async with RunningGateway(giving_few(sim, fanout=False)) as gateway:
        reply = await post(gateway, {**chat(n=3, stream=stream), "model": behind})
        assert (reply.status, reply.error()["param"]) == (400, "n")
        assert not sim.requests()


@every_provider
async def test_a_strict_caller_is_refused(gateway: RunningGateway, sim: ProviderSim, behind: str) -> None:
    body = {**chat(n=3), "model": behind}
    reply = await exchange(gateway, request(body, headers="x-gateway-strict: true\r\n"))
    assert (reply.status, reply.error()["param"]) == (400, "n")
    assert not sim.requests()


@pytest.mark.parametrize("n", [0, 129])
async def test_there_are_no_more_than_openai_gives(gateway: RunningGateway, sim: ProviderSim, n: int) -> None:
    reply = await post(gateway, {**chat(n=n), "model": "anthropic"})
    assert (reply.status, reply.error()["param"]) == (400, "n")
    assert not sim.requests()


async def test_each_request_counts_against_the_ceilings(
    gateway: RunningGateway, by_openai: AsyncOpenAI, sim: ProviderSim
) -> None:
    await by_openai.chat.completions.create(model="ollama", messages=ASKED, n=3)
    (pool,) = [one for one in gateway.app.state()["pools"] if one["id"] == "ollama"]
    assert [one["used"] for one in pool["limits"][0]["dimensions"]] == [3, counted(sim)[0]]


async def test_more_requests_than_a_ceiling_allows_are_too_large(sim: ProviderSim) -> None:
    async with (
        RunningGateway(giving_few(sim, rpm=2)) as gateway,
        openai_client(gateway) as client,
    ):
        with pytest.raises(openai.APIStatusError) as refused:
            await client.chat.completions.create(model="ollama", messages=ASKED, n=3)
        assert refused.value.code == "request_too_large"
    assert not sim.requests()


async def test_more_to_read_than_a_ceiling_allows_is_too_large(sim: ProviderSim) -> None:
    long: Any = [{"role": "user", "content": "the sea and the lighthouse " * 100}]
    async with (
        RunningGateway(giving_few(sim, itpm=1500)) as gateway,
        openai_client(gateway) as client,
    ):
        await client.chat.completions.create(model="ollama", messages=long)
        with pytest.raises(openai.APIStatusError) as refused:
            await client.chat.completions.create(model="groq", messages=long, n=3)
        assert refused.value.code == "request_too_large"


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"truncate": 10}, {"cut": 0}, {"content_type": "text/html"}]
)
async def test_one_that_fails_fails_all_and_another_key_serves_all(
    gateway: RunningGateway, by_openai: AsyncOpenAI, sim: ProviderSim, fault: dict[str, Any]
) -> None:
    sim.fault(skip=1, count=1, **fault)
    reply = await by_openai.chat.completions.create(model="anthropic", messages=ASKED, n=3)
    assert len(reply.choices) == 3
    (line,) = await gateway.log_lines(1)
    assert line["attempts"] == 2
    await until(lambda: {one["in_flight"] for one in gateway.app.state()["pools"]} == {0})


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 429}, {"cut": 0}, {"content_type": "text/html"}, {"stop_after": 2}]
)
async def test_one_that_fails_ends_the_stream_with_an_error(
    gateway: RunningGateway, sim: ProviderSim, fault: dict[str, Any]
) -> None:
    sim.fault(skip=1, count=1, **fault)
    reply = await post(gateway, {**chat(n=3, stream=True), "model": "anthropic"})
    assert "lighthouse" in reply.text()
    assert reply.failure()["code"]
    assert len(sim.requests()) == 2, "what comes after it is not asked for"
    (line,) = await gateway.log_lines(1)
    assert line["outcome"] == "error"
    assert line["output_tokens"] > 0
    await until(lambda: {one["in_flight"] for one in gateway.app.state()["pools"]} == {0})


_WHOLE: dict[str, Any] = {
    "anthropic": {**message([{"type": "text", "text": "the lighthouse"}], "end_turn"), "usage": USED},
    "gemini": {
        **candidate("STOP", {"text": "the lighthouse"}),
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    },
    "ollama": {**line("stop", "the lighthouse"), "prompt_eval_count": 1, "eval_count": 1},
}


@pytest.mark.parametrize("behind", _WHOLE)
async def test_whole_answers_are_told_as_one_stream(
    gateway: RunningGateway, sim: ProviderSim, behind: str
) -> None:
    body = json.dumps(_WHOLE[behind]).encode()
    sim.script(status=200, headers=[("content-type", "Application/JSON")], body=body, repeat=0)
    asked = 4 if behind == "gemini" else 2
    reply = await post(gateway, {**chat(n=asked, stream=True), "model": behind})
    assert (reply.status, reply.data().count(b"[DONE]")) == (200, 1)
    chunks = [json.loads(data)["choices"] for data in reply.data() if data != b"[DONE]"]
    said = [one["index"] for choices in chunks for one in choices if one["delta"].get("content")]
    assert list(dict.fromkeys(said)) == [0, 1]
    assert len(sim.requests()) == 2
    (logged,) = await gateway.log_lines(1)
    assert (logged["outcome"], logged["output_tokens"]) == ("ok", 2)


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_is_estimated_where_none_is_reported(
    gateway: RunningGateway, sim: ProviderSim, stream: bool
) -> None:
    single = await post(gateway, {**chat("the sea [[sim:no_usage]]"), "model": "ollama"})
    reply = await post(gateway, {**chat("the sea [[sim:no_usage]]", n=3, stream=stream), "model": "ollama"})
    assert reply.status == 200
    one, several = await gateway.log_lines(2)
    assert (one["usage_source"], several["usage_source"]) == ("estimated", "estimated")
    assert several["input_tokens"] == 3 * one["input_tokens"]
    assert single.status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_googles_callers(gateway: RunningGateway, sim: ProviderSim, stream: bool) -> None:
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    contents = [{"role": "user", "parts": [{"text": "Say hello to the lighthouse."}]}]
    body = {"contents": contents, "generationConfig": {"candidateCount": 3}}
    reply = await exchange(gateway, request(body, path=f"/v1beta/models/anthropic:{method}"))
    assert reply.status == 200
    values = [json.loads(data) for data in reply.data()] if stream else [json.loads(reply.body)]
    ended = [one for value in values for one in value.get("candidates", ()) if one.get("finishReason")]
    assert [one.get("index", 0) for one in ended] == [0, 1, 2]
    assert values[-1]["usageMetadata"]["promptTokenCount"] == counted(sim)[0]
    body["generationConfig"] = {"candidateCount": 9}
    reply = await exchange(gateway, request(body, path=f"/v1beta/models/anthropic:{method}"))
    assert reply.status == 400


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("behind", ["anthropic", "gemini", "groq"])
async def test_prompts_of_a_completion(
    gateway: RunningGateway, sim: ProviderSim, behind: str, stream: bool
) -> None:
    body = {"model": behind, "prompt": ["the sea", "a lighthouse"], "n": 2, "stream": stream}
    reply = await exchange(gateway, request(body, path="/v1/completions"))
    assert reply.status == 200
    said = _texts(reply)
    assert sorted(said) == [0, 1, 2, 3]
    assert all("sea" in said[index] for index in (0, 1))
    assert all("lighthouse" in said[index] for index in (2, 3))
    assert len(sim.requests()) == 2 * (2 // IN_PARTS[behind][0])


@pytest.mark.parametrize("stream", [False, True])
async def test_each_is_asked_with_a_seed_of_its_own(
    gateway: RunningGateway, sim: ProviderSim, stream: bool
) -> None:
    assert (await post(gateway, {**chat(n=3, seed=7, stream=stream), "model": "ollama"})).status == 200
    assert [json.loads(one["body"])["options"]["seed"] for one in sim.requests()] == [7, 8, 9]


async def test_a_prompt_that_cannot_be_asked_is_refused_before_any_is(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    body = {"model": "anthropic", "prompt": ["the sea", ""]}
    reply = await exchange(gateway, request(body, path="/v1/completions"))
    assert reply.status == 400
    assert not sim.requests()


@every_provider
@pytest.mark.parametrize("stream", [False, True])
async def test_each_may_call_tools(by_openai: AsyncOpenAI, behind: str, stream: bool) -> None:
    asked: Any = {
        "model": behind,
        "messages": [{"role": "user", "content": "Weather in Oslo? [[sim:calls=2]]"}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        "n": 2,
    }
    if stream:
        async with by_openai.chat.completions.stream(**asked) as streamed:
            reply: Any = await streamed.get_final_completion()
    else:
        reply = await by_openai.chat.completions.create(**asked)
    for choice in reply.choices:
        assert [call.function.name for call in choice.message.tool_calls] == ["weather", "weather"]
        assert choice.finish_reason == "tool_calls"
    assert len(reply.choices) == 2


async def test_prompts_are_refused_unless_that_is_wanted(sim: ProviderSim) -> None:
    async with RunningGateway(giving_few(sim, fanout=False)) as gateway:
        body = {"model": "anthropic", "prompt": ["the sea", "a lighthouse"]}
        reply = await exchange(gateway, request(body, path="/v1/completions"))
        assert (reply.status, reply.error()["param"]) == (400, "prompt")


async def test_prompts_are_no_more_than_answers_may_be(sim: ProviderSim) -> None:
    async with RunningGateway(giving_few(sim)) as gateway:
        body = {"model": "anthropic", "prompt": ["the sea"] * 65, "n": 2}
        reply = await exchange(gateway, request(body, path="/v1/completions"))
        assert (reply.status, reply.error()["param"]) == (400, "n")
        assert not sim.requests()


def _texts(reply: Reply) -> dict[int, str]:
    said: dict[int, str] = {}
    for value in map(json.loads, reply.data()[:-1] if b"[DONE]" in reply.body else [reply.body]):
        for choice in value["choices"]:
            said[choice["index"]] = said.get(choice["index"], "") + choice["text"]
    return said
