"""What is checked of a JSON body here, and what is left to the provider."""

from typing import Any

import pytest

from gateway.errors import INVALID_TYPE, INVALID_VALUE, MISSING_PARAMETER, Condition
from gateway.pipeline.body_check import check_body
from tests.pipeline.parts import refused

CHAT: dict[str, Any] = {"model": "m", "messages": [{}]}


@pytest.mark.parametrize(
    ("api", "fields"),
    [
        ("chat", CHAT),
        ("chat", {**CHAT, "max_tokens": None, "n": None}),
        ("chat", {**CHAT, "max_tokens": 0, "max_completion_tokens": 10**9, "n": 1}),
        ("chat", {**CHAT, "n": 128, "stop": 7, "response_format": "x", "unknown": {}}),
        ("chat", {**CHAT, "temperature": 1, "top_p": 0.5, "presence_penalty": -9, "tools": [None]}),
        ("chat", {**CHAT, "temperature": None, "stream_options": None, "tools": None}),
        ("chat", {**CHAT, "temperature": 99, "stream_options": {"include_usage": "x"}}),
        ("completions", {"prompt": ""}),
        ("completions", {"prompt": [1, 2], "best_of": 2}),
        ("embeddings", {"input": ["a"]}),
        ("moderations", {"input": "a"}),
        ("responses", {}),
        ("responses", {"prompt": {"id": "pmpt_1"}, "max_output_tokens": 16}),
        ("rerank", {}),
        ("something new", {}),
    ],
)
def test_what_is_let_through(api: str, fields: dict[str, Any]) -> None:
    check_body(fields, api)


@pytest.mark.parametrize(
    ("api", "fields", "condition", "param"),
    [
        ("chat", {}, MISSING_PARAMETER, "messages"),
        ("chat", {"messages": None}, MISSING_PARAMETER, "messages"),
        ("chat", {"messages": "hello"}, INVALID_TYPE, "messages"),
        ("chat", {"messages": {}}, INVALID_TYPE, "messages"),
        ("chat", {"messages": []}, INVALID_VALUE, "messages"),
        ("completions", {}, MISSING_PARAMETER, "prompt"),
        ("completions", {"prompt": 7}, INVALID_TYPE, "prompt"),
        ("embeddings", {"input": True}, INVALID_TYPE, "input"),
        ("embeddings", {"prompt": "x"}, MISSING_PARAMETER, "input"),
        ("moderations", {"input": {}}, INVALID_TYPE, "input"),
        ("chat", {**CHAT, "max_tokens": -1}, INVALID_VALUE, "max_tokens"),
        ("chat", {**CHAT, "max_tokens": 10**9 + 1}, INVALID_VALUE, "max_tokens"),
        ("chat", {**CHAT, "max_tokens": "5"}, INVALID_TYPE, "max_tokens"),
        ("chat", {**CHAT, "max_tokens": 5.0}, INVALID_TYPE, "max_tokens"),
        ("chat", {**CHAT, "max_completion_tokens": True}, INVALID_TYPE, "max_completion_tokens"),
        ("responses", {"max_output_tokens": []}, INVALID_TYPE, "max_output_tokens"),
        ("chat", {**CHAT, "n": 0}, INVALID_VALUE, "n"),
        ("chat", {**CHAT, "temperature": "hot"}, INVALID_TYPE, "temperature"),
        ("chat", {**CHAT, "temperature": True}, INVALID_TYPE, "temperature"),
        ("responses", {"top_p": []}, INVALID_TYPE, "top_p"),
        ("chat", {**CHAT, "presence_penalty": {}}, INVALID_TYPE, "presence_penalty"),
        ("chat", {**CHAT, "frequency_penalty": "1"}, INVALID_TYPE, "frequency_penalty"),
        ("chat", {**CHAT, "stream_options": []}, INVALID_TYPE, "stream_options"),
        ("chat", {**CHAT, "tools": {}}, INVALID_TYPE, "tools"),
        ("chat", {**CHAT, "n": 129}, INVALID_VALUE, "n"),
        ("chat", {**CHAT, "n": 1e300}, INVALID_TYPE, "n"),
        ("completions", {"prompt": "x", "best_of": 1000}, INVALID_VALUE, "best_of"),
    ],
)
def test_what_cannot_be_meant(api: str, fields: dict[str, Any], condition: Condition, param: str) -> None:
    error = refused(condition, lambda: check_body(fields, api))
    assert error.param == param
    assert param in error.message
