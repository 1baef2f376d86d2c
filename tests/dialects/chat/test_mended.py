"""Replies of compatible providers as callers of the same dialect get them: recorded streams, and whole replies."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.chat.mended_reply import Mender
from gateway.dialects.chat.mended_stream import MendedStream
from gateway.dialects.chat.quirks import QUIRKS
from gateway.dialects.losses import Losses
from gateway.errors import ReportedError
from tests.dialects.chat.asking import frames

RECORDED = {
    "groq": "chat_groq_x_groq",
    "mistral": "chat_mistral_calls",
    "magistral": "chat_mistral_thinking",
    "openrouter": "chat_openrouter_error",
    "vllm": "chat_vllm_new_ids",
}


def relayed(flavour: str, data: bytes, cuts: tuple[int, ...] = ()) -> tuple[bytes, MendedStream]:
    stream = MendedStream(QUIRKS[flavour], Losses(), hide_usage=True)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    out = b"".join(stream.feed(data[start:end]) for start, end in pairwise(edges) if end > start)
    return out + (b"" if stream.is_over() else stream.finish()), stream


def deltas(data: bytes) -> list[dict[str, Any]]:
    events = [json.loads(frame[6:]) for frame in data.split(b"\n\n") if frame[:7] == b"data: {"]
    return [choice["delta"] for event in events for choice in event["choices"]]


def test_thoughts_are_where_callers_look_for_them() -> None:
    said, stream = relayed("groq", frames("chat_groq_x_groq"))
    assert {"reasoning": "Say hi.", "reasoning_content": "Say hi."} in deltas(said)
    usage = stream.usage()
    assert usage is not None and usage.output == 18


def test_parts_are_text_and_thoughts() -> None:
    said, _ = relayed("mistral", frames("chat_mistral_thinking"))
    assert "".join(delta.get("reasoning_content", "") for delta in deltas(said)) == "Two and two."
    assert "".join(delta["content"] for delta in deltas(said)) == "It is four."


def test_calls_have_ids_and_indices_of_their_own() -> None:
    said, _ = relayed("mistral", frames("chat_mistral_calls"))
    calls = [call for delta in deltas(said) for call in delta.get("tool_calls", ())]
    begun = [call for call in calls if "id" in call]
    assert [call["index"] for call in begun] == [0, 1]
    assert len({call["id"] for call in begun} | {"null"}) == 3
    arguments = ["", ""]
    for call in calls:
        arguments[call["index"]] += call["function"]["arguments"]
    assert [json.loads(one) for one in arguments] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("flavour", "event"),
    [
        ("openrouter", {"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}),
        ("groq", {"choices": [], "x_groq": {"error": "over capacity"}}),
        (
            "deepseek",
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "insufficient_system_resource"}]},
        ),
        ("mistral", {"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}),
    ],
)
def test_an_error_is_never_a_finish(flavour: str, event: dict[str, Any]) -> None:
    first = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}]}
    data = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in (first, event))
    said, stream = relayed(flavour, data + b"data: [DONE]\n\n")
    assert stream.failure is not None and not stream.ended
    assert len(deltas(said)) == 1


@pytest.mark.parametrize(("name", "recorded"), RECORDED.items())
@given(cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_what_comes_out_does_not_depend_on_how_it_comes_in(name: str, recorded: str, cuts: list[int]) -> None:
    flavour = "mistral" if name == "magistral" else name
    data = frames(recorded)
    whole, as_whole = relayed(flavour, data)
    cut, as_cut = relayed(flavour, data, tuple(cuts))
    assert (cut, as_cut.failure, as_cut.ended) == (whole, as_whole.failure, as_whole.ended)


@pytest.mark.parametrize("name", ["chat_openai_parallel_calls", "chat_azure_filter_first"])
@pytest.mark.parametrize("flavour", [flavour for flavour, quirks in QUIRKS.items() if quirks.odd_words])
def test_what_is_as_it_should_be_passes_as_it_is(name: str, flavour: str) -> None:
    """But for frames with calls where their ids cannot be trusted, which say the same."""
    if flavour == "mistral":
        return
    plain, _ = relayed(flavour, frames(name))
    assert all(frame in frames(name) for frame in plain.split(b"\n\n") if frame)


def whole(flavour: str, message: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    reply = {"id": "r1", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}
    made: dict[str, Any] = json.loads(Mender(QUIRKS[flavour], Losses()).whole(json.dumps(reply).encode()))
    return made


def test_whole_replies() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "text", "text": "b"}]
    made = whole("mistral", {"content": parts, "tool_calls": [{"id": "null", "function": {"name": "f"}}]})
    message = made["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("b", "a")
    assert message["tool_calls"][0]["id"] not in ("null", "")
    assert whole("mistral", {"content": "x"}, "model_length")["choices"][0]["finish_reason"] == "length"
    made = whole("groq", {"content": "x", "reasoning": "y"})
    assert made["choices"][0]["message"] == {"content": "x", "reasoning": "y", "reasoning_content": "y"}
    with pytest.raises(ReportedError):
        whole("deepseek", {"content": "x"}, "insufficient_system_resource")


def test_whole_calls_stand_in_their_places() -> None:
    calls = [{"id": f"c{n}", "index": 0, "function": {"name": "f", "arguments": "{}"}} for n in range(2)]
    made = whole("mistral", {"content": "", "tool_calls": [*calls, {"id": "c", "function": {"name": "g"}}]})
    entries = made["choices"][0]["message"]["tool_calls"]
    assert [(call["type"], call.get("index")) for call in entries] == [
        ("function", 0),
        ("function", 1),
        ("function", None),
    ]


def test_usage_counts_what_openais_counts() -> None:
    usage = {
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35,
        "completion_tokens_details": {"reasoning_tokens": 20},
    }  # fmt: skip
    assert whole("xai", {"content": "x"}, usage=usage)["usage"]["completion_tokens"] == 25
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_cache_hit_tokens": 4}
    assert whole("deepseek", {"content": "x"}, usage=usage)["usage"]["prompt_tokens_details"] == {
        "cached_tokens": 4
    }


def test_a_reply_without_a_sign_of_it_is_the_bytes_that_came() -> None:
    body = b'{ "choices": [ {"message": {"content": "x"}} ] }'
    assert Mender(QUIRKS["groq"], Losses()).whole(body) is body
