"""Whole replies: of providers, read; to callers, written; and both in a row."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from gateway.chat import (
    Answer,
    Block,
    ChatReply,
    Citation,
    Logprob,
    Media,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
)
from gateway.dialects.chat.dialect import CHAT_IN, chat_out
from gateway.dialects.translation import Sent
from gateway.dialects.whole_as_stream import events_of
from gateway.errors import UPSTREAM_INVALID, GatewayError, ReportedError
from gateway.exchange import Kinds, Usage
from tests.dialects.chat.asking import SENT, asked, events, sent_with
from tests.dialects.conversations import answered, replies
from tests.dialects.gathered import Gathered

OUT = chat_out("generic")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def completion(message: dict[str, Any], finish: Any = "stop", **fields: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": finish,
        **fields.pop("choice", {}),
    }
    return {"id": "c1", "created": 5, "model": "pm", "choices": [choice], "usage": USAGE, **fields}


def answer(message: dict[str, Any], finish: Any = "stop", sent: Sent = SENT, **fields: Any) -> Answer:
    body = json.loads(json.dumps(completion(message, finish, **fields)))
    (found,) = OUT.reply(body, sent).answers
    return found


def written(*blocks: Block, stop: Stop = "stop", **fields: Any) -> dict[str, Any]:
    """The message that a caller gets, valid under the SDK's types."""
    body = CHAT_IN.reply(ChatReply((Answer(blocks, stop),)), asked(**fields))
    ChatCompletion.model_validate(body)
    message: dict[str, Any] = json.loads(json.dumps(body))["choices"][0]["message"]
    return message


SIGNED = st.none() | st.just(Signature("anthropic", "c2ln"))


@given(replies(signatures=SIGNED, choices_max=3))
def test_there_and_back(reply: ChatReply) -> None:
    body = CHAT_IN.reply(reply, asked())
    ChatCompletion.model_validate(body)
    again = OUT.reply(json.loads(json.dumps(body)), SENT)
    assert answered(again) == answered(reply)
    assert again.usage == reply.usage
    assert (again.id, again.model, again.created) == ("chatcmpl-01ABC", "shown", reply.created)


@given(replies(signatures=SIGNED, choices_max=3), st.lists(st.integers(0, 10_000), max_size=10))
def test_a_stream_of_it_says_the_same(reply: ChatReply, cuts: list[int]) -> None:
    """Written for a caller who is a gateway itself, and read again however it is cut."""
    stream = CHAT_IN.stream(asked(stream_options={"include_usage": True})).write(events_of(reply))
    again = Gathered()
    for event in events(stream, cuts):
        again.take(event)
    assert answered(again.reply()) == answered(reply)
    assert again.reply().usage == reply.usage


def test_a_plain_answer() -> None:
    reply = OUT.reply(completion({"content": "hi"}, service_tier="priority"), SENT)
    assert reply == ChatReply(
        (Answer((Text("hi"),), "stop"),),
        "c1",
        "pm",
        5,
        Usage(3, 2, source="provider", kinds=Kinds(tier="priority")),
        "priority",
    )


@pytest.mark.parametrize(
    ("message", "blocks"),
    [
        ({"content": "a", "reasoning_content": "r"}, (Thinking("r"), Text("a"))),
        ({"content": "a", "reasoning": "r"}, (Thinking("r"), Text("a"))),
        ({"content": "a", "reasoning": "r", "reasoning_content": "r"}, (Thinking("r"), Text("a"))),
        (
            {"content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}, {"type": "text", "text": "a"},
            ]},
            (Thinking("r"), Text("a")),
        ),
        ({"content": [{"type": "thinking", "thinking": "r"}, {"type": "reference"}]}, (Thinking("r"),)),
        (
            {"thinking_blocks": [{"thinking": "r", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}]},
            (Thinking("r", Signature("anthropic", "s")), Thinking("", Signature("anthropic", "d"))),
        ),
        (
            {"reasoning": "r", "reasoning_details": [{"text": "r", "signature": "s", "format": "f"}]},
            (Thinking("r", Signature("f", "s")),),
        ),
        (
            {"reasoning_details": [
                {"type": "reasoning.summary", "summary": "r", "index": 0},
                {"type": "reasoning.encrypted", "data": "d", "id": "rs", "index": 0, "format": "openai"},
            ]},
            (Thinking("r", Signature("openai", "d", "rs")),),
        ),
        ({"content": None, "refusal": "no"}, (Refusal("no"),)),
        ({"content": None}, ()),
        (
            {"content": "a", "annotations": [{"url_citation": {"url": "https://a/"}}, {"type": "x"}]},
            (Text("a", citations=(Citation("https://a/"),)),),
        ),
        (
            {"images": [
                {"image_url": {"url": "https://a/"}}, {"image_url": {"url": "data:image/png;base64,AAAA"}},
            ]},
            (Media("image", "images", url="https://a/"), Media("image", "images", "image/png", "AAAA")),
        ),
        (
            {"content": None, "audio": {"id": "x", "data": "AAAA", "transcript": "hi"}},
            (Text("hi"), Media("audio", "audio", "audio/wav", "AAAA")),
        ),
        (
            {"content": "a", "extra_content": {"google": {"thought_signature": "s"}}},
            (Text("a", signature=Signature("gemini", "s")),),
        ),
    ],
)  # fmt: skip
def test_where_providers_put_what_they_say(message: dict[str, Any], blocks: tuple[Block, ...]) -> None:
    assert answer(message).blocks == blocks


def test_calls_however_they_are_written() -> None:
    found = answer(
        {
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f_1", "arguments": ""}},
                {"id": "null", "function": {"name": "f", "arguments": {"a": "é"}}},
                {"function": {"name": "sql", "arguments": '{"input":"SELECT"}'}},
                {"id": "d", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}},
                {
                    "id": "f",
                    "function": {"name": "f"},
                    "extra_content": {"google": {"thought_signature": "s"}},
                },
            ],
        },
        sent=sent_with(Tool("sql", custom=True), names={"f_1": "f.1"}),
    )
    assert found == Answer(
        (
            ToolCall("a", "f.1", ""),
            ToolCall("call_c1_0", "f", '{"a":"é"}'),
            ToolCall("call_c1_1", "sql", "SELECT", custom=True),
            ToolCall("d", "sql", "SELECT", custom=True),
            ToolCall("f", "f", "", signature=Signature("gemini", "s")),
        ),
        "tool_calls",
    )


@pytest.mark.parametrize(
    "nothing", [{}, {"function": None}, {"function": {}}, {"function": {"arguments": "{}"}}]
)
def test_a_call_of_nothing_is_no_answer(nothing: dict[str, Any]) -> None:
    sound = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for several in ([nothing], [sound, nothing]):
        with pytest.raises(GatewayError) as caught:
            answer({"content": "a", "tool_calls": several})
        assert caught.value.condition is UPSTREAM_INVALID


def test_calls_of_a_reply_without_an_id_are_told_apart() -> None:
    ids = set()
    for text in ("a", "b"):
        body = completion(
            {"content": text, "function_call": {"name": "f", "arguments": "{}"}}, "function_call"
        )
        del body["id"]
        call = OUT.reply(body, SENT).answers[0].blocks[1]
        assert isinstance(call, ToolCall)
        ids.add(call.id)
    assert len(ids) == 2


def test_the_forced_tools_arguments_are_the_answer() -> None:
    message = {
        "content": None,
        "tool_calls": [{"id": "a", "function": {"name": "json_tool_call", "arguments": '{"a":1}'}}],
    }
    found = answer(message, "tool_calls", sent_with(answer_tool="json_tool_call"))
    assert found == Answer((Text('{"a":1}'),), "stop")


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "stop"), (None, "stop"), ("eos", "stop"), ("length", "length"), ("model_length", "length"),
        ("content_filter", "content_filter"), ("tool_calls", "stop"), ("whatever", "stop"), (7, "stop"),
    ],
)  # fmt: skip
def test_words_for_the_end(finish: Any, stop: str) -> None:
    assert answer({"content": "a"}, finish).stop == stop


def test_what_matched_is_vllms_to_tell() -> None:
    assert answer({"content": "a"}, choice={"stop_reason": "END"}).matched == "END"
    assert answer({"content": "a"}, choice={"stop_reason": 128009}).matched == "", "a token"
    assert answer({"content": "a"}, "length", choice={"stop_reason": "END"}).matched == ""


def test_scores_of_tokens() -> None:
    scores = {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1}]}]}
    assert answer({"content": "a"}, choice={"logprobs": scores}).logprobs == (
        Logprob("a", -0.5, (Logprob("b", -1.0),)),
    )


def test_usage_with_its_traps() -> None:
    def usage(**stated: Any) -> Usage:
        return OUT.reply({**completion({"content": "a"}), "usage": stated}, SENT).usage

    xai = usage(
        prompt_tokens=5,
        completion_tokens=10,
        total_tokens=105,
        completion_tokens_details={"reasoning_tokens": 90},
    )
    assert (xai.output, xai.reasoning) == (100, 90)
    deepseek = usage(prompt_tokens=100, completion_tokens=1, prompt_cache_hit_tokens=64)
    assert (deepseek.input, deepseek.cache_read) == (100, 64)
    assert usage(prompt_tokens=-1).source == "none"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "boom"}},
        {"error": "boom", "choices": [{"message": {"content": "a"}}]},
        {"object": "error", "message": "boom"},
        completion({"content": "a"}, "error"),
        completion({"content": ""}, "insufficient_system_resource"),
        completion({"content": "a"}, choice={"error": {"message": "boom"}}),
    ],
)
def test_an_error_inside_a_success(body: dict[str, Any]) -> None:
    with pytest.raises(ReportedError) as error:
        OUT.reply(body, SENT)
    assert json.loads(error.value.event) == body


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": [3]},
        {"choices": [{}]},
        {"choices": {"message": {}}},
        completion({"content": {"a": 1}}),
        completion({"content": [3]}),
        completion({"content": [{"text": {}}]}),
        completion({"content": "a", "refusal": 3}),
        completion({"tool_calls": "x"}),
        completion({"tool_calls": ["x"]}),
        completion({"tool_calls": [{"function": "x"}]}),
        completion({"tool_calls": [{"function": {"name": "f", "arguments": 5}}]}),
        completion({"function_call": "x"}),
        completion({"content": "", "audio": {"data": "@@@"}}),
        completion({"content": "", "images": [{"image_url": {"url": "data:image/png,odd"}}]}),
    ],
)
def test_garbage(body: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as error:
        OUT.reply(body, SENT)
    assert error.value.condition.code == "upstream_invalid_response"


def test_choices_come_in_their_order() -> None:
    body = completion({})
    body["choices"] = [{"index": index, "message": {"content": str(index)}} for index in (1, 0)]
    assert [answer.blocks for answer in OUT.reply(body, SENT).answers] == [(Text("0"),), (Text("1"),)]


def test_text_is_null_only_beside_something_else() -> None:
    assert written()["content"] == ""
    assert written(Thinking("hm"))["content"] == ""
    assert written(ToolCall("a", "f", "{}"), stop="tool_calls")["content"] is None
    assert written(Refusal("no"), stop="refusal")["content"] is None
    assert written(Text("a"), Text("b"))["content"] == "ab"


def test_a_call_without_arguments_has_an_empty_object() -> None:
    message = written(ToolCall("a", "f", ""), stop="tool_calls")
    assert message["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]


def test_plain_text_calls_are_custom() -> None:
    message = written(ToolCall("a", "sql", "SELECT", custom=True), stop="tool_calls")
    assert message["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}
    ]


def test_who_asks_with_functions_gets_a_function_call() -> None:
    reply = ChatReply((Answer((ToolCall("a", "f", "{}"),), "tool_calls"),))
    choice: Any = CHAT_IN.reply(reply, asked(functions=[{"name": "f"}]))["choices"]
    assert choice[0]["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice[0]["finish_reason"] == "function_call"
    assert "tool_calls" not in choice[0]["message"]


def test_reasoning_comes_with_what_its_provider_wants_back() -> None:
    message = written(
        Thinking("a", Signature("anthropic", "s")),
        Thinking("b"),
        Thinking("", Signature("anthropic", "d")),
        Text("c"),
    )
    assert message["reasoning_content"] == "ab"
    assert message["reasoning_details"] == [
        {"index": 0, "format": "anthropic", "type": "reasoning.text", "text": "a", "signature": "s"},
        {"index": 1, "type": "reasoning.text", "text": "b"},
        {"index": 2, "format": "anthropic", "type": "reasoning.encrypted", "data": "d"},
    ]
    assert "reasoning_details" not in written(Thinking("a"))


def test_sounds_and_images_of_an_answer() -> None:
    message = written(
        Text("hi"), Media("audio", "", "audio/wav", "AAAA"), Media("image", "", url="https://a/")
    )
    assert message["audio"] == {
        "id": "audio_01ABC",
        "data": "AAAA",
        "expires_at": 1_700_003_600,
        "transcript": "hi",
    }
    assert message["images"] == [{"type": "image_url", "image_url": {"url": "https://a/"}}]


def test_an_answer_that_ended_with_an_error_is_none() -> None:
    with pytest.raises(GatewayError) as error:
        written(Text("a"), stop="error")
    assert error.value.condition.code == "upstream_error"


def test_of_usage_nobody_reported_nothing_is_said() -> None:
    reply = ChatReply((Answer((Text("a"),), "stop"),), created=9, tier="flex")
    body = CHAT_IN.reply(reply, asked())
    assert "usage" not in body
    assert (body["created"], body["service_tier"]) == (9, "flex")


def test_usage_in_the_words_of_completions() -> None:
    usage = Usage(110, 20, 50, 30, 10, "provider", Kinds(audio_in=4, image_in=3, audio_out=2))
    body: Any = CHAT_IN.reply(ChatReply((Answer((), "stop"),), usage=usage), asked())
    assert body["usage"] == {
        "prompt_tokens": 110,
        "completion_tokens": 20,
        "total_tokens": 130,
        "prompt_tokens_details": {
            "cached_tokens": 50, "cache_write_tokens": 30, "audio_tokens": 4, "image_tokens": 3,
        },
        "completion_tokens_details": {"reasoning_tokens": 10, "audio_tokens": 2},
    }  # fmt: skip
