"""What Ollama answers, whole and in lines, read into neutral nouns and events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import Answer, ChatReply, ChatRequest, Logprob, Text, Thinking, Tool, ToolCall
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Counted,
    Event,
    Over,
    Stopped,
    TextPiece,
    ThinkingPiece,
)
from gateway.dialects.translation import Sent
from gateway.errors import UPSTREAM_INVALID, GatewayError, ReportedError
from gateway.exchange import NO_USAGE, Usage
from tests.dialects.gathered import Gathered
from tests.dialects.ollama.asked import MAX, OUT, SENT
from tests.dialects.ollama.recorded import NAMES, recorded

CREATED = 1_789_992_000  # 2026-09-21T12:00:00Z
BEGUN = Begun("", "qwen3:8b", CREATED)
USED = Counted(Usage(26, 290, source="provider"))


def events(data: bytes, pieces: list[bytes] | None = None, sent: Sent = SENT) -> tuple[list[Event], str]:
    """The events, and how the stream failed: the code, or the words of the error that it brought."""
    reader = OUT.stream(sent, MAX)
    found: list[Event] = []
    try:
        for piece in pieces or [data]:
            found += reader.read(piece)
        found += reader.finish()
    except ReportedError as error:
        return found, json.loads(error.event)["error"]
    except GatewayError as error:
        return found, error.condition.name
    return found, ""


def test_text() -> None:
    assert events(recorded("ollama_text")) == (
        [BEGUN, TextPiece("The light"), TextPiece("house, “ü”"), Stopped("stop"), USED, Over()], "",
    )  # fmt: skip


def test_oll_tools_thinking_mixed_line() -> None:
    found, failure = events(recorded("ollama_mixed_line"))
    made = found[7]
    assert isinstance(made, CallBegun)
    assert made.id.startswith("call_")
    assert (found, failure) == (
        [
            BEGUN,
            ThinkingPiece("Two places."),
            ThinkingPiece(" So two calls."),
            TextPiece("Let me look."),
            CallBegun(0, "call_1a2b", "get_weather"),
            CallPiece(0, '{"place":"Zürich"}'),
            CallEnded(0),
            CallBegun(1, made.id, "now"),
            CallPiece(1, "{}"),
            CallEnded(1),
            Stopped("tool_calls"),
            USED,
            Over(),
        ],
        "",
    )


def test_oll_error_midstream() -> None:
    assert events(recorded("ollama_error")) == (
        [BEGUN, TextPiece("The light")], "an error was encountered while running the model: CUDA error",
    )  # fmt: skip


def test_how_it_ends() -> None:
    assert events(recorded("ollama_length"))[0][2] == Stopped("length")
    assert events(recorded("ollama_only_loaded"))[1] == "upstream_invalid_response"
    assert events(recorded("ollama_cut_off")) == ([BEGUN, TextPiece("The light")], "upstream_incomplete")
    assert events(recorded("ollama_text") + b'{"error":"late"}\n') == events(recorded("ollama_text"))
    assert events(recorded("ollama_text").rstrip(b"\n")) == events(recorded("ollama_text"))


def test_what_is_no_stream() -> None:
    assert events(b"<html>\n")[1] == "upstream_invalid_response"
    assert events(b"x" * (MAX + 1))[1] == "upstream_invalid_response"
    assert events(b"[]\n")[1] == "upstream_invalid_response"
    assert events(b'{"message":"hi"}\n')[1] == "upstream_invalid_response"
    assert events(b'{"message":{"content":{"a":1}}}\n')[1] == "upstream_invalid_response"


def test_calls_of_different_times_have_different_ids() -> None:
    ids = set()
    for name in ("2026-09-21T12:00:00.1Z", "2026-09-21T12:00:00.2Z"):
        call = {"function": {"name": "f", "arguments": {}}}
        line = {
            "created_at": name,
            "message": {"tool_calls": [call, call]},
            "done": True,
            "done_reason": "stop",
        }
        found, _ = events(json.dumps(line).encode())
        ids |= {one.id for one in found if isinstance(one, CallBegun)}
    assert len(ids) == 4


def test_log_probabilities_go_with_the_text() -> None:
    top = [{"token": "b", "logprob": -1.5}]
    line = {"message": {"content": "a"}, "logprobs": [{"token": "a", "logprob": -0.5, "top_logprobs": top}]}
    found, _ = events(json.dumps(line).encode() + b"\n")
    assert found[1] == TextPiece("a", 0, (Logprob("a", -0.5, (Logprob("b", -1.5),)),))


def reply(message: Any, **more: Any) -> ChatReply:
    body = {
        "model": "m",
        "created_at": "2026-09-21T12:00:00.123456789Z",
        "message": message,
        "done": True,
        **more,
    }
    return OUT.reply(body, SENT)


def test_a_whole_reply() -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": {"a": "ü"}}}
    message = {"role": "assistant", "content": "Let me look.", "thinking": "hm", "tool_calls": [call]}
    assert reply(message, done_reason="stop", prompt_eval_count=3, eval_count=4) == ChatReply(
        (Answer((Thinking("hm"), Text("Let me look."), ToolCall("c1", "f", '{"a":"ü"}')), "tool_calls"),),
        "",
        "m",
        CREATED,
        Usage(3, 4, source="provider"),
    )


def test_a_prompt_that_is_still_held_is_not_counted() -> None:
    assert reply({"content": "a"}, done_reason="stop", eval_count=4).usage == Usage(0, 4, source="provider")
    assert reply({"content": "a"}, done_reason="length").usage == NO_USAGE


def test_plain_text_tools_get_their_text() -> None:
    sent = Sent("", {}, request=ChatRequest((), tools=(Tool("f", custom=True),)))
    call = {"id": "c1", "function": {"name": "f", "arguments": {"input": "do it"}}}
    read = OUT.reply({"message": {"tool_calls": [call]}, "done_reason": "stop"}, sent)
    assert read.answers[0].blocks == (ToolCall("c1", "f", "do it", custom=True),)


@pytest.mark.parametrize("reason", ["load", "unload", ""])
def test_a_model_that_was_only_loaded_is_no_answer(reason: str) -> None:
    with pytest.raises(GatewayError) as caught:
        reply({"content": ""}, done_reason=reason)
    assert caught.value.condition.code == "upstream_invalid_response"
    assert reply({"content": "a"}, done_reason=reason).answers[0].stop == "stop"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": "hi"},
        {"response": "hi"},
        {"message": {"content": {"a": 1}}, "done_reason": "stop"},
        {"message": {"content": "", "thinking": 5}, "done_reason": "stop"},
        {"message": {"content": "a", "tool_calls": "x"}, "done_reason": "stop"},
        {"message": {"content": "a", "tool_calls": [{"function": {"name": 5}}]}, "done_reason": "stop"},
        {"message": {"tool_calls": [{"function": {"name": "f", "arguments": 5}}]}, "done_reason": "stop"},
    ],
)
def test_what_is_no_reply(body: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as caught:
        OUT.reply(body, SENT)
    assert caught.value.condition.code == "upstream_invalid_response"


def test_an_error_inside_a_success() -> None:
    with pytest.raises(ReportedError) as caught:
        OUT.reply({"error": "no"}, SENT)
    assert caught.value.event == b'{"error":"no"}'


@pytest.mark.parametrize("created", ["", "yesterday", "9999999-01-01T00:00:00Z", 5])
def test_times_that_are_none(created: Any) -> None:
    body = {"created_at": created, "message": {"content": "a"}, "done_reason": "stop"}
    assert OUT.reply(body, SENT).created == 0


def test_a_stream_says_what_the_whole_reply_does() -> None:
    gathered = Gathered()
    for event in events(recorded("ollama_text"))[0]:
        gathered.take(event)
    message = {"content": "The lighthouse, “ü”"}
    whole = reply(message, done_reason="stop", prompt_eval_count=26, eval_count=290, model="qwen3:8b")
    assert gathered.reply() == whole


@given(st.sampled_from(NAMES), st.data())
def test_slicing_changes_nothing(name: str, data: st.DataObject) -> None:
    whole = recorded(name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert events(whole, pieces) == events(whole)


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_at_a_time(name: str) -> None:
    whole = recorded(name)
    assert events(whole, [bytes([byte]) for byte in whole]) == events(whole)


def test_what_is_not_done_is_no_answer() -> None:
    with pytest.raises(GatewayError) as caught:
        reply({"content": "half"}, done=False)
    assert caught.value.condition is UPSTREAM_INVALID
