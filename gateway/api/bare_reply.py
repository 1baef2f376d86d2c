"""Answers given before a request is understood: complete HTTP bytes, in the OpenAI error shape, then close.

No dialect is known at this point, and framing may be in doubt, so each one ends its connection.
"""

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.errors import METHOD_NOT_SUPPORTED, Condition


def bare_head(condition: Condition, request_id: str) -> bytes:
    """The header lines of a bare answer, without its length."""
    head = (
        "content-type: application/json\r\ncache-control: no-store\r\n"
        f"x-request-id: {request_id}\r\nrequest-id: {request_id}\r\nconnection: close\r\n"
    )
    if condition.should_retry is not None:
        head += f"x-should-retry: {'true' if condition.should_retry else 'false'}\r\n"
    if condition is METHOD_NOT_SUPPORTED:
        head += "allow: GET, POST, DELETE\r\n"  # which of them the path has is not known yet
    return head.encode()


def bare_body(condition: Condition, message: str) -> bytes:
    """The error object; `message` holds nothing the caller sent."""
    error = {"message": message, "type": condition.type, "param": None, "code": condition.code}
    return orjson.dumps({"error": error})


def bare_reply(condition: Condition, message: str, request_id: str, date_lines: bytes = b"") -> bytes:
    """A whole answer, ready to be written; `date_lines` are the server's own header lines."""
    body = bare_body(condition, message)
    head = bare_head(condition, request_id)
    return b"%b%b%bcontent-length: %d\r\n\r\n%b" % (
        STATUS_LINE[condition.status],
        date_lines,
        head,
        len(body),
        body,
    )
