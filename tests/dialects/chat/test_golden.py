"""Golden cases of wire reference §4 that have chat completions on one side, where they go through neutral nouns.

Bytes that pass unchanged between two ends that both speak chat are tested in `tests/gateway/test_golden.py`.
"""

import json
from typing import Any

import pytest

from gateway.capabilities import USUAL, Capabilities
from gateway.chat_events import Unread
from gateway.dialects.chat.dialect import CHAT_IN, chat_out
from gateway.dialects.losses import Losses
from gateway.dialects.messages.dialect import INBOUND as MESSAGES_IN
from gateway.dialects.messages.versions import FIRST
from gateway.errors import GatewayError, ReportedError
from tests.dialects.chat.asking import DONE, FRAME_MAX, SENT, asked, chunk, events, frames, read, write
from tests.dialects.chat.sdk import accumulated, data_of

WITH_USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}
CLAUDE = {"model": "m", "max_tokens": 50}


def through(stream: bytes, **fields: Any) -> bytes:
    """A provider's stream as a chat caller gets it."""
    said = [event for event in events(stream) if not isinstance(event, Unread)]  # which no writer says
    return CHAT_IN.stream(asked(**fields)).write(said)


def from_anthropic(
    flavour: str = "generic", model: str = "m", **fields: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """(the body that a provider of chat gets, the names of tools that it does not know)."""
    request = MESSAGES_IN[FIRST].request({**CLAUDE, **fields}, Losses())
    sent = chat_out(flavour).request(request, model, USUAL, Losses())
    return json.loads(json.dumps(sent.body)), sent.names


def text_of(stream: bytes) -> str | None:
    return accumulated(stream).choices[0].message.content


def test_chat_stream_no_usage_asked() -> None:
    assert not any(
        frame.get("usage") or frame["choices"] == []
        for frame in data_of(through(frames("chat_azure_filter_first")))
    )


def test_chat_stream_usage_asked() -> None:
    found = data_of(through(frames("chat_azure_filter_first"), **WITH_USAGE))
    assert [frame["choices"] for frame in found if frame["usage"]] == [[]]
    assert found[-1]["usage"]["total_tokens"] == 10


def test_azure_first_empty_choices() -> None:
    assert text_of(through(frames("chat_azure_filter_first"))) == "Hi"


def test_sse_comment_keepalive() -> None:
    reader = chat_out("openrouter").stream(SENT, FRAME_MAX)
    assert reader.read(b": OPENROUTER PROCESSING\n\n" * 20) == [], "no first token"
    assert text_of(through(frames("chat_deepseek_keep_alive"))) == "Yes"


def test_sse_retry_and_empty_event() -> None:
    found = through(frames("chat_retry_and_empty_event"))
    assert b"retry" not in found and b"event:" not in found and b"id: " not in found
    assert text_of(found) == "Hi"


def test_upstream_eof_no_done_with_finish() -> None:
    assert through(frames("chat_retry_and_empty_event")).endswith(DONE)


def test_upstream_eof_mid_stream() -> None:
    reader, writer = chat_out("generic").stream(SENT, FRAME_MAX), CHAT_IN.stream(asked())
    said = writer.write(reader.read(chunk({"content": "a"}) * 3))
    with pytest.raises(GatewayError) as error:
        reader.finish()
    assert error.value.condition.code == "upstream_incomplete"
    assert b"[DONE]" not in said and b'"finish_reason":"' not in said


def test_openrouter_error_chunk() -> None:
    reader = chat_out("openrouter").stream(SENT, FRAME_MAX)
    said = CHAT_IN.stream(asked()).write(reader.read(frames("chat_openrouter_error")))
    assert b"Once" in said and b'"finish_reason":"' not in said
    with pytest.raises(ReportedError) as error:
        reader.finish()
    assert json.loads(error.value.event)["error"]["message"] == "Provider returned error"


def test_groq_x_groq_usage() -> None:
    found = accumulated(through(frames("chat_groq_x_groq"), **WITH_USAGE))
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (70, 18)
    extra = found.choices[0].message.model_extra
    assert extra is not None and extra["reasoning_content"] == "Say hi."


def test_mistral_content_list_thinking() -> None:
    message = accumulated(through(frames("chat_mistral_thinking"))).choices[0].message
    assert message.content == "It is four."
    assert message.model_extra == {"reasoning_content": "Two and two."}
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Two and two."}]},
        {"type": "text", "text": "It is four."},
    ]
    reply = chat_out("mistral").reply(
        {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}, SENT
    )
    whole: Any = CHAT_IN.reply(reply, asked())["choices"]
    assert whole[0]["message"]["content"] == "It is four."
    assert whole[0]["message"]["reasoning_content"] == "Two and two."


def test_mistral_calls_with_ids_null() -> None:
    choice = accumulated(through(frames("chat_mistral_calls"))).choices[0]
    calls: Any = choice.message.tool_calls
    assert [call.function.arguments for call in calls] == ['{"a": 1}', '{"a": 2}']
    assert len({call.id for call in calls} - {"null", ""}) == 2
    assert choice.finish_reason == "tool_calls"


def test_xai_reasoning_tokens() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 10,
        "total_tokens": 105,
        "completion_tokens_details": {"reasoning_tokens": 90},
    }
    stream = chunk({"content": "a"}) + chunk({}, "stop") + chunk(usage=usage) + DONE
    found = accumulated(through(stream, **WITH_USAGE)).usage
    assert found is not None
    assert (found.completion_tokens, found.total_tokens) == (100, 105)


def test_max_tokens_rename() -> None:
    assert write(read(max_completion_tokens=9), "mistral")["max_tokens"] == 9
    assert write(read(max_completion_tokens=9))["max_tokens"] == 9, "Ollama's compatible endpoint"
    assert write(read(max_tokens=9), "openai", "gpt-6-sol")["max_completion_tokens"] == 9


def test_gpt6_sampling_drop() -> None:
    can = Capabilities(effort_levels=("none", "low", "medium", "high"), thinking="level")
    request = read(temperature=0.2, reasoning_effort="medium")
    losses = Losses()
    body = write(request, "openai", "gpt-6-sol", can, losses)
    assert ("temperature" in body, body["reasoning_effort"]) == (False, "medium")
    assert losses.line() == b"dropped=temperature"
    with pytest.raises(GatewayError) as error:
        write(request, "openai", "gpt-6-sol", can, Losses(strict=True))
    assert (error.value.condition.code, error.value.param) == ("unsupported_parameter", "temperature")


def test_msg_to_chat_basic() -> None:
    system = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    body, _ = from_anthropic(system=system, messages=[{"role": "user", "content": "hi"}])
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief.\n\nBe kind."},
            {"role": "user", "content": "hi"},
        ],
        "max_tokens": 50,
    }
    newest, _ = from_anthropic(
        "openai", "gpt-6-sol", system="Be brief.", messages=[{"role": "user", "content": "hi"}]
    )
    assert newest["messages"][0] == {"role": "developer", "content": "Be brief."}
    assert newest["max_completion_tokens"] == 50


def test_msg_to_chat_tool_result_order() -> None:
    said = [
        {"type": "text", "text": "so?"},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain", "is_error": True},
    ]
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    body, _ = from_anthropic(
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": said},
        ],
        tools=[{"name": "weather", "input_schema": {"type": "object"}}],
    )
    _, spoken, result, rest = body["messages"]
    assert spoken["content"] is None
    assert spoken["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert result == {"role": "tool", "tool_call_id": "toolu_1", "content": "Error: rain"}
    assert rest == {"role": "user", "content": [{"type": "text", "text": "so?"}]}


def test_msg_to_chat_stream_usage_after_finish() -> None:
    found = MESSAGES_IN[FIRST].stream(asked()).write(events(frames("chat_openai_parallel_calls")))
    stated = [json.loads(line[6:]) for line in found.decode().splitlines() if line.startswith("data: ")]
    (end,) = [event for event in stated if event["type"] == "message_delta"]
    assert end["delta"]["stop_reason"] == "tool_use"
    assert (end["usage"]["output_tokens"], end["usage"]["cache_read_input_tokens"]) == (30, 16)


def test_msg_to_chat_finish_stop_with_tools() -> None:
    message = {"content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}
    reply = chat_out("generic").reply({"choices": [{"message": message, "finish_reason": "stop"}]}, SENT)
    assert MESSAGES_IN[FIRST].reply(reply, asked())["stop_reason"] == "tool_use"


def test_msg_to_chat_long_tool_name() -> None:
    name = "weather_" * 12
    body, names = from_anthropic(
        messages=[{"role": "user", "content": "hi"}],
        tools=[{"name": name, "input_schema": {"type": "object"}}],
    )
    sent = body["tools"][0]["function"]["name"]
    assert len(sent) == 64
    assert names == {sent: name}


def test_msg_to_chat_server_tool() -> None:
    with pytest.raises(GatewayError) as error:
        from_anthropic(
            messages=[{"role": "user", "content": "hi"}],
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
        )
    assert error.value.condition.status == 400
