"""Reading an answer to its end: what its head says of its way through the gateway, and whether it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from loadtests.offered.call import Call
from loadtests.offered.stream import Stream

DONE = b"data: [DONE]"
PIECE = 4096


class Answer(Protocol):
    """As much of locust's response as is looked at."""

    @property
    def status_code(self) -> int: ...

    @property
    def headers(self) -> Any: ...

    @property
    def content(self) -> Any: ...

    def iter_content(self, chunk_size: int, decode_content: bool) -> Iterator[bytes]: ...


def read_answer(response: Answer, call: Call, stream: Stream) -> None:
    """Note down everything about the answer but its time."""
    call.status = response.status_code
    if not call.status:
        call.error = str(getattr(response, "error", "")) or "no answer"
        return
    headers = response.headers or {}
    waited = headers.get("x-gateway-queue-ms")
    call.queue_ms = float(waited) if waited is not None else None
    call.attempts = int(headers.get("x-gateway-attempts") or 0)
    call.provider = headers.get("x-gateway-provider") or ""
    call.key = headers.get("x-gateway-key") or ""
    call.overflow = headers.get("x-gateway-overflow") or ""
    if stream.streaming and call.status == 200:
        text = b"".join(response.iter_content(chunk_size=PIECE, decode_content=False))
        call.frames, call.error = judged_stream(text, stream.output_tokens)
        call.code = refusal_in(text) if call.error else ""
    else:
        content = response.content or b""
        call.error, call.code = judged_json(call.status, content, stream.output_tokens)


def judged_json(status: int, content: bytes, tokens: int) -> tuple[str, str]:
    """What is wrong with the body, and the code of the error that it tells."""
    try:
        body = json.loads(content)
    except ValueError:
        return "no JSON", ""
    if not isinstance(body, dict):
        return "no object", ""
    if status != 200:
        error = body.get("error")
        return "", str(error.get("code") or "") if isinstance(error, dict) else ""
    said = (body.get("usage") or {}).get("completion_tokens")
    return ("" if said == tokens else f"{said} tokens instead of {tokens}"), ""


def refusal_in(text: bytes) -> str:
    """The code of a stream that was opened while its request stood in line, and then holds only a refusal."""
    events = [event for event in text.split(b"\n\n") if event.startswith(b"data: ")]
    return judged_json(0, events[0].removeprefix(b"data: "), 0)[1] if len(events) == 1 else ""


def judged_stream(text: bytes, tokens: int) -> tuple[int, str]:
    """How many frames held content, and what is wrong: cut short, an error inside, frames lost or doubled."""
    events = [event for event in text.split(b"\n\n") if event.startswith(b"data: ")]
    frames = sum(b'"content":' in event for event in events)
    if any(event.startswith(b'data: {"error"') for event in events):
        return frames, "an error inside the stream"
    if not events or not events[-1].startswith(DONE):
        return frames, "the stream does not end in [DONE]"
    # The first frame of the simulator, which names the role, may hold an empty content of its own.
    return frames, "" if tokens <= frames <= tokens + 1 else f"{frames} frames instead of {tokens}"
