"""The official Anthropic SDK against the simulator."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from provider_sim import ProviderSim

TOOL: Any = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
async def client(sim: ProviderSim) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key="k1", base_url=sim.url, max_retries=0) as made:
        yield made


async def test_message_and_count(client: anthropic.AsyncAnthropic) -> None:
    made = await client.messages.create(model="chat", max_tokens=100, messages=user("quiet rivers"))
    assert made.content[0].type == "text" and "quiet rivers" in made.content[0].text
    assert made.stop_reason == "end_turn"
    counted = await client.messages.count_tokens(model="chat", messages=user("quiet rivers"))
    assert counted.input_tokens == made.usage.input_tokens


async def test_stream_of_thinking_and_tool_and_the_turn_after_it(client: anthropic.AsyncAnthropic) -> None:
    asked: Any = {"model": "chat", "max_tokens": 3000, "tools": [TOOL], "thinking": {"type": "adaptive"}}
    async with client.messages.stream(messages=user("Oslo?"), **asked) as stream:
        final = await stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "tool_use"]
    assert final.stop_reason == "tool_use"
    called = final.content[1]
    assert called.type == "tool_use" and called.input["city"]
    turn = [block.model_dump(exclude_none=True) for block in final.content]
    result = {"type": "tool_result", "tool_use_id": called.id, "content": "rain"}
    messages = [*user("Oslo?"), {"role": "assistant", "content": turn}, {"role": "user", "content": [result]}]
    spoken = await client.messages.create(messages=messages, **asked)
    assert spoken.stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="without `tool_result`"):
        await client.messages.create(messages=[*messages[:2], *user("and?")], **asked)


async def test_stream_frames_carry_usage_at_both_ends(client: anthropic.AsyncAnthropic) -> None:
    text = "Hi [[sim:cached=3 cache_write=2 input=20]]"
    stream = await client.messages.create(model="chat", max_tokens=50, messages=user(text), stream=True)
    events = [event async for event in stream]
    assert events[0].type == "message_start" and events[-1].type == "message_stop"
    usage = events[0].message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (
        15,
        3,
        2,
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extra_body": {"temperature": 1}}, "temperature: Extra inputs are not permitted"),
        ({"messages": user(" ")}, "non-whitespace"),
        ({"messages": []}, "at least one message"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "budget_tokens"),
        ({"model": "claude-opus-5-5", "tools": [TOOL], "tool_choice": {"type": "any"}}, "forced tool choice"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            "additionalProperties",
        ),
    ],
)
async def test_what_anthropic_refuses(client: anthropic.AsyncAnthropic, change: Any, words: str) -> None:
    asked: Any = {"model": "chat", "max_tokens": 100, "messages": user("x"), **change}
    with pytest.raises(anthropic.BadRequestError, match=words):
        await client.messages.create(**asked)


async def test_schema_output_is_an_instance(client: anthropic.AsyncAnthropic) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    config: Any = {"format": {"type": "json_schema", "schema": schema}}
    made = await client.messages.create(model="chat", max_tokens=99, messages=user("x"), output_config=config)
    assert made.content[0].type == "text" and made.content[0].text.startswith('{"n":')


async def test_errors_have_their_classes(client: anthropic.AsyncAnthropic) -> None:
    async def ask(text: str, **more: Any) -> Any:
        return await client.messages.create(
            **{"model": "chat", "max_tokens": 9, "messages": user(text), **more}
        )

    with pytest.raises(anthropic.OverloadedError):
        await ask("[[sim:status=529]]")
    with pytest.raises(anthropic.RateLimitError) as spent:
        await ask("[[sim:quota]]")
    assert type(spent.value).__name__ == "EnforcedSpendLimitReachedError"
    with pytest.raises(anthropic.NotFoundError):
        await ask("x", model="unknown")
    with pytest.raises(anthropic.APIStatusError) as broken:
        async for _ in await ask("[[sim:error_after=3]]", stream=True):
            pass
    assert broken.value.type == "overloaded_error"


async def test_shared_model_list(client: anthropic.AsyncAnthropic) -> None:
    assert [model.id async for model in client.models.list()] == ["chat", "embed"]
    with pytest.raises(anthropic.AuthenticationError):
        await client.with_options(api_key="bad-1").models.list()
