"""Whole messages: Anthropic's as neutral replies, neutral replies as what Anthropic's SDK reads."""

from typing import Any

import orjson
import pytest
from hypothesis import given

from gateway.chat import (
    Answer,
    ChatReply,
    ChatRequest,
    Citation,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
)
from gateway.dialects.losses import Losses
from gateway.dialects.messages.dialect import INBOUND, MessagesOut
from gateway.dialects.messages.versions import NEWEST
from gateway.dialects.translation import Asked, Sent
from gateway.dialects.usage import read_reply as read_relayed
from gateway.errors import GatewayError, ReportedError
from gateway.exchange import Kinds, Usage
from gateway.record import replace
from tests.dialects.conversations import later
from tests.dialects.messages.conversations import replies
from tests.dialects.messages.sdk import whole

SENT = Sent("/messages", {})
ASKED = Asked(ChatRequest(()), "smart", "01ABC", 1_700_000_000, later)
USAGE: Any = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
    "output_tokens": 5,
    "service_tier": "standard",
}
#: Of what Anthropic's schema wants and was not told.
UNTOLD = {"inference_geo": None, "output_tokens_details": None, "server_tool_use": None, "service_tier": None}


def message(*content: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": list(content),
        "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE, **more,
    }  # fmt: skip


def read(body: Any, sent: Sent = SENT) -> ChatReply:
    return MessagesOut().reply(body, sent)


def write(*blocks: Any, stop: Stop = "stop", **more: Any) -> Any:
    reply = ChatReply(
        (Answer(tuple(blocks), stop, **more),), "id", "m", usage=Usage(10, 5, source="provider")
    )
    written = INBOUND[NEWEST].reply(reply, ASKED)
    whole(written)
    return written


def test_ant_usage_cache() -> None:
    reply = read(message({"type": "text", "text": "hi"}))
    counted = Usage(1110, 5, 1000, 100, 0, "provider", Kinds(cache_write_1h=40))
    assert (reply.id, reply.model, reply.usage, reply.tier) == ("msg_1", "claude", counted, "default")
    assert reply.answers == (Answer((Text("hi"),), "stop"),)
    assert read_relayed(orjson.dumps(message()), "messages") == (counted, None)
    written: Any = INBOUND[NEWEST].reply(reply, ASKED)
    assert written["usage"] == UNTOLD | USAGE


def test_calls_without_an_id_get_one_of_the_messages() -> None:
    use = {"type": "tool_use", "name": "f", "input": {}}
    blocks = read(message({**use, "id": ""}, use, {**use, "id": "t"})).answers[0].blocks
    ids = [block.id for block in blocks if isinstance(block, ToolCall)]
    assert ids == ["call_msg_1_0", "call_msg_1_1", "t"]


def test_blocks_of_a_reply() -> None:
    reply = read(
        message(
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "server_tool_use", "id": "x", "name": "web_search", "input": {}},
            {
                "type": "text",
                "text": "t",
                "citations": [
                    {"type": "web_search_result_location", "url": "u", "title": "T"},
                    {"type": "page"},
                ],
            },
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": "ü"}},
            {"type": "tool_use", "id": "b", "name": "run_it", "input": {"input": "ls"}},
            stop_reason="tool_use",
        ),
        Sent(
            "", {}, names={"run_it": "run it"}, request=ChatRequest((), tools=(Tool("run it", custom=True),))
        ),
    )
    assert reply.answers[0].stop == "tool_calls"
    assert reply.answers[0].blocks == (
        Thinking("hm", Signature("anthropic", "s")),
        Thinking("", Signature("anthropic", "d")),
        Text("t", citations=(Citation("u", "T"),)),
        ToolCall("a", "f", '{"x":"ü"}'),
        ToolCall("b", "run it", "ls", custom=True),
    )


def test_ant_refusal() -> None:
    details = {"type": "refusal", "category": None, "explanation": "No."}
    assert read(message(stop_reason="refusal", stop_details=details)).answers[0] == Answer(
        (), "refusal", explanation="No."
    )
    silent = read(message(stop_reason="refusal")).answers[0]
    assert silent.explanation == "The model declined to respond."


@pytest.mark.parametrize(
    ("said", "stop"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "context_window"),
        ("pause_turn", "pause"),
        ("compaction", "length"),
        ("some_new_reason", "stop"),
        (None, "stop"),
    ],
)
def test_why_it_ended(said: str | None, stop: str) -> None:
    assert read(message(stop_reason=said)).answers[0].stop == stop


def test_the_answers_own_tool_is_the_answer() -> None:
    sent = Sent("", {}, answer_tool="json_tool_call")
    own = {"type": "tool_use", "id": "a", "name": "json_tool_call", "input": {"a": 1}}
    other = {"type": "tool_use", "id": "b", "name": "f", "input": {}}
    assert read(message(own, stop_reason="tool_use"), sent).answers[0] == Answer((Text('{"a":1}'),), "stop")
    assert read(message(own, other, stop_reason="tool_use"), sent).answers[0].stop == "tool_calls"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"content": None}, {"content": "hi"}, {"content": ["hi"]}, {"type": "message"},
        message({"text": "hi"}), message({"type": 5}), message({"type": "text", "text": {"a": 1}}),
        message({"type": "tool_use", "input": {}}), message({"type": "tool_use", "name": "f", "input": "x"}),
        message({"type": "thinking", "thinking": 5}),
    ],
)  # fmt: skip
def test_garbage_is_no_reply(body: Any) -> None:
    with pytest.raises(GatewayError) as caught:
        read(body)
    assert caught.value.condition.code == "upstream_invalid_response"


def test_an_error_is_no_reply() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ReportedError) as caught:
        read(error)
    assert orjson.loads(caught.value.event) == error
    assert read_relayed(orjson.dumps(error), "messages") == (None, error["error"])


def test_a_reply_is_a_message() -> None:
    assert write(Thinking("hm", Signature("anthropic", "s")), Text("t"), matched="END") == {
        "id": "msg_01ABC",
        "type": "message",
        "role": "assistant",
        "model": "smart",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "t", "citations": []},
        ],
        "stop_reason": "stop_sequence",
        "stop_sequence": "END",
        "stop_details": None,
        "container": None,
        "usage": UNTOLD
        | {
            "input_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        },
    }


def test_an_empty_reply_has_no_blocks() -> None:
    for reply in (write(), write(Text(""), Thinking(""))):
        assert (reply["content"], reply["stop_reason"]) == ([], "end_turn")
    nothing: Any = INBOUND[NEWEST].reply(ChatReply(()), ASKED)
    assert whole(nothing).content == []


def test_what_a_model_says_instead_of_arguments_is_told() -> None:
    calls = (ToolCall("", "f", "{bad"), ToolCall("b", "g", ""), ToolCall("c", "h", "ls", custom=True))
    losses = Losses(strict=True)
    told = INBOUND[NEWEST].reply(ChatReply((Answer(calls, "tool_calls"),)), replace(ASKED, losses=losses))
    assert losses.line() == b"unread=_raw"
    content: Any = told["content"]
    assert [block["input"] for block in content] == [{"_raw": "{bad"}, {}, {"input": "ls"}]
    assert [block["id"] for block in content] == ["toolu_01ABC_0", "b", "c"]


def test_refusals_and_filters() -> None:
    refused = write(Refusal("I will "), Refusal("not."))
    assert (refused["stop_reason"], refused["content"]) == ("refusal", [])
    assert refused["stop_details"]["explanation"] == "I will not."
    kept = write(Text("partly"), stop="content_filter", explanation="SAFETY")
    assert (kept["stop_reason"], kept["stop_details"]["explanation"]) == ("refusal", "SAFETY")
    assert kept["content"] == [{"type": "text", "text": "partly", "citations": []}]
    with pytest.raises(GatewayError) as caught:
        write(stop="error", explanation="It broke.")
    assert (caught.value.condition.code, caught.value.message) == ("upstream_error", "It broke.")


def test_foreign_thoughts_are_marked() -> None:
    content = write(
        Thinking("shown"),
        Thinking("shown too", Signature("gemini", "g")),
        Thinking("", Signature("openai", "enc", "rs_1")),
    )["content"]
    assert content == [
        {"type": "thinking", "thinking": "shown", "signature": "gw1:"},
        {"type": "thinking", "thinking": "shown too", "signature": "gw1:gemini::g"},
        {"type": "redacted_thinking", "data": "gw1:openai:rs_1:enc"},
    ]


def test_tiers_and_searches() -> None:
    usage = Usage(1, 1, source="provider", kinds=Kinds(searches=2))
    reply = ChatReply((), usage=usage, tier="priority")
    written: Any = INBOUND[NEWEST].reply(reply, ASKED)
    assert written["usage"]["server_tool_use"] == {"web_search_requests": 2, "web_fetch_requests": 0}
    assert whole(written).usage.service_tier == "priority"
    assert read(message(usage={**USAGE, "speed": "fast"})).tier == "priority"
    assert read(message(usage={**USAGE, "speed": "fast"})).usage.kinds == Kinds(
        cache_write_1h=40, tier="fast"
    )


@given(replies())
def test_a_reply_comes_back_as_it_was(reply: ChatReply) -> None:
    written = INBOUND[NEWEST].reply(reply, ASKED)
    whole(written)
    back = read(written)
    assert back == replace(reply, id="msg_01ABC", model="smart", tier="", usage=back.usage)
    assert replace(back.usage, kinds=None) == reply.usage
