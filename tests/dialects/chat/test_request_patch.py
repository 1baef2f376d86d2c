"""What of a caller's chat completions a provider of the same dialect gets otherwise, by flavour and by model."""

import json
from typing import Any

import pytest

from gateway.capabilities import USUAL, Capabilities
from gateway.dialects.chat.quirks import QUIRKS
from gateway.dialects.chat.request_patch import request_patch
from gateway.dialects.chat.table import WRITTEN
from gateway.dialects.document import Document
from gateway.dialects.losses import Losses
from gateway.errors import GatewayError

HI = {"role": "user", "content": "hi"}
THINKS = Capabilities(thinking="always", effort_levels=("low", "medium", "high"))
_PLAIN = {"type": "object", "properties": {"$id": {"type": "string"}}}
_DRAFT = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://a.b/c", **_PLAIN}
UNSAMPLED = Capabilities(sampling=False, penalties=False, logprobs=False)


def sent(
    flavour: str, model: str = "m", can: Capabilities = USUAL, *, strict: bool = False, **fields: Any
) -> tuple[dict[str, Any], str]:
    """(what differs from the caller's request: None where a field is gone; the warnings)."""
    given: dict[str, Any] = {"model": model, "messages": [HI], **fields}
    document, losses = Document(json.dumps(given).encode()), Losses(strict)
    patch = request_patch("openai", flavour, model, can)
    if patch is None or not patch.concerns(document):
        return {}, ""
    made = json.loads(document.spliced(*patch.edits(document, losses)))
    names = given.keys() | made.keys()
    return {
        name: made.get(name) for name in names if made.get(name) != given.get(name)
    }, losses.line().decode()


@pytest.mark.parametrize(
    ("flavour", "model", "can", "fields", "changes", "warned"),
    [
        ("openai", "gpt-5-mini", USUAL, {"max_tokens": 5}, {"max_tokens": None, "max_completion_tokens": 5}, ""),
        ("openai", "o3", USUAL, {"max_tokens": 5, "max_completion_tokens": 7}, {"max_tokens": None}, ""),
        ("openai", "gpt-4o", USUAL, {"max_tokens": 5}, {}, ""),
        ("openai", "x", UNSAMPLED, {"temperature": 0.2, "top_p": 1}, {"temperature": None, "top_p": None},
         "dropped=temperature"),
        ("generic", "x", UNSAMPLED, {"presence_penalty": 1, "logprobs": False},
         {"presence_penalty": None, "logprobs": None}, "dropped=presence_penalty"),
        ("openai", "x", THINKS, {"temperature": 0.2}, {"temperature": None}, "dropped=temperature"),
        ("openai", "x", Capabilities(thinking="level", effort_levels=("none", "low")),
         {"temperature": 0.2, "reasoning_effort": "none"}, {}, ""),
        ("openai", "x", Capabilities(thinking="level", effort_levels=("none", "low")),
         {"temperature": 0.2, "reasoning_effort": "high"}, {"temperature": None, "reasoning_effort": "low"},
         "clamped=reasoning_effort; dropped=temperature"),
        ("openai", "x", THINKS, {"reasoning_effort": "default"}, {}, ""),
        ("groq", "x", USUAL, {"logprobs": True, "top_logprobs": 2, "logit_bias": {"1": 1}},
         {"logprobs": None, "top_logprobs": None, "logit_bias": None}, "dropped=logit_bias,logprobs,top_logprobs"),
        ("groq", "x", THINKS, {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"},
         "clamped=reasoning_effort"),
        ("mistral", "x", USUAL, {"max_completion_tokens": 9, "seed": 1},
         {"max_completion_tokens": None, "max_tokens": 9, "seed": None, "random_seed": 1}, ""),
        ("mistral", "x", USUAL, {"stream_options": {"include_usage": True}, "user": "u", "store": False},
         {"stream_options": None, "user": None, "store": None}, "dropped=user"),
        ("mistral", "x", USUAL, {"safety_identifier": "u", "store": True},
         {"safety_identifier": None, "store": None}, "dropped=safety_identifier,store"),
        ("mistral", "x", USUAL, {"service_tier": "flex"}, {"service_tier": None}, "dropped=service_tier"),
        ("mistral", "x", USUAL, {"safe_prompt": True, "new_of_theirs": 1}, {}, ""),
        ("mistral", "x", USUAL,
         {"tools": [{"type": "function", "function": {"name": "f", "parameters": _DRAFT, "strict": True, "x": 1}}]},
         {"tools": [{"type": "function", "function": {"name": "f", "parameters": _PLAIN}}]},
         "dropped=tools[0].function.x,tools[0].function.strict"),
        ("mistral", "x", USUAL,
         {"response_format": {"type": "json_schema", "json_schema": {"name": "n",
          "schema": _DRAFT, "x": 1}, "y": 1}},
         {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": _PLAIN}}},
         "dropped=response_format.json_schema.x,response_format.y"),
        ("mistral", "x", USUAL, {"messages": [{"role": "user", "content": "hi", "x": 1, "refusal": None}]},
         {"messages": [HI]}, "dropped=messages[0].x"),
        ("xai", "x", USUAL, {"tools": [{"type": "function", "function": {"name": "f", "parameters": _DRAFT}}]},
         {}, ""),
        ("deepseek", "x", USUAL, {"reasoning_effort": "none"},
         {"reasoning_effort": None, "thinking": {"type": "disabled"}}, ""),
        ("deepseek", "x", USUAL, {"reasoning_effort": "high"}, {}, ""),
        ("xai", "x", THINKS, {"presence_penalty": 0, "stop": ["a"]}, {"presence_penalty": None, "stop": None},
         "dropped=stop"),
        ("xai", "x", USUAL, {"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]},
         {"tools": [{"type": "function", "function": {"name": "f"}}]}, "dropped=tools[0].function.strict"),
        ("sim", "chat", USUAL, {"temperature": 0.2, "max_tokens": 5, "logprobs": True}, {}, ""),
        ("generic", "x", USUAL, {"max_completion_tokens": 5, "logprobs": True},
         {"max_completion_tokens": None, "max_tokens": 5}, ""),
        ("generic", "llama3.2", USUAL, {"max_tokens": 5}, {}, ""),
        ("generic", "gpt-5-mini", USUAL, {"max_completion_tokens": 5}, {}, ""),
        ("generic", "gpt-5-mini", USUAL, {"max_tokens": 5}, {"max_tokens": None, "max_completion_tokens": 5}, ""),
    ],
)  # fmt: skip
def test_fields(
    flavour: str,
    model: str,
    can: Capabilities,
    fields: dict[str, Any],
    changes: dict[str, Any],
    warned: str,
) -> None:
    assert sent(flavour, model, can, **fields) == (changes, warned)


_CALL = {"id": "call_0123456789", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "y"}]}
_ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [_CALL]}


@pytest.mark.parametrize(
    ("flavour", "message", "becomes", "warned"),
    [
        ("deepseek", {"role": "developer", "content": "x"}, {"role": "system", "content": "x"}, ""),
        ("openai", {"role": "developer", "content": "x"}, None, ""),
        ("groq", {"role": "assistant", "content": "x", "refusal": None}, {"role": "assistant", "content": "x"}, ""),
        ("groq", {"role": "assistant", "content": "x", "reasoning_content": "y"},
         {"role": "assistant", "content": "x"}, ""),
        ("mistral", {"role": "user", "name": "Bo", "content": "x"}, {"role": "user", "content": "x"},
         "dropped=messages[0].name"),
        ("mistral", {"role": "tool", "name": "f", "tool_call_id": "abcdefgh9", "content": "x"}, None, ""),
        ("mistral", {"role": "assistant", "content": "x", "reasoning_content": "y"},
         {"role": "assistant", "content": [_THOUGHT, {"type": "text", "text": "x"}]}, ""),
        ("vllm", {"role": "assistant", "content": "x", "reasoning_content": "y"},
         {"role": "assistant", "content": "x", "reasoning_content": "y", "reasoning": "y"}, ""),
        ("deepseek", {"role": "assistant", "content": "x", "reasoning": "y"},
         {"role": "assistant", "content": "x", "reasoning_content": "y"}, ""),
        ("deepseek", {"role": "assistant", "content": "x", "reasoning_content": "y"}, None, ""),
        ("sim", _ASSISTANT, None, ""),
        ("groq", {"role": "assistant", "content": "x", "reasoning_details": [{"text": "y", "signature": "s"}]},
         {"role": "assistant", "content": "x"}, "dropped=messages[0].reasoning_details"),
    ],
)  # fmt: skip
def test_messages(flavour: str, message: Any, becomes: Any, warned: str) -> None:
    made, line = sent(flavour, messages=[message, HI])
    assert made == ({} if becomes is None else {"messages": [becomes, HI]})
    assert line == warned


def test_calls_of_mistral_have_ids_of_nine_letters_and_their_results_the_same() -> None:
    result = {"role": "tool", "tool_call_id": _CALL["id"], "content": "x"}
    made, _ = sent("mistral", messages=[HI, _ASSISTANT, result])
    _, calling, answer = made["messages"]
    assert calling["tool_calls"][0]["id"] == answer["tool_call_id"] != _CALL["id"]
    assert len(answer["tool_call_id"]) == 9 and answer["tool_call_id"].isalnum()


@pytest.mark.parametrize("none", ["", "null", None])
def test_a_call_without_an_id_and_its_result_stay_together(none: str | None) -> None:
    call = {**_CALL, "id": none}
    result = {"role": "tool", "tool_call_id": none, "content": "sun"}
    made, _ = sent("mistral", messages=[HI, {"role": "assistant", "tool_calls": [call]}, result])
    assert made["messages"][1]["tool_calls"][0]["id"] == made["messages"][2]["tool_call_id"]


def test_calls_in_the_old_form_are_calls_of_tools_to_who_knows_no_other() -> None:
    called = {"name": "weather", "arguments": "{}"}
    asks = {"role": "assistant", "content": None, "function_call": called}
    answers = {"role": "function", "name": "weather", "content": "sun"}
    made, warned = sent("mistral", messages=[HI, asks, answers, asks, answers])
    assert not warned
    _, first, result, second, last = made["messages"]
    assert [one["tool_calls"][0]["function"] for one in (first, second)] == [called, called]
    ids = [one["tool_calls"][0]["id"] for one in (first, second)]
    assert [one["tool_call_id"] for one in (result, last)] == ids
    assert len(set(ids)) == 2
    assert {(one["role"], one["name"], one["content"]) for one in (result, last)} == {
        ("tool", "weather", "sun")
    }
    assert sent("generic", messages=[HI, asks, answers]) == ({}, "")


def test_mistral_goes_on_with_the_assistants_words() -> None:
    made, _ = sent("mistral", messages=[HI, {"role": "assistant", "content": "Once"}])
    assert made["messages"][-1]["prefix"] is True


@pytest.mark.parametrize(
    ("flavour", "can", "fields"),
    [
        ("openai", UNSAMPLED, {"temperature": 0.2}),
        ("openai", THINKS, {"reasoning_effort": "xhigh"}),
        ("mistral", USUAL, {"logit_bias": {}}),
        ("mistral", USUAL, {"messages": [{**HI, "name": "Bo"}]}),
    ],
)
def test_strictly_nothing_is_lost(flavour: str, can: Capabilities, fields: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as refused:
        sent(flavour, can=can, strict=True, **fields)
    assert refused.value.condition.code == "unsupported_parameter"
    assert refused.value.param in (*fields, "messages[0].name")


def test_several_answers_are_refused_where_there_is_one_only() -> None:
    with pytest.raises(GatewayError) as refused:
        sent("groq", n=2)
    assert (refused.value.condition.code, refused.value.param) == ("unsupported_value", "n")
    assert sent("groq", n=1) == ({}, "")


@pytest.mark.parametrize("flavour", ["openai", "azure", "sim"])
def test_there_is_nothing_to_do_for_models_that_take_what_most_do(flavour: str) -> None:
    assert request_patch("openai", flavour, "gpt-4o", USUAL) is None


def test_what_a_flavour_refuses_no_translation_writes() -> None:
    fields = {row.noun: row.field for row in WRITTEN}
    for flavour, quirks in QUIRKS.items():
        written = {field for noun, field in fields.items() if noun not in quirks.lacks} | quirks.fields
        assert not quirks.refuses & written, flavour
