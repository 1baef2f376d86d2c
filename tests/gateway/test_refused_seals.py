"""A provider refuses signatures that it did not make, or previews that it does not know: it is asked without."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from anthropic import BadRequestError as AnthropicBadRequestError
from openai import AsyncOpenAI

from tests.behind import behind_every_dialect, sent
from tests.running import ProviderSim, RunningGateway

_JSON = {"content-type": "application/json"}
_HI: Any = [{"role": "user", "content": "hi"}]
_SIGNED: Any = [
    *_HI,
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "text", "text": "ho"},
        ],
    },
    *_HI,
]
_BAD = "messages.1.content.0: Invalid `signature` in `thinking` block"


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(behind_every_dialect(sim)) as running:
        yield running


def refuse(sim: ProviderSim, message: str, **more: Any) -> None:
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": message, **more}}
    sim.script(status=400, body=said, headers=_JSON)


async def ask(client: AsyncAnthropic, messages: Any = _SIGNED, **more: Any) -> Any:
    return await client.messages.with_raw_response.create(
        model="anthropic", max_tokens=50, messages=messages, **more
    )


async def test_without_thoughts_that_another_account_signed(
    by_anthropic: AsyncAnthropic, sim: ProviderSim
) -> None:
    refuse(sim, _BAD)
    said = await ask(by_anthropic)
    assert (said.headers["x-gateway-warnings"], said.headers["x-gateway-attempts"]) == (
        "dropped=signature",
        "2",
    )
    assert sent(sim)["messages"][1]["content"] == [{"type": "text", "text": "ho"}]


async def test_once(by_anthropic: AsyncAnthropic, sim: ProviderSim) -> None:
    refuse(sim, _BAD)
    refuse(sim, _BAD)
    with pytest.raises(AnthropicBadRequestError):
        await ask(by_anthropic)
    assert len(sim.requests()) == 2


async def test_not_where_nothing_is_signed(by_anthropic: AsyncAnthropic, sim: ProviderSim) -> None:
    refuse(sim, _BAD)
    with pytest.raises(AnthropicBadRequestError):
        await ask(by_anthropic, _HI)
    assert len(sim.requests()) == 1


async def test_of_a_translated_conversation(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    google = {"google": {"thought_signature": "c2ln"}}
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": google,
    }
    tools: Any = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    messages: Any = [
        *_HI,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ]
    said = {"error": {"code": 400, "message": "Corrupted thought signature.", "status": "INVALID_ARGUMENT"}}
    sim.script(status=400, body=said, headers=_JSON)
    reply = await by_openai.chat.completions.with_raw_response.create(
        model="gemini", messages=messages, tools=tools
    )
    assert "dropped=signature" in reply.headers["x-gateway-warnings"]
    first, second = [str(one["body"]) for one in sim.requests()]
    assert "c2ln" in first and "c2ln" not in second


async def test_encrypted_reasoning(by_openai: AsyncOpenAI, sim: ProviderSim) -> None:
    refuse(sim, "The encrypted content could not be verified.", code="invalid_encrypted_content")
    items: Any = [
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln"},
        {"type": "message", "role": "user", "content": "ho"},
    ]
    said = await by_openai.responses.with_raw_response.create(model="openai", input=items)
    assert said.headers["x-gateway-warnings"] == "dropped=encrypted_content"
    assert [item["type"] for item in sent(sim)["input"]] == ["message", "message"]


async def test_unknown_previews_are_left_out_from_then_on(
    by_anthropic: AsyncAnthropic, sim: ProviderSim
) -> None:
    refuse(sim, "Unexpected value(s) `foo-2025-01-01` for the `anthropic-beta` header.")
    asked = {"anthropic-beta": "foo-2025-01-01,bar-2025-01-01"}
    for attempts in ("2", "1"):
        said = await ask(by_anthropic, _HI, extra_headers=asked)
        assert said.headers["x-gateway-attempts"] == attempts
        assert said.headers["x-gateway-warnings"] == "dropped=anthropic-beta"
    lines = [dict(one["headers"]).get("anthropic-beta") for one in sim.requests()]
    assert lines == ["foo-2025-01-01,bar-2025-01-01", "bar-2025-01-01", "bar-2025-01-01"]
    other = await ask(by_anthropic, _HI, extra_headers={"anthropic-beta": "bar-2025-01-01"})
    assert "x-gateway-warnings" not in other.headers


async def test_previews_that_were_not_asked_for_are_not_learned(
    by_anthropic: AsyncAnthropic, sim: ProviderSim
) -> None:
    refuse(sim, "Unexpected value(s) `foo-2025-01-01` for the `anthropic-beta` header.")
    with pytest.raises(AnthropicBadRequestError):
        await ask(by_anthropic, _HI, extra_headers={"anthropic-beta": "bar-2025-01-01"})
    assert len(sim.requests()) == 1
