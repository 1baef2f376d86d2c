"""Whole replies of Gemini's, read into neutral nouns."""

from typing import Any

import pytest

from gateway.chat import Answer, ChatReply, Citation, Logprob, Media, Signature, Text, Thinking, ToolCall
from gateway.errors import GatewayError, ReportedError
from gateway.exchange import NO_USAGE, Usage
from tests.dialects.conversations import PNG
from tests.dialects.gemini.asked import OUT, SENT


def reply(*parts: Any, finish: str = "STOP", body: dict[str, Any] | None = None, **more: Any) -> ChatReply:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "finishReason": finish, **more}
    return OUT.reply({"candidates": [candidate], **(body or {})}, SENT)


def answer(*parts: Any, finish: str = "STOP", **more: Any) -> Answer:
    (only,) = reply(*parts, finish=finish, **more).answers
    return only


def test_a_whole_reply() -> None:
    read = reply(
        {"text": "hm", "thought": True},
        {"text": "Let me look."},
        {"functionCall": {"name": "f", "args": {"a": "ü"}, "id": "x"}, "thoughtSignature": "s"},
        {"functionCall": {"name": "g"}},
        body={
            "responseId": "r/1",
            "modelVersion": "gemini-3.5-flash",
            "usageMetadata": {
                "promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "totalTokenCount": 22,
                "cachedContentTokenCount": 4,
            },
        },
    )  # fmt: skip
    assert read == ChatReply(
        (
            Answer(
                (
                    Thinking("hm"),
                    Text("Let me look."),
                    ToolCall("x", "f", '{"a":"ü"}', signature=Signature("gemini", "s")),
                    ToolCall("call_r_1_0", "g", "{}"),
                ),
                "tool_calls",
            ),
        ),
        "r/1",
        "gemini-3.5-flash",
        usage=Usage(10, 12, 4, reasoning=7, source="provider"),
    )


def test_gem_blocked_prompt() -> None:
    read = OUT.reply({"promptFeedback": {"blockReason": "SAFETY"}}, SENT)
    assert read == ChatReply((Answer((), "content_filter", explanation="Blocked by provider: SAFETY"),))


def test_gem_max_tokens_thinking() -> None:
    read = OUT.reply({"candidates": [{"finishReason": "MAX_TOKENS", "index": 0}]}, SENT)
    assert read == ChatReply((Answer((), "length"),), usage=NO_USAGE)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("CONTINUATION", "length"), ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"), ("SPII", "content_filter"), ("IMAGE_SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"), ("MALFORMED_FUNCTION_CALL", "stop"), ("OTHER", "stop"),
        ("NEWEST", "stop"),
    ],
)  # fmt: skip
def test_why_it_ended(reason: str, stop: str) -> None:
    assert answer({"text": "a"}, finish=reason).stop == stop


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "OTHER"])
def test_a_model_that_failed_is_no_answer(reason: str) -> None:
    with pytest.raises(GatewayError) as caught:
        reply(finish=reason)
    assert caught.value.condition.code == "upstream_invalid_response"
    assert reason in caught.value.message


def test_why_it_was_held_back() -> None:
    assert answer({"text": "a"}, finish="SAFETY", finishMessage="No.").explanation == "No."


def test_other_parts() -> None:
    blocks = answer(
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"executableCode": {"language": "PYTHON", "code": "1+1"}},
        {"codeExecutionResult": {"output": "2"}},
        {"newest": {}},
        {"text": "", "thoughtSignature": "s"},
    ).blocks
    assert blocks == (
        Media("image", "", "image/png", PNG),
        Text("\n```python\n1+1\n```\n"),
        Text("\n```\n2\n```\n"),
        Text("", signature=Signature("gemini", "s")),
    )


def test_code_that_ran_is_told() -> None:
    ran = {"codeExecutionResult": {"output": "2"}}
    content = {"parts": [{"text": "It is"}, {"executableCode": {"code": "1+1"}}, ran]}
    read = OUT.reply({"candidates": [{"content": content, "finishReason": "STOP"}]}, SENT)
    assert read.unread == ("executableCode", "codeExecutionResult")


def test_sources_and_where_they_stand() -> None:
    """Google counts bytes: the ü has two of them."""
    cited = answer(
        {"text": "Zürich ist da."},
        citationMetadata={
            "citations": [{"startIndex": 0, "endIndex": 7, "uri": "https://a.org", "title": "A"}]
        },
        groundingMetadata={
            "groundingChunks": [{"web": {"uri": "https://b.org", "title": "b.org"}}, {"maps": {}}],
            "groundingSupports": [
                {"segment": {"startIndex": 8, "endIndex": 15}, "groundingChunkIndices": [0, 1, 7]},
                {"segment": {"startIndex": 8, "endIndex": 99}, "groundingChunkIndices": [0]},
            ],
        },
    ).blocks
    assert cited == (
        Text(
            "Zürich ist da.",
            citations=(
                Citation("https://a.org", "A", 0, 6),
                Citation("https://b.org", "b.org", 7, 14),
                Citation("https://b.org", "b.org"),
            ),
        ),
    )


def test_log_probabilities() -> None:
    result = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}, {"token": "b"}],
        "topCandidates": [{"candidates": [{"token": "c", "logProbability": -1.5}]}],
    }
    assert answer({"text": "ab"}, logprobsResult=result).logprobs == (
        Logprob("a", -0.5, (Logprob("c", -1.5),)), Logprob("b", 0.0),
    )  # fmt: skip


def _said(*parts: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [*parts]}}]}


@pytest.mark.parametrize(
    "body",
    [
        {}, {"candidates": []}, {"candidates": 5}, {"candidates": [5]}, {"promptFeedback": {}},
        {"candidates": [{"content": 5}]}, {"candidates": [{"content": {"parts": 5}}]},
        _said(5), _said({"text": 5}), _said({"functionCall": 5}), _said({"functionCall": {}}),
        _said({"functionCall": {"name": "f", "args": "x"}}), _said({"inlineData": 5}),
        _said({"inlineData": {"mimeType": "image/png", "data": "@@@"}}),
    ],
)  # fmt: skip
def test_what_is_no_reply(body: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as caught:
        OUT.reply(body, SENT)
    assert caught.value.condition.code == "upstream_invalid_response"


def test_an_error_inside_a_success() -> None:
    with pytest.raises(ReportedError) as caught:
        OUT.reply({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, SENT)
    assert caught.value.event == b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}'


@pytest.mark.parametrize(
    "candidate",
    [
        {"finishReason": 5},
        {"logprobsResult": {"chosenCandidates": [5]}}, {"citationMetadata": 5},
        {"groundingMetadata": {"groundingSupports": [{"groundingChunkIndices": ["x"]}]}},
    ],
)  # fmt: skip
def test_what_is_of_another_form_was_not_said(candidate: Any) -> None:
    assert OUT.reply({"candidates": [candidate]}, SENT).answers == (Answer((), "stop"),)
