"""A provider refuses a field without which the request asks the same: it is left out, once and from then on."""

from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI, BadRequestError

from tests.behind import behind_every_dialect, sent
from tests.gateway.wire import post
from tests.running import ProviderSim, RunningGateway

_HI: Any = [{"role": "user", "content": "hi"}]
_JSON = {"content-type": "application/json"}


def refuse(
    sim: ProviderSim, param: str, message: str = "Unsupported parameter: '{}' is not supported."
) -> None:
    said = {"message": message.format(param), "type": "invalid_request_error", "param": param, "code": None}
    sim.script(status=400, body={"error": said}, headers=_JSON)


async def ask(by_openai: AsyncOpenAI, **fields: Any) -> Any:
    return await by_openai.chat.completions.with_raw_response.create(model="smart", messages=_HI, **fields)


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_is_left_out_and_the_answer_says_so(
    by_openai: AsyncOpenAI, sim: ProviderSim, streamed: bool
) -> None:
    refuse(sim, "seed")
    said = await ask(by_openai, seed=1, stream=streamed)
    assert (said.headers["x-gateway-warnings"], said.headers["x-gateway-attempts"]) == ("dropped=seed", "2")
    again = await ask(by_openai, seed=2)
    assert (again.headers["x-gateway-warnings"], again.headers["x-gateway-attempts"]) == ("dropped=seed", "1")
    assert "x-gateway-warnings" not in (await ask(by_openai)).headers
    first, *rest = [str(request["body"]) for request in sim.requests()]
    assert '"seed"' in first and not any('"seed"' in body for body in rest)
    assert len(rest) == 3


async def test_once(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    refuse(sim, "seed")
    refuse(sim, "top_p")
    with pytest.raises(BadRequestError) as refused:
        await ask(by_openai, seed=1, top_p=0.5)
    assert refused.value.param == "top_p"
    assert len(sim.requests()) == 2


@pytest.mark.parametrize("param", ["tools", "response_format", "messages", "seed"])
async def test_what_changes_the_meaning_or_was_not_said_is_not(
    by_openai: AsyncOpenAI, sim: ProviderSim, param: str
) -> None:
    refuse(sim, param)
    with pytest.raises(BadRequestError) as refused:
        await ask(by_openai, response_format={"type": "json_object"}, temperature=0.5)
    assert refused.value.param == param
    assert len(sim.requests()) == 1


async def test_of_a_value_only_that_value(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    refuse(sim, "reasoning_effort", "Unsupported value: '{}' does not support 'minimal' with this model.")
    assert (await ask(by_openai, reasoning_effort="minimal")).headers["x-gateway-attempts"] == "2"
    assert "x-gateway-warnings" not in (await ask(by_openai, reasoning_effort="low")).headers
    assert (await ask(by_openai, reasoning_effort="minimal")).headers["x-gateway-attempts"] == "1"


async def test_strictly_it_is_refused(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    refuse(sim, "seed")
    for _ in range(2):
        with pytest.raises(BadRequestError) as refused:
            await ask(by_openai, seed=1, extra_headers={"x-gateway-strict": "true"})
        assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "seed")
    assert len(sim.requests()) == 1


async def test_in_the_callers_words(by_anthropic: AsyncAnthropic, sim: ProviderSim) -> None:
    refuse(sim, "safety_identifier")
    said = await by_anthropic.messages.with_raw_response.create(
        model="smart", messages=_HI, max_tokens=50, metadata={"user_id": "u"}
    )
    assert said.headers["x-gateway-warnings"] == "dropped=metadata.user_id"
    assert len(sim.requests()) == 2


_UNKNOWN = "Invalid JSON payload received. Unknown name \"topK\" at 'generation_config': Cannot find field."


@pytest.mark.parametrize(
    ("model", "said", "fields", "dropped", "gone"),
    [
        ("gemini", _UNKNOWN, {"top_k": 3, "seed": 1}, "top_k", "topK"),
        ("gemini", "Penalty is not enabled for models/chat", {"presence_penalty": 1, "frequency_penalty": 1},
         "frequency_penalty,presence_penalty", "presencePenalty"),
        ("gemini", "Thinking is not enabled for models/chat", {"reasoning_effort": "low"}, "reasoning_effort",
         "thinkingConfig"),
        ("ollama", '"chat" does not support thinking', {"reasoning_effort": "low"}, "reasoning_effort", "think"),
        ("ollama", 'think value "low" is not supported for this model', {"reasoning_effort": "low"},
         "reasoning_effort", "think"),
    ],
)  # fmt: skip
async def test_in_the_words_of_google_and_ollama(
    sim: ProviderSim, model: str, said: str, fields: dict[str, Any], dropped: str, gone: str
) -> None:
    async with RunningGateway(behind_every_dialect(sim)) as gateway:
        error: Any = (
            said if model == "ollama" else {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}
        )
        sim.script(status=400, body={"error": error}, headers=_JSON)
        asked = {"model": model, "messages": _HI, "temperature": 0.5, **fields}
        for attempts in ("2", "1"):
            reply = await post(gateway, asked)
            assert (reply.status, reply.headers["x-gateway-attempts"]) == (200, attempts)
            assert reply.headers["x-gateway-warnings"] == f"dropped={dropped}"
            body = sent(sim)
            kept = body["generationConfig"] if model == "gemini" else {**body, **body["options"]}
            assert kept["temperature"] == 0.5 and gone not in kept
            assert kept.get("seed") == fields.get("seed")
