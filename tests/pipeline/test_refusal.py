"""What providers say when they refuse (wire reference §1.4, "Reading upstream errors"), as callers get it."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.errors import error_body
from gateway.errors import CONTEXT_TOO_LONG, GatewayError
from gateway.upstream.refusal import error_in_success, refusal, scrub
from gateway.upstream.retry_after import retry_after_s
from gateway.upstream.verdict import Kind
from tests.pipeline.parts import SECRET, provider, provider_key

KEY = provider_key("k", provider())
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"

OURS = (502, "upstream_error", "upstream_auth_failed")
BROKE = (429, "insufficient_quota", "insufficient_quota")
SLOW = (429, "rate_limit_error", "rate_limit_exceeded")
BUSY = (503, "service_unavailable_error", "upstream_overloaded")
DOWN = (502, "upstream_error", "upstream_error")
LATE = (504, "timeout_error", "upstream_timeout")
UNKNOWN = (404, "invalid_request_error", "model_not_found")
LARGE = (413, "invalid_request_error", "request_too_large")
BAD = (400, "invalid_request_error", None)

#: Provider, status, body; then the caller's status, type and code.
TABLE: list[tuple[str, int, Any, int, str, str | None]] = [
    (
        "openai", 400,
        {"error": {"message": "Bad.", "type": "invalid_request_error", "param": "n", "code": "invalid_value"}},
        400, "invalid_request_error", "invalid_value",
    ),
    (
        "openai unknown model", 404,
        {"error": {"message": "The model `x` does not exist", "type": "x", "code": "model_not_found"}},
        *UNKNOWN,
    ),
    (
        "openai unknown file", 404,
        {"error": {"message": "No such File object: file-1", "type": "invalid_request_error", "code": None}},
        404, "invalid_request_error", None,
    ),
    ("openai bad key", 401, {"error": {"message": "Incorrect API key"}}, *OURS),
    ("openai quota", 429, {"error": {"message": "Pay.", "type": "insufficient_quota", "code": None}}, *BROKE),
    ("openai spend", 429, {"error": {"message": "Pay.", "code": "project_spend_limit_exceeded"}}, *BROKE),
    ("openai billing", 429, {"error": {"message": "Pay.", "type": "x", "code": "billing_not_active"}}, *BROKE),
    (
        "anthropic spend", 429,
        {"error": {"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}}},
        *BROKE,
    ),
    ("azure 429", 429, {"error": {"code": "429", "message": "Slow."}}, *SLOW),
    (
        "azure deployment", 404, {"error": {"code": "DeploymentNotFound", "message": "The deployment is away."}},
        *UNKNOWN,
    ),
    (
        "azure filter", 400,
        {"error": {"code": "content_filter", "message": "No.", "innererror": {"content_filter_result": {}}}},
        400, "invalid_request_error", "content_filter",
    ),
    (
        "gemini bad key", 400,
        [{"error": {"code": 400, "message": "API key not valid.", "details": [{"reason": "API_KEY_INVALID"}]}}],
        *OURS,
    ),
    (
        "gemini array", 400, [{"error": {"code": 400, "message": "Bad n.", "status": "INVALID_ARGUMENT"}}],
        *BAD,
    ),
    (
        "gemini quota", 429, {"error": {"code": 429, "message": "Out.", "status": "RESOURCE_EXHAUSTED"}},
        *SLOW,
    ),
    (
        "ollama unknown model", 404, {"error": 'model "x" not found, try pulling it first'},
        *UNKNOWN,
    ),
    ("ollama full", 503, {"error": "server busy"}, *BUSY),
    (
        "vllm", 400, {"error": {"message": "Bad.", "type": "BadRequestError", "param": None, "code": 400}},
        400, "BadRequestError", None,
    ),
    (
        "vllm unknown model", 404,
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
        *UNKNOWN,
    ),
    ("mistral 401", 401, {"detail": "Unauthorized"}, *OURS),
    (
        "mistral 422", 422, {"detail": [{"loc": ["body", "n"], "msg": "bad", "type": "x"}]},
        422, "invalid_request_error", None,
    ),
    (
        "mistral", 400, {"object": "error", "message": "Bad.", "type": "invalid_request_error", "code": "1000"},
        *BAD,
    ),
    ("xai", 400, {"code": "bad_thing", "error": "Bad."}, 400, "invalid_request_error", "bad_thing"),
    ("xai bad key", 400, {"code": "x", "error": "Incorrect API key: a***b"}, *OURS),
    ("deepseek balance", 402, {"error": {"message": "Empty."}}, *BROKE),
    ("groq tpm", 413, {"error": {"message": "Large.", "type": "tokens"}}, *LARGE),
    ("openrouter credits", 402, {"error": {"code": 402, "message": "Empty."}}, *BROKE),
    (
        "openrouter moderation", 403, {"error": {"code": 403, "message": "Flagged."}},
        403, "invalid_request_error", None,
    ),
    ("openrouter 502", 502, {"error": {"code": 502, "message": "Down."}}, *DOWN),
    ("anthropic overload", 529, {"error": {"message": "Busy."}}, *BUSY),
    ("openrouter 408", 408, {"error": {"code": 408, "message": "Timed out."}}, *LATE),
    ("groq flex", 498, {"error": {"message": "Capacity.", "type": "capacity_exceeded"}}, *BUSY),
    ("server error", 500, {"error": {"message": "Oops."}}, *DOWN),
    ("redirect", 302, {}, *DOWN),
    ("scalar", 400, 7, *BAD),
    ("odd fields", 400, {"error": {"message": {}, "type": [], "code": {}, "param": 3}}, *BAD),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_provider_errors_in_our_words(row: tuple[str, int, Any, int, str, str | None]) -> None:
    _, status, body, expected_status, kind, code = row
    error = refusal(status, [], json.dumps(body).encode(), KEY)
    condition = error.condition
    assert (condition.status, condition.type, condition.code) == (expected_status, kind, code)
    shown = json.loads(error_body(error, "openai", "req_1"))["error"]
    assert isinstance(shown["message"], str)
    assert shown["message"], "an SDK shows nothing for an empty message"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("credential", 502, "upstream_auth_failed"),
        ("quota", 429, "insufficient_quota"),
        ("health", 502, "upstream_error"),
        ("model", 403, "x"),
        ("caller", 403, "x"),
    ],
)
def test_what_a_403_is_the_verdict_says(kind: Kind, status: int, code: str) -> None:
    error = refusal(403, [], b'{"error":{"message":"No.","code":"x"}}', KEY, kind=kind)
    assert (error.condition.status, error.condition.code) == (status, code)
    assert error.condition.retryable, "another key may be allowed what this one is not"


OVER = "This model's maximum context length is 4096 tokens. However, you requested 5000."
#: What each says when the context is too long: provider, message, and what else its error object has.
TOO_LONG: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", OVER, {"code": "context_length_exceeded", "param": "messages"}),
    ("openai responses", "Your input exceeds the context window of this model.", {"param": "input"}),
    ("vllm", OVER, {"object": "error", "type": "BadRequestError", "param": None, "code": 400}),
    ("vllm decoder", "The prompt (length 9) is longer than the maximum model length of 8.", {"code": 400}),
    ("groq", "Please reduce the length of the messages or completion.", {}),
    ("xai", "This model's maximum prompt length is 131072 but the request contains 537812.", {"code": "x"}),
    (
        "mistral",
        "Prompt contains 9 tokens, too large for model with 8 maximum context length",
        {"code": "3051"},
    ),
    ("anthropic", "prompt is too long: 210000 tokens > 200000 maximum", {}),
    ("gemini", "The input token count (9) exceeds the maximum number of tokens allowed (8).", {"code": 400}),
    ("ollama", "the input length exceeds the context length", {}),
    ("llama.cpp", "the request exceeds the available context size", {"type": "exceed_context_size_error"}),
    ("together", "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097.", {}),
]


@pytest.mark.parametrize("row", TOO_LONG, ids=[row[0] for row in TOO_LONG])
def test_a_context_too_long_is_one_word_whoever_says_it(row: tuple[str, str, dict[str, Any]]) -> None:
    _, message, rest = row
    detail = {"message": message, **rest}
    for status in (400, 422):
        error = refusal(status, [], json.dumps({"error": detail}).encode(), KEY)
        assert error.condition is CONTEXT_TOO_LONG
        assert (error.message, error.param) == (message, "messages"), "the caller's word, not the provider's"
    assert error_in_success(detail, KEY).condition is CONTEXT_TOO_LONG


@pytest.mark.parametrize(
    ("api", "param"),
    [("chat", "messages"), ("completions", "prompt"), ("responses", "input"), ("embeddings", "input")],
)
def test_what_is_to_be_shortened(api: str, param: str) -> None:
    body = b'{"error":{"message":"prompt is too long"}}'
    assert refusal(400, [], body, KEY, api).param == param


@pytest.mark.parametrize(
    "message",
    ["max_tokens is too large: 200000. This model supports at most 16384 completion tokens.", "The prompt is bad.",
     "Invalid 'metadata.key': string too long. Expected a maximum length of 64."],
)  # fmt: skip
def test_other_lengths_are_the_providers_words(message: str) -> None:
    assert refusal(400, [], json.dumps({"error": {"message": message}}).encode(), KEY).condition.code is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"\xff\xfe", b"[]", b"null", b'"text"', b"[" * 5000]
)
@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_bodies_that_are_no_error_objects(status: int, body: bytes) -> None:
    error = refusal(status, [], body, KEY)
    assert error.message == f"The provider answered with status {status}."
    assert error.condition.status in (status, 502)


CANARIES = [
    SECRET,
    "sk-proj-abc_DEF-0123456789",
    "sk-ant-api03-abcdef0123",
    "sk-or-v1-0123456789ab",
    "sk-abc***************wxyz",
    "gsk_abcdefghij0123456789",
    "xai-abcdefghij0123456789",
    "AIzaSyA0123456789abcdefghij_-0123456789",
    "Bearer abc.DEF~0123+/=",
    "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl",
    "kz_live_0123456789abcdef",
    "org-AbCdEf0123456789",
    "org_AbCdEf0123456789",
    "proj_AbCdEf0123456789",
    "user-AbCdEf0123456789",
    "acct_1AbCdEf012345",
]


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize(
    "frame", ["{}", "Incorrect API key provided: {}.", "('{}')", "x={};", '{{"key":"{}"}}', "a\n{}\nb"]
)
def test_no_secret_or_account_is_told(canary: str, frame: str) -> None:
    text = frame.format(canary)
    secret = canary.removeprefix("Bearer ")
    assert secret not in scrub(text, KEY)
    everywhere = {"message": text, "code": text, "param": text, "type": text}
    for error in (
        *(
            refusal(status, [], json.dumps({"error": everywhere}).encode(), KEY)
            for status in (400, 404, 429, 500, 503)
        ),
        error_in_success(everywhere, KEY),
        error_in_success(text, KEY),
    ):
        assert secret not in error_body(error, "openai", "req_1").decode()


@given(st.integers(0, 600))
def test_a_secret_is_not_left_in_part_where_the_message_is_cut(before: int) -> None:
    shown = scrub("." * before + SECRET, KEY)
    assert SECRET[:8] not in shown
    assert len(shown) <= 500


@pytest.mark.parametrize(
    "text",
    [
        "Unsupported key arguments in the request.",
        "'required' must include every key mentioned in properties.",
        "The token bearer is unknown.",
        "Invalid value: 'x' for messages[0].role.",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert scrub(text, KEY) == text


def test_a_date_without_the_providers_clock_counts_from_ours() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    found = retry_after_s([(b"retry-after", later.encode())], datetime.now(UTC))
    assert found is not None
    assert 30 < found <= 40


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "10", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "3", "retry-after-ms": "soon"}, 3.0),
        ({"retry-after": DATE, "date": "Wed, 21 Oct 2026 07:27:23 GMT"}, 37.0),
        ({"retry-after": DATE, "date": DATE}, 0.0),
        ({"retry-after": DATE, "date": "Wed, 21 Oct 2026 07:28:01 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 09:28:00 +0200", "date": DATE}, 0.0),
        ({"retry-after": "Wed, 32 Oct 2026 07:28:00 GMT", "date": DATE}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999 07:28:00 GMT", "date": DATE}, None),
        ({"retry-after": "\xff", "date": DATE}, None),
        ({"retry-after": "Wed, 21 Oct 1998 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 1998 07:28:00 GMT", "date": "yesterday"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e99"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_how_long_a_provider_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert retry_after_s(pairs, datetime.now(UTC)) == seconds
    assert refusal(429, pairs, b"{}", KEY).retry_after_s == seconds


def test_two_waits_that_differ_are_not_believed() -> None:
    told = [(b"retry-after", b"3"), (b"retry-after", b"4")]
    assert retry_after_s(told, datetime.now(UTC)) is None
    assert retry_after_s([*told[:1], *told[:1]], datetime.now(UTC)) == 3.0


@pytest.mark.parametrize("depth", [100, 300, 2000])
def test_a_detail_may_be_nested_deeper_than_json_is_written(depth: int) -> None:
    body = b'{"detail":' + b"[" * depth + b"1" + b"]" * depth + b"}"
    assert refusal(422, [], body, KEY).condition.status == 422


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"message": "x", "code": 429}, "rate_limit_exceeded"),
        ({"message": "x", "type": "rate_limit_error"}, "rate_limit_exceeded"),
        ({"message": "x", "type": "insufficient_quota"}, "insufficient_quota"),
        ({"message": "x", "code": 402}, "insufficient_quota"),
        ({"message": "x", "code": 503}, "upstream_overloaded"),
        ({"message": "x", "type": "overloaded_error"}, "upstream_overloaded"),
        ({"message": "x", "code": 502}, "upstream_error"),
        ({"message": "x", "code": 401}, "upstream_auth_failed"),
        ({"message": "x", "code": "408"}, "upstream_timeout"),
        ({"message": "x", "type": "not_found_error", "code": "model_not_found"}, "model_not_found"),
        ({"message": "x", "code": "invalid_prompt"}, "invalid_prompt"),
        ("boom", "upstream_error"),
        ({}, "upstream_error"),
        (None, "upstream_error"),
        ([1], "upstream_error"),
    ],
)
def test_errors_inside_a_200(error: Any, code: str) -> None:
    told: GatewayError = error_in_success(error, KEY)
    assert told.condition.code == code
    assert told.message


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
@pytest.mark.parametrize("asked_in", ["", "messages"])
def test_an_error_inside_a_200_that_names_its_status_is_that_error(status: int, asked_in: str) -> None:
    """OpenRouter says 200 whatever came of it, once it has begun."""
    detail = {"message": "Flagged.", "code": status, "metadata": {"provider_name": "x"}}
    inside = error_in_success(detail, KEY, "chat", asked_in)
    alone = refusal(status, [], json.dumps({"error": detail}).encode(), KEY, "chat", "caller", asked_in)
    assert (inside.condition, inside.message, inside.param) == (alone.condition, alone.message, alone.param)
    assert inside.condition.status in (status, 400)
