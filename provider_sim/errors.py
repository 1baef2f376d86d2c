"""Saying no in each provider's own words.

Sources: `reference/wire.md` §1.4 (bodies, types, codes) and `reference/admission.md` §1.3–1.4 (429 and 529).
A refusal is raised with a *kind*; the table of its dialect decides status, type and code.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from provider_sim.message import JsonObject, Reply

Dialect = Literal["openai", "azure", "anthropic", "gemini", "ollama"]
Kind = Literal[
    "invalid", "authentication", "billing", "permission", "not_found", "method", "conflict", "too_large",
    "rate", "quota", "slow_down", "overloaded", "server", "timeout",
]  # fmt: skip

# kind: (status, type, code)
OPENAI: dict[Kind, tuple[int, str, str | None]] = {
    "invalid": (400, "invalid_request_error", None),
    "authentication": (401, "invalid_request_error", "invalid_api_key"),
    "billing": (402, "billing_error", "billing_hard_limit_reached"),
    "permission": (403, "invalid_request_error", "insufficient_permissions"),
    "not_found": (404, "invalid_request_error", None),
    "method": (405, "invalid_request_error", "method_not_supported"),
    "conflict": (409, "invalid_request_error", None),
    "too_large": (413, "invalid_request_error", "request_too_large"),
    "rate": (429, "tokens", "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "slow_down": (503, "service_unavailable_error", "slow_down"),
    "overloaded": (503, "service_unavailable_error", "server_is_overloaded"),
    "server": (500, "server_error", None),
    "timeout": (504, "server_error", None),
}
ANTHROPIC: dict[Kind, tuple[int, str]] = {
    "invalid": (400, "invalid_request_error"),
    "authentication": (401, "authentication_error"),
    "billing": (402, "billing_error"),
    "permission": (403, "permission_error"),
    "not_found": (404, "not_found_error"),
    "method": (405, "invalid_request_error"),
    "conflict": (409, "conflict_error"),
    "too_large": (413, "request_too_large"),
    "rate": (429, "rate_limit_error"),
    "quota": (429, "rate_limit_error"),
    "slow_down": (429, "rate_limit_error"),
    "overloaded": (529, "overloaded_error"),
    "server": (500, "api_error"),
    "timeout": (504, "timeout_error"),
}
GEMINI: dict[Kind, tuple[int, str]] = {
    "invalid": (400, "INVALID_ARGUMENT"),
    "authentication": (400, "INVALID_ARGUMENT"),
    "billing": (403, "PERMISSION_DENIED"),
    "permission": (403, "PERMISSION_DENIED"),
    "not_found": (404, "NOT_FOUND"),
    "method": (404, "NOT_FOUND"),
    "conflict": (409, "ABORTED"),
    "too_large": (400, "INVALID_ARGUMENT"),
    "rate": (429, "RESOURCE_EXHAUSTED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "slow_down": (503, "UNAVAILABLE"),
    "overloaded": (503, "UNAVAILABLE"),
    "server": (500, "INTERNAL"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
}
OLLAMA: dict[Kind, int] = {
    "authentication": 401, "permission": 403, "not_found": 404, "method": 405, "conflict": 409,
    "too_large": 413, "rate": 429, "quota": 429, "slow_down": 503, "overloaded": 503, "server": 500,
    "timeout": 504,
}  # fmt: skip
BY_STATUS: dict[int, Kind] = {
    400: "invalid", 401: "authentication", 402: "billing", 403: "permission", 404: "not_found",
    405: "method", 409: "conflict", 413: "too_large", 422: "invalid", 429: "rate", 500: "server",
    503: "overloaded", 504: "timeout", 529: "overloaded",
}  # fmt: skip


@dataclass
class Refusal(Exception):  # noqa: N818  (it is a refusal, which the caller is meant to get)
    """A refused request. `status`, `type` and `code` override the dialect's table; an empty code is null."""

    kind: Kind
    message: str
    param: str | None = None
    code: str | None = None
    type: str | None = None
    status: int | None = None
    details: Any = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.message)


def status_of(dialect: Dialect, refusal: Refusal) -> int:
    if refusal.status is not None:
        return refusal.status
    if dialect == "anthropic":
        return ANTHROPIC[refusal.kind][0]
    if dialect == "gemini":
        return GEMINI[refusal.kind][0]
    if dialect == "ollama":
        return OLLAMA.get(refusal.kind, 400)
    return OPENAI[refusal.kind][0]


def error_object(dialect: Dialect, refusal: Refusal, request_id: str) -> JsonObject:
    """The JSON body, also used for errors inside a stream."""
    if dialect == "anthropic":
        error: JsonObject = {"type": refusal.type or ANTHROPIC[refusal.kind][1], "message": refusal.message}
        if refusal.details is not None:
            error["details"] = refusal.details
        return {"type": "error", "error": error, "request_id": request_id}
    if dialect == "gemini":
        body: JsonObject = {
            "code": status_of(dialect, refusal),
            "message": refusal.message,
            "status": refusal.type or GEMINI[refusal.kind][1],
        }
        if refusal.details is not None:
            body["details"] = refusal.details
        return {"error": body}
    if dialect == "ollama":
        return {"error": refusal.message}
    _, type_, code = OPENAI[refusal.kind]
    if dialect == "azure" and code in {"rate_limit_exceeded", "server_is_overloaded"}:
        code = str(status_of(dialect, refusal))
    return {
        "error": {
            "message": refusal.message,
            "type": refusal.type or type_,
            "param": refusal.param,
            "code": code if refusal.code is None else refusal.code or None,
        }
    }


def refusal_reply(dialect: Dialect, refusal: Refusal, request_id: str) -> Reply:
    body = orjson.dumps(error_object(dialect, refusal, request_id))
    return Reply(status_of(dialect, refusal), body, headers=list(refusal.headers))


def stream_error(dialect: Dialect, refusal: Refusal, request_id: str) -> bytes:
    """How an error looks after a 200 stream has begun (`reference/wire.md` §3.4)."""
    data = orjson.dumps(error_object(dialect, refusal, request_id))
    if dialect == "anthropic":
        return b"event: error\ndata: " + data + b"\n\n"
    if dialect == "ollama":
        return data + b"\n"
    return b"data: " + data + b"\n\n"
