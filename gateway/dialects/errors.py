"""Saying no in the caller's own dialect: status, headers and body of every refusal (wire reference §1.4).

Also the frames that end a stream that went wrong (§3.4): an error frame and nothing after it, so that no client
can take a broken answer for a finished one.
"""

import math
import re

import orjson

from gateway.errors import GatewayError

MESSAGE_MAX = 500
_INDEX = re.compile(r"\[(\d+)\]")
#: What Google calls a status; any other below 500 is the caller's doing, any other above it ours.
_GOOGLE = {
    401: "UNAUTHENTICATED",
    402: "PERMISSION_DENIED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_status(error: GatewayError, dialect: str) -> int:
    """The HTTP status of `error` in `dialect`."""
    return error.condition.anthropic_status if dialect == "anthropic" else error.condition.status


def error_body(error: GatewayError, dialect: str, request_id: str) -> bytes:
    """The JSON body of a refusal."""
    message = error.message[:MESSAGE_MAX]
    if dialect == "anthropic":
        return orjson.dumps({"type": "error", "error": _anthropic(error), "request_id": request_id})
    if dialect == "gemini":
        status = error.condition.status
        word = _GOOGLE.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
        return orjson.dumps({"error": {"code": status, "message": message, "status": word}})
    condition = error.condition
    detail = {"message": message, "type": condition.type, "param": error.param, "code": condition.code}
    return orjson.dumps({"error": detail})


def _anthropic(error: GatewayError) -> dict[str, object]:
    """Its errors have no field for the offending path: the message begins with that, in its own notation."""
    condition, message = error.condition, error.message
    begins = condition.anthropic_says
    if not begins and error.param is not None:
        begins = _INDEX.sub(r".\1", error.param) + ": "
    if begins not in message:
        message = begins + message
    inner: dict[str, object] = {"type": condition.anthropic_type, "message": message[:MESSAGE_MAX]}
    if condition.anthropic_code is not None:
        inner["details"] = {"error_code": condition.anthropic_code}
    return inner


def error_head(error: GatewayError) -> bytes:
    """The header lines that belong to a refusal (not the ids, which every answer carries)."""
    head = b"content-type: application/json\r\ncache-control: no-store\r\n"
    if error.condition.should_retry is not None:
        head += b"x-should-retry: true\r\n" if error.condition.should_retry else b"x-should-retry: false\r\n"
    if error.allow:
        head += b"allow: " + error.allow.encode() + b"\r\n"
    if error.budget_reset is not None:
        head += b"x-gateway-budget-reset: %b\r\n" % error.budget_reset.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    if error.retry_after_s is not None:
        wait_s = min(max(error.retry_after_s, 0.0), 60.0)  # an SDK sleeps whatever it is told
        head += b"retry-after-ms: %d\r\nretry-after: %d\r\n" % (round(wait_s * 1000), math.ceil(wait_s))
    return head


def error_frame(
    error: GatewayError, dialect: str, endpoint: str, request_id: str, sequence: int = 0
) -> bytes:
    """The last frame of a stream that failed after it began.

    `sequence` is the next `sequence_number` of a Responses stream.
    """
    condition, message = error.condition, error.message[:MESSAGE_MAX]
    if dialect == "anthropic":
        return b"event: error\ndata: " + error_body(error, dialect, request_id) + b"\n\n"
    if dialect == "gemini":
        return b"data: " + error_body(error, dialect, request_id) + b"\n\n"
    detail = {"message": message, "type": condition.type, "param": error.param, "code": condition.code}
    if endpoint != "responses":
        return b"data: " + orjson.dumps({"error": detail}) + b"\n\n"
    # Flat is the typed schema; nested is what the live API sends and what makes the SDK raise.
    event = {"type": "error", "sequence_number": sequence, "code": condition.code, "message": message}
    return b"event: error\ndata: " + orjson.dumps({**event, "param": error.param, "error": detail}) + b"\n\n"
