"""Callers of chat completions in front of compatible providers: what these get, and what comes back."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError

from tests.behind import sent
from tests.dialects.chat.asking import frames
from tests.running import TENANT_KEY, ProviderSim, RunningGateway, configuration

FLAVOURS = ("openai", "mistral", "groq", "generic", "openrouter")
_HI: Any = [{"role": "user", "content": "hi"}]
_SSE = {"content-type": "text/event-stream"}


def compatible(sim: ProviderSim) -> dict[str, Any]:
    """A provider of each flavour, all scripted; a route is called as its flavour."""
    return configuration(
        sim.url,
        providers=[
            {
                "id": f"by-{one}",
                "dialect": "openai",
                "base_url": f"{sim.url}/v1",
                "flavour": one,
                "apis": ["chat"],
            }
            for one in FLAVOURS
        ],
        pools=[
            {
                "id": one,
                "provider": f"by-{one}",
                "secret": "env:PROVIDER_KEY",
                "tenants": ["*"],
                "limits": {"concurrency": 1},
            }
            for one in FLAVOURS
        ],
        models=[
            *({"id": one, "targets": [f"by-{one}/{one}-1"]} for one in FLAVOURS),
            {"id": "gpt-6", "targets": ["by-openai/gpt-6"]},
        ],
        capabilities={"openai-1": {"sampling": False, "effort_levels": ["low", "medium"]}},
    )


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(compatible(sim)) as running:
        yield running


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_request_is_mended_and_the_answer_says_so(
    by_openai: AsyncOpenAI, sim: ProviderSim, streamed: bool
) -> None:
    said = await by_openai.chat.completions.with_raw_response.create(
        model="mistral", messages=_HI, max_completion_tokens=50, seed=1, verbosity="low", stream=streamed
    )
    assert said.headers["x-gateway-warnings"] == "dropped=verbosity"
    if streamed:
        assert [chunk async for chunk in said.parse()]  # type: ignore[attr-defined]
    body = sent(sim)
    assert (body["max_tokens"], body["random_seed"], body["model"]) == (50, 1, "mistral-1")
    assert not {"max_completion_tokens", "seed", "verbosity", "stream_options"} & body.keys()


@pytest.mark.parametrize(
    ("model", "asked", "sent_as"),
    [("generic", "max_completion_tokens", "max_tokens"), ("mistral", "max_completion_tokens", "max_tokens"),
     ("gpt-6", "max_tokens", "max_completion_tokens"), ("generic", "max_tokens", "max_tokens")],
)  # fmt: skip
async def test_23_max_tokens_rename(
    by_openai: AsyncOpenAI, sim: ProviderSim, model: str, asked: str, sent_as: str
) -> None:
    limit: Any = {asked: 50}
    said = await by_openai.chat.completions.with_raw_response.create(model=model, messages=_HI, **limit)
    assert "x-gateway-warnings" not in said.headers
    limits = {name: value for name, value in sent(sim).items() if name.startswith("max_")}
    assert limits == {sent_as: 50}


@pytest.mark.parametrize("translated", [False, True])
async def test_openrouter_alone_is_told_which_program_asks(
    by_openai: AsyncOpenAI, sim: ProviderSim, translated: bool
) -> None:
    told = {"HTTP-Referer": "https://a.example", "X-Title": "A"}
    for model in ("openrouter", "openai"):
        if translated:
            await by_openai.responses.create(model=model, input="hi", extra_headers=told)
        else:
            await by_openai.chat.completions.create(model=model, messages=_HI, extra_headers=told)
    for request, expected in zip(sim.requests(), (("https://a.example", "A"), (None, None)), strict=True):
        headers = {name.lower(): value for name, value in request["headers"]}
        assert (headers.get("http-referer"), headers.get("x-title")) == expected


async def test_by_what_the_model_can(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    said = await by_openai.chat.completions.with_raw_response.create(
        model="openai", messages=_HI, temperature=0.3, reasoning_effort="high"
    )
    assert said.headers["x-gateway-warnings"] == "clamped=reasoning_effort; dropped=temperature"
    assert (sent(sim)["reasoning_effort"], "temperature" in sent(sim)) == ("medium", False)
    said = await by_openai.chat.completions.with_raw_response.create(model="openai", messages=_HI, seed=1)
    assert "x-gateway-warnings" not in said.headers


async def test_strictly_nothing_is_sent_that_loses_something(
    by_openai: AsyncOpenAI, sim: ProviderSim
) -> None:
    with pytest.raises(BadRequestError) as refused:
        await by_openai.chat.completions.create(
            model="openai", messages=_HI, temperature=0.3, extra_headers={"x-gateway-strict": "true"}
        )
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "temperature")
    assert not sim.requests()
    again = by_openai.with_options(timeout=5)
    assert await again.chat.completions.create(model="openai", messages=_HI)  # its place is free


async def test_a_stream_is_mended(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    sim.script(chunks=[frames("chat_mistral_calls")], headers=_SSE)
    async with by_openai.chat.completions.stream(model="mistral", messages=_HI) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [json.loads(call.function.arguments) for call in calls] == [{"a": 1}, {"a": 2}]
    assert len({call.id for call in calls} | {"null"}) == 3
    sim.script(chunks=[frames("chat_groq_x_groq")], headers=_SSE)
    thoughts = [
        chunk.choices[0].delta.model_extra
        async for chunk in await by_openai.chat.completions.create(model="groq", messages=_HI, stream=True)
        if chunk.choices
    ]
    assert {"reasoning": "Say hi.", "reasoning_content": "Say hi."} in thoughts


async def test_a_whole_answer_is_mended(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "text", "text": "b"}]
    choice = {"index": 0, "message": {"role": "assistant", "content": parts}, "finish_reason": "model_length"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    sim.script(body={"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}, headers=[
        ["content-type", "application/json"]
    ])  # fmt: skip
    said = (await by_openai.chat.completions.create(model="mistral", messages=_HI)).choices[0]
    assert (said.message.content, said.finish_reason) == ("b", "length")
    assert said.message.model_extra == {"reasoning_content": "a"}


async def test_what_needs_no_mending_arrives_as_it_was_written(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    body = b'{ "model" : "groq", "messages":[{"role":"user","content":"hi"}],"temperature":1.0,"x":12345678901234}'
    async with httpx.AsyncClient() as client:
        said = await client.post(
            f"{gateway.url}/v1/chat/completions",
            content=body,
            headers={"authorization": f"Bearer {TENANT_KEY}", "content-type": "application/json"},
        )
    assert said.status_code == 200 and "x-gateway-warnings" not in said.headers
    assert sim.requests()[-1]["body"] == body.replace(b'"groq"', b'"groq-1"').decode()


@pytest.mark.parametrize(("said", "refuses"), [("TRUE", True), ("1", True), ("False", False), ("0", False)])
async def test_words_for_strictly(by_openai: AsyncOpenAI, sim: ProviderSim, said: str, refuses: bool) -> None:
    asked: Any = {"model": "openai", "messages": _HI, "temperature": 0.3}
    if not refuses:
        assert await by_openai.chat.completions.create(**asked, extra_headers={"x-gateway-strict": said})
        return
    with pytest.raises(BadRequestError) as refused:
        await by_openai.chat.completions.create(**asked, extra_headers={"x-gateway-strict": said})
    assert refused.value.param == "temperature"


async def test_another_word_for_strictly_is_refused(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    with pytest.raises(BadRequestError) as refused:
        await by_openai.chat.completions.create(
            model="openai", messages=_HI, extra_headers={"x-gateway-strict": "maybe"}
        )
    assert (refused.value.code, refused.value.param) == ("invalid_value", "x-gateway-strict")
    assert not sim.requests()
