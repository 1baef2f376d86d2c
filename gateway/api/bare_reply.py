"""Answers given before a request is understood: complete HTTP bytes, then close.

In the OpenAI error shape, as no dialect is known at this point, or as problems (RFC 9457) where operators ask.
Framing may be in doubt, so each one ends its connection.
"""

from http import HTTPStatus

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.errors import METHOD_NOT_SUPPORTED, Condition


def bare_head(condition: Condition, request_id: str, *, problem: bool = False) -> bytes:
    """The header lines of a bare answer, without its length."""
    head = (
        f"content-type: application/{'problem+json' if problem else 'json'}\r\ncache-control: no-store\r\n"
        f"x-request-id: {request_id}\r\nrequest-id: {request_id}\r\nconnection: close\r\n"
    )
    if condition.should_retry is not None:
        head += f"x-should-retry: {'true' if condition.should_retry else 'false'}\r\n"
    if condition is METHOD_NOT_SUPPORTED:
        head += "allow: GET, POST, DELETE\r\n"  # which of them the path has is not known yet
    return head.encode()


def bare_body(condition: Condition, message: str, *, problem: bool = False) -> bytes:
    """The error object; `message` holds nothing the caller sent."""
    if problem:
        title = HTTPStatus(condition.status).phrase
        said = {"type": "about:blank", "title": title, "status": condition.status, "detail": message}
        return orjson.dumps(said)
    error = {"message": message, "type": condition.type, "param": None, "code": condition.code}
    return orjson.dumps({"error": error})


def bare_reply(
    condition: Condition, message: str, request_id: str, date_lines: bytes = b"", *, problem: bool = False
) -> bytes:
    """A whole answer, ready to be written; `date_lines` are the server's own header lines."""
    body = bare_body(condition, message, problem=problem)
    head = bare_head(condition, request_id, problem=problem)
    return b"%b%b%bcontent-length: %d\r\n\r\n%b" % (
        STATUS_LINE[condition.status],
        date_lines,
        head,
        len(body),
        body,
    )
