"""Is an answer right? Judged on its bytes as they arrived, cheaply enough to judge every one."""

from __future__ import annotations

from loadtests.canned import DONE, MARKER

LAST_CHUNK = b"\r\n0\r\n\r\n"

_HEAD_END = b"\r\n\r\n"
_EVENT = b"data: "
_USAGE = b'"usage":{'


def head_length(data: bytes) -> int:
    """Where the body begins, or 0 while the head is not complete."""
    at = data.find(_HEAD_END)
    return 0 if at < 0 else at + len(_HEAD_END)


def content_length(head: bytes) -> int | None:
    """The body's length as the head states it; None for a chunked body or an unstated length."""
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0 or b"\r\ntransfer-encoding:" in lowered:
        return None
    return int(lowered[at + len(b"\r\ncontent-length:") : lowered.index(b"\r\n", at + 2)])


def dechunked(body: bytes) -> bytes:
    """The content of a complete chunked body; ValueError when the chunks do not add up."""
    parts: list[bytes] = []
    at = 0
    while True:
        line_end = body.index(b"\r\n", at)
        size = int(body[at:line_end].split(b";")[0], 16)
        at = line_end + 2
        if size == 0:
            if body[at:] != b"\r\n":
                raise ValueError("bytes after the last chunk")
            return b"".join(parts)
        if body[at + size : at + size + 2] != b"\r\n":
            raise ValueError("a chunk that is not as long as it says")
        parts.append(body[at : at + size])
        at += size + 2


def fault(head: bytes, body: bytes, *, frames: int) -> str:
    """Why a complete answer is wrong, or nothing.

    `frames` is the number of content frames that a stream must have; 0 expects a JSON answer. The
    callers of the benchmark never ask for a stream's usage, so a usage frame that shows is a fault.
    """
    if not head.startswith(b"HTTP/1.1 200"):
        return f"status {head[9:12].decode('ascii', 'replace')}: {body[:200].decode('utf-8', 'replace')}"
    if content_length(head) is None:
        try:
            body = dechunked(body)
        except ValueError as error:
            return f"broken chunks: {error}"
    if MARKER not in body:
        return "the marker is missing"
    if not frames:
        return "" if body.rstrip().endswith(b"}") else "the JSON answer is cut short"
    if not body.endswith(DONE):
        return "the stream does not end in [DONE]"
    if _USAGE in body:
        return "a usage frame nobody asked for"
    seen = body.count(_EVENT) - 1
    return "" if seen == frames else f"{seen} frames instead of {frames}"
