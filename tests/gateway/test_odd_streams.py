"""Streams of providers that break their dialect's rules, for callers of another: the right answer or an error that
says what is wrong, never silence."""

import json
from typing import Any

import pytest

from tests.gateway.provider_answers import (
    CHAT,
    MESSAGES,
    RESPONSES,
    USED,
    asked_behind,
    chat_stream,
    frames_of,
    gemini_stream,
    messages_stream,
    ollama_stream,
    response,
    responses_stream,
)
from tests.gateway.wire import post
from tests.running import ProviderSim, RunningGateway

INVALID, CUT = "upstream_invalid_response", "upstream_incomplete"
_TEXT = {"type": "text_delta", "text": "Snow."}
_CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
_ITEM = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}


def piece(index: int, delta: Any) -> Any:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def messages(*odd: Any) -> list[Any]:
    """A text, then `odd` events, and the end."""
    whole = messages_stream("end_turn")
    return [*whole[:-2], *odd, *whole[-2:]]


def call_of(**function: Any) -> Any:
    return {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": function}]}


def chat_at(index: Any) -> list[Any]:
    odd = {"choices": [{"index": index, "delta": {"content": "Snow."}}]}
    first, *rest = chat_stream("stop")
    return [first, odd, *rest]


def responses(*odd: Any) -> list[Any]:
    *said, ended = responses_stream("completed")
    return [*said, *odd, ended]


def opened(**item: Any) -> Any:
    return {"type": "response.output_item.added", "output_index": 1, "item": {**_ITEM, **item}}


def without_reason(*candidates: int) -> list[Any]:
    """Gemini's stream that ends after a text of each of these."""
    part = {"parts": [{"text": "Rain."}]}
    return [{"candidates": [{"index": index, "content": part} for index in candidates]}]


_NAMELESS = {"functionCall": {"args": {}}}
ROWS: list[tuple[str, list[Any], str]] = [
    ("anthropic", messages(piece(7, _TEXT)), INVALID),
    ("anthropic", messages(piece(7, {"type": "input_json_delta", "partial_json": "{}"})), INVALID),
    (
        "anthropic",
        messages({"type": "content_block_start", "index": 1, "content_block": _CALL}, piece(1, _TEXT)),
        INVALID,
    ),
    ("anthropic", messages({"type": "content_block_start", "index": 1, "content_block": {}}), INVALID),
    ("anthropic", messages_stream("end_turn")[1:], INVALID),
    ("openai", chat_stream("tool_calls", call_of(arguments="{}")), INVALID),
    ("openai", chat_stream("tool_calls", call_of()), INVALID),
    ("openai", chat_at(-1), INVALID),
    ("openai", chat_at(10**15), INVALID),
    ("gemini", gemini_stream("STOP", _NAMELESS), INVALID),
    ("gemini", without_reason(0), CUT),
    ("gemini", [*without_reason(0, 1), *gemini_stream("STOP")], CUT),
    ("gemini", [*without_reason(0), *without_reason(10**15)], INVALID),
    ("ollama", [*ollama_stream("stop")[:1], {"message": {"tool_calls": [{"function": {}}]}}], INVALID),
    ("responses", responses(opened(name="")), INVALID),
    ("responses", responses(opened(call_id=None)), INVALID),
    ("responses", responses({**opened(name=""), "type": "response.output_item.done"}), INVALID),
    (
        "responses",
        responses(
            {"type": "response.function_call_arguments.delta", "output_index": 5, "delta": "{}"},
        ),
        INVALID,
    ),
    (
        "responses",
        [responses_stream("completed")[0], {"type": "response.completed", "response": {}}],
        INVALID,
    ),
    ("responses", responses_stream("completed", None)[:-1], CUT),
]


#: To whom it passes unchanged.
_OWN = {"openai": (CHAT, RESPONSES), "anthropic": (MESSAGES,), "responses": (RESPONSES,)}


@pytest.mark.parametrize(
    ("behind", "events", "code", "path"),
    [
        (*row, path)
        for row in ROWS
        for path in (CHAT, MESSAGES, RESPONSES)
        if path not in _OWN.get(row[0], ())
    ],
)
async def test_is_told_as_an_error(
    sim: ProviderSim, behind: str, events: list[Any], code: str, path: str
) -> None:
    config, asked = asked_behind(sim, behind, path)
    content_type, frames = frames_of(behind, events)
    async with RunningGateway(config) as gateway:
        for _ in range(8):  # whoever tries again
            sim.script(status=200, headers=[("content-type", content_type)], chunks=frames)
        reply = await post(gateway, {**asked, "stream": True}, path=path)
        (entry,) = await gateway.log_lines(1)
    assert (entry["code"], entry["outcome"]) == (code, "error")
    assert b'"error":{' in reply.body
    for end in (b"[DONE]", b"message_stop", b"response.completed"):
        assert end not in reply.body


def _said(path: str, reply: bytes) -> tuple[str, list[tuple[str, str]]]:
    """(text, calls with their arguments) of a whole stream."""
    events = [json.loads(one[6:]) for one in reply.split(b"\n") if one.startswith(b"data: {")]
    text, calls = "", dict[int, list[str]]()
    for event in events:
        if path == CHAT:
            for choice in event["choices"]:
                text += choice["delta"].get("content") or ""
                for one in choice["delta"].get("tool_calls") or ():
                    call = calls.setdefault(one["index"], ["", ""])
                    call[0] += one["function"].get("name") or ""
                    call[1] += one["function"]["arguments"]
        elif event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
            calls[event["index"]] = [event["content_block"]["name"], ""]
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            text += delta.get("text", "")
            if "partial_json" in delta:
                calls[event["index"]][1] += delta["partial_json"]
    return text, [(name, arguments) for name, arguments in calls.values()]


_CREATED, _ENDED = responses_stream("completed")[0], responses_stream("completed")[-1]
_DONE = responses_stream("completed")[3]
_CALLED = {
    "type": "response.completed",
    "response": {
        **response("completed", None),
        "usage": USED,
        "output": [*response("completed")["output"], _ITEM],
    },
}
_ARGUMENTS = {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"}
_CALL_DONE = {**opened(), "type": "response.output_item.done"}
#: Said for the first time when it is done.
_TEXT_DONE = {"type": "response.output_text.done", "output_index": 0, "item_id": "m", "text": "Rain."}
_ARGUMENTS_DONE = {
    "type": "response.function_call_arguments.done", "output_index": 1, "item_id": "fc", "arguments": "{}",
}  # fmt: skip
_EMPTY_END = {**_ENDED, "response": {**_ENDED["response"], "output": []}}


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    ("events", "calls"),
    [
        ([_CREATED, _ENDED], []),
        ([_ENDED], []),
        ([_CREATED, _DONE, _ENDED], []),
        ([_CREATED, _CALLED], [("f", "{}")]),
        ([_CREATED, _DONE, opened(arguments=""), _CALLED], [("f", "{}")]),
        ([_CREATED, _DONE, _CALL_DONE, _CALLED], [("f", "{}")]),
        ([_CREATED, _TEXT_DONE, _EMPTY_END], []),
        ([_CREATED, _TEXT_DONE, opened(arguments=""), _ARGUMENTS_DONE, _EMPTY_END], [("f", "{}")]),
        ([*responses(opened(arguments=""), _ARGUMENTS, _ARGUMENTS_DONE)[:-1], _CALLED], [("f", "{}")]),
        (responses_stream("completed"), []),
        ([*responses(opened(arguments=""), _ARGUMENTS, _CALL_DONE)[:-1], _CALLED], [("f", "{}")]),
    ],
)
async def test_each_item_of_a_response_is_told_once(
    sim: ProviderSim, path: str, events: list[Any], calls: list[tuple[str, str]]
) -> None:
    """Whether it came in pieces, whole when it was done, or with the end alone."""
    config, asked = asked_behind(sim, "responses", path)
    content_type, frames = frames_of("responses", events)
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=[("content-type", content_type)], chunks=frames)
        reply = await post(gateway, {**asked, "stream": True}, path=path)
    assert reply.status == 200
    assert _said(path, reply.body) == ("Rain.", calls)
    assert (b"tool_calls" if path == CHAT else b"tool_use") in reply.body or not calls


_BEGUN = {"type": "message_start", "message": 5}
GENERATE = "/v1beta/models/gemini:streamGenerateContent?alt=sse"
_FAILED = {**_ENDED["response"], "status": "failed", "output": [], "error": {"code": "server_error"}}


@pytest.mark.parametrize(
    ("behind", "path", "data"),
    [
        ("openai", CHAT, b"data: [DONE]\n\n"),
        ("openai", CHAT, b'data: {"choices":[]}\n\ndata: [DONE]\n\n'),
        ("openai", CHAT, b'data: {"choices":[5]}\n\ndata: [DONE]\n\n'),
        ("openai", CHAT, b'data: {"choices":[{"index":0,"delta":5}]}\n\ndata: [DONE]\n\n'),
        ("openai", CHAT, b'data: {"choices":[{"index":0,"delta":{"content":5}}]}\n\ndata: [DONE]\n\n'),
        ("gemini", GENERATE, b'data: {"candidates":[{"content":{"parts":5},"finishReason":"STOP"}]}\n\n'),
        (
            "anthropic",
            MESSAGES,
            b"".join(frames_of("anthropic", [_BEGUN, *messages_stream("end_turn")[1:]])[1]),
        ),
        ("openai", "/v1/completions", b"data: [DONE]\n\n"),
        ("anthropic", MESSAGES, b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        ("anthropic", MESSAGES, b"".join(frames_of("anthropic", messages_stream("end_turn")[1:])[1])),
        ("responses", RESPONSES, b'event: response.completed\ndata: {"type":"response.completed"}\n\n'),
        (
            "responses",
            RESPONSES,
            b"".join(frames_of("responses", [{"type": "response.failed", "response": _FAILED}])[1]),
        ),
    ],
)
async def test_one_that_says_nothing_does_not_pass_where_both_ends_speak_alike(
    sim: ProviderSim, behind: str, path: str, data: bytes
) -> None:
    config, asked = asked_behind(sim, behind, path)
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=[("content-type", "text/event-stream")], chunks=[data])
        asked |= {"prompt": "x", "stream": True, "contents": [{"parts": [{"text": "x"}]}]}
        reply = await post(gateway, asked, path=path)
        (entry,) = await gateway.log_lines(1)
    assert (reply.status, entry["outcome"]) == (502, "error")


@pytest.mark.parametrize(
    ("behind", "path", "events"),
    [
        ("openai", CHAT, chat_stream("stop")),
        ("anthropic", MESSAGES, [messages_stream("end_turn")[0], *messages_stream("end_turn")[-2:]]),
        ("responses", RESPONSES, [_CREATED, {"type": "response.completed", "response": _ENDED["response"]}]),
    ],
)
async def test_one_that_says_little_does(sim: ProviderSim, behind: str, path: str, events: list[Any]) -> None:
    config, asked = asked_behind(sim, behind, path)
    frames = [*frames_of(behind, events)[1], *([b"data: [DONE]\n\n"] if behind == "openai" else [])]
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=[("content-type", "TEXT/event-stream")], chunks=frames)
        reply = await post(gateway, {**asked, "stream": True}, path=path)
    assert reply.status == 200
    assert b'error":{' not in reply.body


async def test_half_of_a_tools_arguments_is_no_finished_call(sim: ProviderSim) -> None:
    """To a caller whose SDK would run the tool with what it makes of them."""
    config, asked = asked_behind(sim, "openai", MESSAGES)
    called = {
        "index": 0,
        "id": "c",
        "type": "function",
        "function": {"name": "rm", "arguments": '{"path":"/a","rec'},
    }
    whole = chat_stream("tool_calls")
    choice = {"index": 0, "delta": {"tool_calls": [called]}, "finish_reason": None}
    frames = [*frames_of("openai", [{**whole[0], "choices": [choice]}, *whole])[1], b"data: [DONE]\n\n"]
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=[("content-type", "text/event-stream")], chunks=frames, gap_ms=50)
        reply = await post(gateway, {**asked, "stream": True}, path=MESSAGES)
        (entry,) = await gateway.log_lines(1)
    assert b"message_stop" not in reply.body
    assert b"event: error" in reply.body
    assert entry["outcome"] == "error"
    assert "unread=_raw" in entry["warnings"]
