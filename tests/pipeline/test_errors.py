"""Every row of the error table in each dialect: what the SDKs' error classes are made from."""

import json
from typing import Any

import pytest

from gateway import errors
from gateway.dialects.errors import error_body, error_frame, error_head, error_status
from gateway.errors import Condition, GatewayError

ROWS = [value for value in vars(errors).values() if isinstance(value, Condition)]
_ANTHROPIC_TYPES = {
    "invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error",
    "conflict_error", "request_too_large", "rate_limit_error", "timeout_error", "api_error", "overloaded_error",
}  # fmt: skip
_GOOGLE_WORDS = {
    "INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "RESOURCE_EXHAUSTED", "INTERNAL",
    "UNAVAILABLE", "DEADLINE_EXCEEDED",
}  # fmt: skip

#: Wire reference §1.4: condition, OpenAI status type code, Anthropic status type, x-should-retry.
TABLE = [
    (errors.INVALID_JSON, 400, "invalid_request_error", "invalid_json", 400, "invalid_request_error", None),
    (errors.NO_CREDENTIALS, 401, "invalid_request_error", None, 401, "authentication_error", None),
    (errors.INVALID_API_KEY, 401, "invalid_request_error", "invalid_api_key", 401, "authentication_error", None),
    (errors.MODEL_NOT_ALLOWED, 403, "permission_error", "model_not_allowed", 403, "permission_error", None),
    (errors.MODEL_NOT_FOUND, 404, "invalid_request_error", "model_not_found", 404, "not_found_error", None),
    (errors.UNKNOWN_URL, 404, "invalid_request_error", "unknown_url", 404, "not_found_error", None),
    (
        errors.METHOD_NOT_SUPPORTED, 405, "invalid_request_error", "method_not_supported",
        404, "not_found_error", None,
    ),
    (errors.REQUEST_TIMEOUT, 408, "invalid_request_error", "request_timeout", 408, "timeout_error", None),
    (errors.REQUEST_TOO_LARGE, 413, "invalid_request_error", "request_too_large", 413, "request_too_large", None),
    (
        errors.UNSUPPORTED_MEDIA_TYPE, 415, "invalid_request_error", "unsupported_media_type",
        400, "invalid_request_error", None,
    ),
    (errors.RATE_LIMITED, 429, "rate_limit_error", "rate_limit_exceeded", 429, "rate_limit_error", None),
    (errors.INSUFFICIENT_QUOTA, 429, "insufficient_quota", "insufficient_quota", 429, "rate_limit_error", False),
    (errors.UPSTREAM_AUTH, 502, "upstream_error", "upstream_auth_failed", 502, "api_error", False),
    (errors.UPSTREAM_UNREACHABLE, 502, "upstream_error", "upstream_unreachable", 502, "api_error", True),
    (errors.UPSTREAM_TIMEOUT, 504, "timeout_error", "upstream_timeout", 504, "timeout_error", True),
    (errors.DEADLINE_EXCEEDED, 504, "timeout_error", "deadline_exceeded", 504, "timeout_error", False),
    (errors.INTERNAL, 500, "server_error", "internal_error", 500, "api_error", True),
    (errors.SHUTTING_DOWN, 503, "service_unavailable_error", "shutting_down", 529, "overloaded_error", True),
    (errors.NO_ELIGIBLE_KEY, 503, "service_unavailable_error", "no_eligible_key", 503, "api_error", False),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row[0].name for row in TABLE])
def test_rows_of_the_wire_reference(row: tuple[Any, ...]) -> None:
    condition = row[0]
    assert row[1:] == (
        condition.status, condition.type, condition.code,
        condition.anthropic_status, condition.anthropic_type, condition.should_retry,
    )  # fmt: skip


@pytest.mark.parametrize("condition", ROWS, ids=lambda row: row.name)
def test_every_row_in_each_dialect(condition: Condition) -> None:
    error = GatewayError(condition, 'Say "no"\r\n\u2028 ' + "x" * 600, param="messages[0]")
    told = json.loads(error_body(error, "openai", "req_1"))
    assert told == {
        "error": {
            "message": error.message[:500], "type": condition.type, "param": "messages[0]", "code": condition.code,
        }
    }  # fmt: skip
    claude = json.loads(error_body(error, "anthropic", "req_1"))
    begins = condition.anthropic_says or "messages.0: "
    expected: dict[str, Any] = {"type": condition.anthropic_type, "message": (begins + error.message)[:500]}
    if condition.anthropic_code is not None:
        expected["details"] = {"error_code": condition.anthropic_code}
    assert claude == {"type": "error", "error": expected, "request_id": "req_1"}
    google = json.loads(error_body(error, "gemini", "req_1"))["error"]
    assert (google["code"], google["message"]) == (condition.status, error.message[:500])
    assert google["status"] in _GOOGLE_WORDS
    assert error_status(error, "openai") == error_status(error, "gemini") == condition.status != 501
    assert error_status(error, "anthropic") == condition.anthropic_status != 501
    if condition is not errors.CLIENT_CLOSED:
        assert condition.anthropic_type in _ANTHROPIC_TYPES


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        (errors.INVALID_VALUE, "INVALID_ARGUMENT"),
        (errors.IDEMPOTENCY_IN_PROGRESS, "INVALID_ARGUMENT"),
        (errors.REQUEST_TOO_LARGE, "INVALID_ARGUMENT"),
        (errors.INVALID_API_KEY, "UNAUTHENTICATED"),
        (errors.MODEL_NOT_ALLOWED, "PERMISSION_DENIED"),
        (errors.MODEL_NOT_FOUND, "NOT_FOUND"),
        (errors.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        (errors.BUDGET_EXCEEDED, "RESOURCE_EXHAUSTED"),
        (errors.INTERNAL, "INTERNAL"),
        (errors.UPSTREAM_ERROR, "INTERNAL"),
        (errors.QUEUE_FULL, "UNAVAILABLE"),
        (errors.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    ],
    ids=lambda one: getattr(one, "name", one),
)
def test_googles_words(condition: Condition, word: str) -> None:
    body = json.loads(error_body(GatewayError(condition, "no"), "gemini", "req_1"))
    assert body == {"error": {"code": condition.status, "message": "no", "status": word}}


def test_what_anthropics_callers_are_told_says_so_once() -> None:
    said = "prompt is too long: 210000 tokens > 200000 maximum"
    for error in (
        GatewayError(errors.CONTEXT_TOO_LONG, said, param="messages"),
        GatewayError(errors.INVALID_VALUE, "messages.0.content: Field required", param="messages[0].content"),
    ):
        told = json.loads(error_body(error, "anthropic", "req_1"))["error"]["message"]
        assert told == error.message


def test_rows_have_names_of_their_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("wait_s", "lines"),
    [
        (None, []),
        (1.5, ["retry-after-ms: 1500", "retry-after: 2"]),
        (0.0, ["retry-after-ms: 0", "retry-after: 0"]),
        (-3.0, ["retry-after-ms: 0", "retry-after: 0"]),
        (86400.0, ["retry-after-ms: 60000", "retry-after: 60"]),
    ],
)
def test_the_wait_that_a_caller_is_told(wait_s: float | None, lines: list[str]) -> None:
    head = error_head(GatewayError(errors.DEADLINE_EXCEEDED, "x", retry_after_s=wait_s)).decode()
    assert head.endswith("\r\n")
    assert head.split("\r\n")[:-1] == [
        "content-type: application/json", "cache-control: no-store", "x-should-retry: false", *lines
    ]  # fmt: skip
    assert b"x-should-retry" not in error_head(GatewayError(errors.RATE_LIMITED, "x"))


@pytest.mark.parametrize("condition", ROWS, ids=lambda row: row.name)
def test_the_last_frame_of_a_stream_that_failed(condition: Condition) -> None:
    """One frame, whole, that every SDK raises on: a truthy `error` at the top, or Anthropic's named event."""
    error = GatewayError(condition, "broke\n\n off")
    for dialect, endpoint, event in (
        ("openai", "chat", None), ("openai", "completions", None), ("openai", "responses", "error"),
        ("anthropic", "messages", "error"), ("gemini", "generate_content", None),
    ):  # fmt: skip
        frame = error_frame(error, dialect, endpoint, "req_1", 7)
        assert frame.endswith(b"\n\n")
        lines = frame[:-2].split(b"\n")
        assert [line.partition(b":")[0] for line in lines] == ([b"event", b"data"] if event else [b"data"])
        data = json.loads(lines[-1].removeprefix(b"data: "))
        begins = condition.anthropic_says if dialect == "anthropic" else ""
        assert data["error"]["message"] == begins + error.message
        if event:
            assert lines[0] == b"event: error"
            assert data["type"] == "error"
        if endpoint == "responses":
            assert (data["sequence_number"], data["code"], data["message"]) == (
                7,
                condition.code,
                error.message,
            )


def test_what_another_provider_key_may_mend() -> None:
    """What the provider, or the way to it, did wrong; never what the caller or the gateway did."""
    assert {row.name for row in ROWS if row.retryable} == {
        "upstream_auth_failed", "upstream_error", "upstream_unreachable", "upstream_invalid_response",
        "upstream_incomplete", "upstream_overloaded", "upstream_unavailable", "upstream_timeout",
        "rate_limit_exceeded", "insufficient_quota",
    }  # fmt: skip
