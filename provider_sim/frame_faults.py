"""Faults in what is said, inside valid HTTP: broken streams, odd events, wrong shapes, missing or mad usage."""

import re

import orjson

from provider_sim.errors import Dialect, Refusal, stream_error
from provider_sim.fault import Fault
from provider_sim.message import EVENT_STREAM, JSON, Reply

MAD_USAGE: dict[str, bytes] = {
    "negative": b"-7",
    "zero": b"0",
    "absurd": b"1152921504606846976",
    "text": b'"many"',
}
USAGE_NUMBER = re.compile(
    rb'("(?:prompt_tokens|completion_tokens|total_tokens|input_tokens|output_tokens|promptTokenCount'
    rb'|candidatesTokenCount|totalTokenCount|prompt_eval_count|eval_count)":)\s*\d+'
)
PINGS: dict[Dialect, bytes] = {"anthropic": b'event: ping\ndata: {"type": "ping"}\n\n', "ollama": b"\n"}
COMMENT = b": keep-alive\n\n"
ODD = b"retry: 100\n\nid: 7\n\n: OPENROUTER PROCESSING\n\nevent: ping\n\nevent: unheard\ndata: {}\n\n"


def bend(reply: Reply, fault: Fault, dialect: Dialect, request_id: str) -> Reply:
    """`reply` with the body-level part of `fault` applied."""
    if fault.html:
        page = (
            b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
        )
        reply = Reply(fault.status or 200, page, b"text/html; charset=UTF-8")
    if fault.wrong_shape:
        reply = Reply(reply.status, b'{"hello":["world",1]}')
    if fault.empty:
        reply.body, reply.frames = b"", None
    if fault.json_for_stream and reply.frames is not None:
        reply = Reply(reply.status, orjson.dumps({"note": "not a stream"}), JSON)
    if fault.stream_for_json and reply.frames is None:
        reply = Reply(
            reply.status, b"", EVENT_STREAM, [b"data: " + reply.body + b"\n\n", b"data: [DONE]\n\n"]
        )
    if fault.bad_usage is not None:
        mad = rb"\g<1>" + MAD_USAGE.get(fault.bad_usage, b"null")
        reply.body = USAGE_NUMBER.sub(mad, reply.body)
        reply.frames = None if reply.frames is None else [USAGE_NUMBER.sub(mad, f) for f in reply.frames]
    if reply.frames is not None:
        reply.frames = _bend_frames(list(reply.frames), fault, dialect, request_id)
    elif fault.big_line is not None:
        reply.body = b" " * fault.big_line + reply.body
    if fault.content_type is not None:
        reply.content_type = fault.content_type.encode("latin-1")
    return reply


def _bend_frames(frames: list[bytes], fault: Fault, dialect: Dialect, request_id: str) -> list[bytes]:
    if fault.no_done:
        frames = frames[:-1]
    if fault.done_twice:
        frames = [*frames, frames[-1]]
    if fault.after_done and len(frames) > 2:
        frames = [*frames, frames[1]]
    if fault.stop_after is not None:
        frames = frames[: fault.stop_after]
    if fault.error_after is not None:
        kind = (
            "overloaded" if fault.status in (None, 503, 529) else "rate" if fault.status == 429 else "server"
        )
        message = fault.message or ("Overloaded" if kind == "overloaded" else "The server had an error.")
        refusal = Refusal(kind, message, code=fault.code)  # type: ignore[arg-type]
        frames = [*frames[: fault.error_after], stream_error(dialect, refusal, request_id)]
    first: list[bytes] = []
    if fault.comments:
        first += [PINGS.get(dialect, COMMENT)] * fault.comments
    if fault.odd_events:
        first.append(ODD)
    if fault.big_line is not None:
        opening, ending = (
            (b'{"filler":"', b'"}\n') if dialect == "ollama" else (b'data: {"filler":"', b'"}\n\n')
        )
        first.append(opening + b"x" * fault.big_line + ending)
    frames = first + frames
    if fault.crlf:
        frames = [frame.replace(b"\n", b"\r\n") for frame in frames]
    if fault.bom and frames:
        frames[0] = b"\xef\xbb\xbf" + frames[0]
    return frames
