"""Every official SDK in front of every provider dialect: text, streams, tools, thinking, errors, usage."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic
from google.genai import errors as google_errors
from google.genai import types
from openai import AsyncOpenAI

from tests.behind import BEHIND, behind_every_dialect
from tests.gateway.wire import post
from tests.running import ProviderSim, RunningGateway

ASKED = "Say hello to the lighthouse."
CALLING = "Weather in Oslo? [[sim:calls=2]]"
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(behind_every_dialect(sim)) as running:
        yield running


every_dialect = pytest.mark.parametrize("behind", BEHIND)


@every_dialect
async def test_chat(by_openai: AsyncOpenAI, behind: str) -> None:
    reply = await by_openai.chat.completions.create(
        model=behind,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": ASKED}],
        max_completion_tokens=200,
    )
    assert "lighthouse" in (reply.choices[0].message.content or "")
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 0
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@every_dialect
async def test_chat_streams(by_openai: AsyncOpenAI, behind: str) -> None:
    async with by_openai.chat.completions.stream(
        model=behind,
        messages=[{"role": "user", "content": ASKED}],
        stream_options={"include_usage": True},
    ) as stream:
        final = await stream.get_final_completion()
    assert "lighthouse" in (final.choices[0].message.content or "")
    assert final.choices[0].finish_reason == "stop"
    assert final.usage is not None
    assert final.usage.completion_tokens > 0


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
async def test_chat_calls_tools(by_openai: AsyncOpenAI, behind: str, streamed: bool) -> None:
    tools: Any = [
        {
            "type": "function",
            "function": {"name": "weather", "description": "of a city", "parameters": _SCHEMA},
        }
    ]
    messages: Any = [{"role": "user", "content": CALLING}]
    if streamed:
        async with by_openai.chat.completions.stream(model=behind, messages=messages, tools=tools) as stream:
            reply: Any = await stream.get_final_completion()
    else:
        reply = await by_openai.chat.completions.create(model=behind, messages=messages, tools=tools)
    assert reply.choices[0].finish_reason == "tool_calls"
    calls = reply.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["weather", "weather"]
    assert len({call.id for call in calls}) == 2
    messages.append(reply.choices[0].message.model_dump(exclude_none=True))
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in calls]
    again = await by_openai.chat.completions.create(model=behind, messages=messages, tools=tools)
    assert again.choices[0].message.content is not None or again.choices[0].message.tool_calls


@every_dialect
async def test_responses(by_openai: AsyncOpenAI, behind: str) -> None:
    reply = await by_openai.responses.create(model=behind, input=ASKED, instructions="Be brief.")
    assert "lighthouse" in reply.output_text
    assert reply.status == "completed"
    assert reply.usage is not None
    assert reply.usage.input_tokens > 0


@every_dialect
async def test_responses_stream(by_openai: AsyncOpenAI, behind: str) -> None:
    async with by_openai.responses.stream(model=behind, input=ASKED) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()
    assert "lighthouse" in final.output_text


@every_dialect
async def test_responses_call_tools(by_openai: AsyncOpenAI, behind: str) -> None:
    tools: Any = [{"type": "function", "name": "weather", "parameters": _SCHEMA, "strict": True}]
    reply = await by_openai.responses.create(model=behind, input=CALLING, tools=tools)
    calls = [item for item in reply.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["weather", "weather"]
    past: Any = [
        {"role": "user", "content": CALLING},
        *[item.model_dump(exclude_none=True) for item in reply.output],
        *[{"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in calls],
    ]
    again = await by_openai.responses.create(model=behind, input=past, tools=tools)
    assert again.status == "completed"


@pytest.mark.parametrize(
    ("model", "effort", "path"),
    [
        ("gpt-6-sol", {}, "/v1/responses"),
        ("gpt-6-luna", {"reasoning_effort": "high"}, "/v1/responses"),
        ("gpt-6-sol", {"reasoning_effort": "none"}, "/v1/chat/completions"),
        ("gpt-5.4", {}, "/v1/chat/completions"),
    ],
)
async def test_tools_go_where_the_model_takes_them(
    by_openai: AsyncOpenAI, sim: ProviderSim, model: str, effort: dict[str, Any], path: str
) -> None:
    """Who thinks unasked takes them in a chat only if told not to (wire reference §0.4, §5)."""
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": _SCHEMA}}]
    await by_openai.chat.completions.create(
        model=f"openai/{model}", messages=[{"role": "user", "content": ASKED}], tools=tools, **effort
    )
    assert sim.requests()[-1]["target"] == path


async def test_a_compaction_is_asked_of_openai_alone(by_openai: AsyncOpenAI) -> None:
    compacted = await by_openai.responses.compact(model="openai", input=ASKED)
    assert compacted.output[-1].type == "compaction"
    with pytest.raises(openai.NotFoundError) as caught:
        await by_openai.responses.compact(model="anthropic", input=ASKED)
    assert caught.value.code == "unsupported_endpoint"


@every_dialect
async def test_messages(by_anthropic: AsyncAnthropic, behind: str) -> None:
    reply = await by_anthropic.messages.create(
        model=behind, max_tokens=200, system="Be brief.", messages=[{"role": "user", "content": ASKED}]
    )
    assert reply.type == "message"
    assert any(block.type == "text" and "lighthouse" in block.text for block in reply.content)
    assert reply.stop_reason == "end_turn"
    assert reply.usage.input_tokens > 0


@every_dialect
async def test_messages_stream(by_anthropic: AsyncAnthropic, behind: str) -> None:
    async with by_anthropic.messages.stream(
        model=behind, max_tokens=200, messages=[{"role": "user", "content": ASKED}]
    ) as stream:
        final = await stream.get_final_message()
    assert any(block.type == "text" and "lighthouse" in block.text for block in final.content)
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
async def test_messages_use_tools(by_anthropic: AsyncAnthropic, behind: str, streamed: bool) -> None:
    asked: dict[str, Any] = {
        "model": behind,
        "max_tokens": 500,
        "tools": [{"name": "weather", "description": "of a city", "input_schema": _SCHEMA}],
        "messages": [{"role": "user", "content": CALLING}],
    }
    if streamed:
        async with by_anthropic.messages.stream(**asked) as stream:
            reply: Any = await stream.get_final_message()
    else:
        reply = await by_anthropic.messages.create(**asked)
    assert reply.stop_reason == "tool_use"
    used = [block for block in reply.content if block.type == "tool_use"]
    assert [block.name for block in used] == ["weather", "weather"]
    assert all(isinstance(block.input, dict) for block in used)
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": "rain"} for block in used]
    asked["messages"] += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in reply.content]},
        {"role": "user", "content": results},
    ]
    again = await by_anthropic.messages.create(**asked)
    assert again.content


@every_dialect
async def test_tokens_are_counted(by_anthropic: AsyncAnthropic, behind: str) -> None:
    counted = await by_anthropic.messages.count_tokens(
        model=behind, messages=[{"role": "user", "content": ASKED}]
    )
    assert counted.input_tokens > 0


@every_dialect
async def test_google(by_google: Any, behind: str) -> None:
    reply = await by_google.models.generate_content(
        model=behind, contents=ASKED, config=types.GenerateContentConfig(system_instruction="Be brief.")
    )
    assert "lighthouse" in reply.text
    assert reply.candidates[0].finish_reason == types.FinishReason.STOP
    assert reply.usage_metadata.prompt_token_count > 0


@every_dialect
async def test_google_streams(by_google: Any, behind: str) -> None:
    said, finish = "", None
    async for chunk in await by_google.models.generate_content_stream(model=behind, contents=ASKED):
        said += chunk.text or ""
        finish = chunk.candidates[0].finish_reason or finish if chunk.candidates else finish
    assert "lighthouse" in said
    assert finish == types.FinishReason.STOP


@every_dialect
async def test_google_counts(by_google: Any, behind: str) -> None:
    counted = await by_google.models.count_tokens(model=behind, contents=ASKED)
    assert counted.total_tokens > 0


@every_dialect
async def test_refusals_are_in_the_callers_words(
    by_openai: AsyncOpenAI, by_anthropic: AsyncAnthropic, by_google: Any, behind: str
) -> None:
    broken = "[[sim:status=400 message=too_odd]]"
    with pytest.raises(openai.BadRequestError):
        await by_openai.chat.completions.create(model=behind, messages=[{"role": "user", "content": broken}])
    with pytest.raises(anthropic.BadRequestError) as caught:
        await by_anthropic.messages.create(
            model=behind, max_tokens=9, messages=[{"role": "user", "content": broken}]
        )
    assert caught.value.body["type"] == "error"  # type: ignore[index, call-overload]
    with pytest.raises(google_errors.ClientError) as google:
        await by_google.models.generate_content(model=behind, contents=broken)
    assert google.value.status == "INVALID_ARGUMENT"


@every_dialect
async def test_a_stream_that_breaks_is_never_whole(by_openai: AsyncOpenAI, behind: str) -> None:
    broken = f"{ASKED} [[sim:frames=8 error_after=3]]"
    with pytest.raises(openai.APIError):
        async for _ in await by_openai.chat.completions.create(
            model=behind, messages=[{"role": "user", "content": broken}], stream=True
        ):
            pass


@every_dialect
async def test_json_that_is_no_reply_is_none(by_anthropic: AsyncAnthropic, behind: str) -> None:
    with pytest.raises(anthropic.InternalServerError) as caught:
        async with by_anthropic.messages.stream(
            model=behind,
            max_tokens=200,
            messages=[{"role": "user", "content": f"{ASKED} [[sim:json_for_stream]]"}],
        ) as stream:
            await stream.get_final_message()
    assert caught.value.status_code == 502


async def test_what_is_lost_is_told(gateway: RunningGateway, by_openai: AsyncOpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "anthropic",
        "messages": [{"role": "user", "content": ASKED}],
        "seed": 7,
        "logit_bias": {"5": 1},
    }
    raw = await by_openai.chat.completions.with_raw_response.create(**asked)
    assert "seed" in raw.headers["x-gateway-warnings"]
    assert "logit_bias" in raw.headers["x-gateway-warnings"]
    with pytest.raises(openai.BadRequestError) as caught:
        await by_openai.chat.completions.create(**asked, extra_headers={"x-gateway-strict": "true"})
    assert caught.value.code == "unsupported_parameter"


@every_dialect
@pytest.mark.parametrize("asked_in", ["chat", "responses", "messages", "gemini"])
async def test_an_answer_of_nothing_is_none(gateway: RunningGateway, asked_in: str, behind: str) -> None:
    """Also where it would have passed unchanged."""
    broken = f"{ASKED} [[sim:wrong_shape]]"
    said = {"role": "user", "content": broken}
    requests: dict[str, tuple[str, dict[str, Any]]] = {
        "chat": ("/v1/chat/completions", {"model": behind, "messages": [said]}),
        "responses": ("/v1/responses", {"model": behind, "input": broken}),
        "messages": ("/v1/messages", {"model": behind, "max_tokens": 9, "messages": [said]}),
        "gemini": (f"/v1beta/models/{behind}:generateContent", {"contents": [{"parts": [{"text": broken}]}]}),
    }
    path, body = requests[asked_in]
    reply = await post(gateway, body, path=path)
    assert reply.status == 502


@every_dialect
async def test_what_is_too_long_is_named_as_the_caller_knows_it(by_openai: AsyncOpenAI, behind: str) -> None:
    long = f"{ASKED} [[sim:context]]"
    with pytest.raises(openai.BadRequestError) as chat:
        await by_openai.chat.completions.create(model=behind, messages=[{"role": "user", "content": long}])
    assert (chat.value.code, chat.value.param) == ("context_length_exceeded", "messages")
    with pytest.raises(openai.BadRequestError) as responses:
        await by_openai.responses.create(model=behind, input=long)
    assert (responses.value.code, responses.value.param) == ("context_length_exceeded", "input")


@every_dialect
async def test_422_is_for_those_who_know_it(
    by_openai: AsyncOpenAI, by_anthropic: AsyncAnthropic, behind: str
) -> None:
    odd = "[[sim:status=422 message=too_odd]]"
    with pytest.raises(openai.APIStatusError) as caught:
        await by_openai.chat.completions.create(model=behind, messages=[{"role": "user", "content": odd}])
    assert caught.value.status_code == (422 if behind == "openai" else 400)
    with pytest.raises(anthropic.BadRequestError):
        await by_anthropic.messages.create(
            model=behind, max_tokens=9, messages=[{"role": "user", "content": odd}]
        )


async def test_a_model_that_anthropic_does_not_have(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    sim.fault(status=404, message="model: claude-none")
    with pytest.raises(openai.NotFoundError) as caught:
        await by_openai.chat.completions.create(
            model="anthropic", messages=[{"role": "user", "content": ASKED}]
        )
    error = caught.value
    assert (error.type, error.code, error.param) == ("invalid_request_error", "model_not_found", "model")


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
async def test_usage_that_no_provider_tells_is_estimated(
    by_openai: AsyncOpenAI, by_anthropic: AsyncAnthropic, behind: str, streamed: bool
) -> None:
    untold = f"{ASKED} [[sim:no_usage frames=20]]"
    if behind != "anthropic":
        asked: Any = {"model": behind, "max_tokens": 99, "messages": [{"role": "user", "content": untold}]}
        if streamed:
            async with by_anthropic.messages.stream(**asked) as stream:
                message = await stream.get_final_message()
        else:
            message = await by_anthropic.messages.create(**asked)
        assert message.usage.input_tokens > 0
        assert message.usage.output_tokens > 0
    if behind != "openai":
        if streamed:
            async with by_openai.responses.stream(model=behind, input=untold) as events:
                response = await events.get_final_response()
        else:
            response = await by_openai.responses.create(model=behind, input=untold)
        assert response.usage is not None
        assert response.usage.input_tokens > 0
        assert response.usage.output_tokens > 0


@pytest.mark.parametrize("behind", ["anthropic", "gemini"])
async def test_results_of_calls_of_one_id_all_arrive(
    gateway: RunningGateway, sim: ProviderSim, behind: str
) -> None:
    calls = [{"id": "x", "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "fg"]
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": calls},
    ]
    messages += [{"role": "tool", "tool_call_id": "x", "content": said} for said in ("first", "second")]
    reply = await post(
        gateway, {"model": behind, "max_tokens": 9, "messages": messages}, path="/v1/chat/completions"
    )
    assert reply.status == 200
    (sent,) = sim.requests()
    assert "first" in str(sent) and "second" in str(sent)
