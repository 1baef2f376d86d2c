"""What of an answer has no counterpart in the caller's dialect is told, and so is what may leave nothing of it.

Of a stream its head tells what came before the first content, and the request log all of it.
"""

import json
from typing import Any

import pytest

from tests.behind import behind_every_dialect
from tests.gateway.provider_answers import (
    ASKED_IN_MESSAGES,
    CHAT,
    MESSAGES,
    RESPONSES,
    asked_behind,
    candidate,
    chat_stream,
    completion,
    frames_of,
    gemini_stream,
    line,
    message,
    messages_stream,
    ollama_stream,
    response,
    responses_stream,
)
from tests.gateway.test_admin_and_log import scrape
from tests.gateway.wire import chat, post
from tests.running import ProviderSim, RunningGateway

_TEXT = {"type": "text", "text": "Rain."}
_SEARCHED = [
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
]
_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{bad"}}


_FOUND = {"type": "web_search_result_location", "url": "https://a.example", "title": "A"}
_QUOTED = {"type": "char_location", "cited_text": "Rain.", "document_index": 0}
_NOTE = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
_ODD_CALL = {"id": "c", "type": "quux", "quux": {"name": "f"}}
_PICTURE = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
_FILE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b"}}
_NOTED = {"type": "output_text", "text": "", "annotations": [{"type": "file_citation", "index": 1}]}
_ODD_FIELDS = {"type": "message", "content": [{"type": "output_text", "text": "", "quux": 1}], "odd": 1}
_ODD_MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "quux", "quux": 1}, _NOTED]}


def odd_line() -> Any:
    odd = line("stop")
    return odd | {"message": odd["message"] | {"images": ["aGk="], "quux": 1}}


@pytest.mark.parametrize(
    ("behind", "path", "body", "unread"),
    [
        ("anthropic", CHAT, message([_TEXT], "end_turn"), None),
        ("anthropic", CHAT, message([_TEXT], "out_of_patience"), "stop_reason"),
        ("anthropic", CHAT, message([_TEXT], None), "stop_reason"),
        (
            "anthropic",
            CHAT,
            message([*_SEARCHED, _TEXT], "end_turn"),
            "server_tool_use,web_search_tool_result",
        ),
        ("openai", MESSAGES, completion("stop", content="Rain."), None),
        ("openai", MESSAGES, completion("out_of_patience", content="Rain."), "finish_reason"),
        ("openai", MESSAGES, completion(None, content="Rain."), "finish_reason"),
        ("openai", MESSAGES, completion("tool_calls", content=None, tool_calls=[_CALL]), "_raw"),
        ("anthropic", CHAT, message([{**_TEXT, "citations": [_FOUND]}], "end_turn"), None),
        ("anthropic", CHAT, message([{**_TEXT, "citations": [_FOUND, _QUOTED]}], "end_turn"), "citations"),
        ("openai", MESSAGES, completion("stop", content="Rain.", annotations=[_NOTE]), "citations"),
        (
            "openai",
            MESSAGES,
            completion("stop", content="Rain.", annotations=[{"type": "file_citation"}]),
            "annotations",
        ),
        ("openai", MESSAGES, completion("tool_calls", content="Rain.", tool_calls=[_ODD_CALL]), "quux"),
        (
            "openai",
            MESSAGES,
            completion("stop", content=[_TEXT, {"type": "quux", "quux": 1}, {"type": "text", "text": ""}]),
            "quux",
        ),
        ("openai", MESSAGES, completion("stop", content="Rain.", refusal=None, quux=[1], odd=None), "quux"),
        ("gemini", CHAT, candidate("STOP"), None),
        ("gemini", CHAT, candidate("SAFETY"), None),
        ("gemini", CHAT, candidate("MALFORMED_FUNCTION_CALL"), "finishReason"),
        ("gemini", CHAT, candidate("OUT_OF_PATIENCE"), "finishReason"),
        ("gemini", CHAT, candidate(None), "finishReason"),
        ("gemini", CHAT, candidate("STOP", {"quux": {}}, _FILE, {"quux": {}}), "quux,fileData"),
        ("gemini", CHAT, candidate("STOP", _PICTURE), None),
        ("gemini", MESSAGES, candidate("STOP", _PICTURE), "image"),
        ("gemini", RESPONSES, candidate("STOP", _PICTURE), "image"),
        ("ollama", CHAT, line("stop"), None),
        ("ollama", CHAT, odd_line(), "images,quux"),
        ("ollama", MESSAGES, odd_line(), "images,quux"),
        ("anthropic", CHAT, message([{**_TEXT, "quux": 1, "odd": None}], "end_turn"), "quux"),
        ("responses", MESSAGES, response("completed", None, _ODD_FIELDS), "odd,quux"),
        ("ollama", CHAT, line("length"), None),
        ("ollama", CHAT, line("load"), None),
        ("ollama", CHAT, line("out_of_patience"), "done_reason"),
        ("ollama", CHAT, line("out_of_patience", ""), "done_reason"),
        ("responses", CHAT, response("completed"), None),
        ("responses", CHAT, response("incomplete", "max_output_tokens"), None),
        ("responses", CHAT, response("incomplete", "out_of_patience"), "incomplete_details"),
        ("responses", CHAT, response("cancelled"), "status"),
        ("responses", CHAT, response("completed", None, {"type": "quux_call"}, {}), "quux_call,output"),
        ("responses", CHAT, response("completed", None, _ODD_MESSAGE), "quux,file_citation"),
    ],
)
async def test_of_a_whole_answer(
    sim: ProviderSim, behind: str, path: str, body: Any, unread: str | None
) -> None:
    config, asked = asked_behind(sim, behind, path)
    async with RunningGateway(config) as gateway:
        body = {**body, "usage": {"input_tokens": 1, "output_tokens": 1}}
        if behind == "ollama":
            body |= {"prompt_eval_count": 1, "eval_count": 1}
        if behind == "gemini":
            body["usageMetadata"] = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        sim.script(status=200, headers=[("content-type", "application/json")], body=json.dumps(body).encode())
        reply = await post(gateway, asked, path=path, headers="x-gateway-strict: true\r\n")
    assert reply.status == 200, "it is paid for, and nothing of the request was lost"
    warned = reply.headers.get("x-gateway-warnings")
    assert warned == (f"unread={unread}" if unread else None)


_SOUND = {"audio": {"data": "AAAA"}}

_ODD_PIECES = ({"id": "c", "type": "quux", "quux": {"a": 1}}, {"quux": {"a": 2}})
_LAST = chat_stream("stop")[-1:]
_USAGE = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


def _chunk(**said: Any) -> Any:
    return {"choices": [{"index": 0, **said}]}


def _cited(citation: Any) -> list[Any]:
    delta = {"type": "citations_delta", "citation": citation}
    events = messages_stream("end_turn")
    events.insert(3, {"type": "content_block_delta", "index": 0, "delta": delta})
    return events


@pytest.mark.parametrize(
    ("behind", "path", "events", "unread"),
    [
        ("anthropic", CHAT, messages_stream("end_turn"), None),
        ("anthropic", CHAT, messages_stream("out_of_patience"), "stop_reason"),
        ("anthropic", CHAT, messages_stream(None), "stop_reason"),
        (
            "anthropic",
            RESPONSES,
            messages_stream("end_turn", *_SEARCHED),
            "server_tool_use,web_search_tool_result",
        ),
        ("openai", MESSAGES, chat_stream("stop"), None),
        ("openai", MESSAGES, chat_stream("out_of_patience"), "finish_reason"),
        ("openai", MESSAGES, chat_stream("stop", _SOUND), "audio"),
        ("openai", MESSAGES, chat_stream("tool_calls", {"tool_calls": [{**_ODD_CALL, "index": 0}]}), "quux"),
        (
            "openai",
            MESSAGES,
            chat_stream("tool_calls", *({"tool_calls": [{"index": 0, **one}]} for one in _ODD_PIECES)),
            "quux",
        ),
        ("openai", MESSAGES, chat_stream("stop", {"content": [{"type": "quux"}]}), "quux"),
        ("openai", MESSAGES, chat_stream("stop", {"annotations": [_NOTE]}), "citations"),
        ("openai", MESSAGES, [*chat_stream("stop"), _chunk(delta={"content": "!"}), _USAGE], "delta"),
        ("openai", MESSAGES, [*chat_stream("stop"), _chunk(delta={"role": "assistant"}), _USAGE], None),
        ("openai", MESSAGES, [_chunk(message={"content": one}) for one in ("Rain.", "!")] + _LAST, None),
        (
            "openai",
            MESSAGES,
            [*chat_stream("stop")[:1], _chunk(message={"content": "Rain."}), *_LAST],
            "message",
        ),
        ("anthropic", CHAT, _cited(_FOUND), None),
        ("anthropic", CHAT, _cited(_QUOTED), "citations"),
        ("gemini", CHAT, gemini_stream("STOP"), None),
        ("gemini", CHAT, gemini_stream("STOP", _PICTURE), None),
        ("gemini", CHAT, gemini_stream("STOP", {"quux": {}}, _FILE, {"quux": {}}), "quux,fileData"),
        ("gemini", CHAT, gemini_stream("OUT_OF_PATIENCE"), "finishReason"),
        ("gemini", MESSAGES, gemini_stream("STOP", _PICTURE), "image"),
        ("gemini", RESPONSES, gemini_stream("STOP", _PICTURE), "image"),
        ("ollama", CHAT, ollama_stream("stop"), None),
        ("ollama", CHAT, [odd_line() | {"done": False}, *ollama_stream("stop")[1:]], "images,quux"),
        ("ollama", CHAT, ollama_stream("out_of_patience"), "done_reason"),
        ("responses", CHAT, responses_stream("completed"), None),
        ("responses", CHAT, responses_stream("incomplete", "out_of_patience"), "incomplete_details"),
        (
            "responses",
            CHAT,
            responses_stream("completed", None, {"type": "quux_call"}, {}),
            "quux_call,output",
        ),
        ("responses", CHAT, responses_stream("completed", None, _ODD_MESSAGE), "quux,file_citation"),
    ],
)
@pytest.mark.parametrize("at_once", [False, True])
async def test_of_a_stream(
    sim: ProviderSim, behind: str, path: str, events: list[Any], unread: str | None, at_once: bool
) -> None:
    """`at_once`: it comes in one piece, so that all is known before its head is sent."""
    config, asked = asked_behind(sim, behind, path)
    content_type, frames = frames_of(behind, events)
    async with RunningGateway(config) as gateway:
        said = {"body": b"".join(frames)} if at_once else {"chunks": frames}
        sim.script(status=200, headers=[("content-type", content_type)], **said)
        reply = await post(gateway, {**asked, "stream": True}, path=path)
        (entry,) = await gateway.log_lines(1)
        counted = (await scrape(gateway)).value("gateway_warnings_total", kind="unread")
    assert (reply.status, b"Rain." in reply.body, b'"error":{' in reply.body) == (200, True, False)
    assert entry["warnings"] == (f"unread={unread}" if unread else None)
    assert counted == (len(unread.split(",")) if unread else 0)
    if at_once:
        assert reply.headers.get("x-gateway-warnings") == entry["warnings"]


@pytest.mark.parametrize(
    ("most", "effort", "told"), [(1000, "high", True), (1000, None, False), (1024, "high", False)]
)
async def test_that_thoughts_may_use_up_what_is_allowed(
    sim: ProviderSim, most: int, effort: str | None, told: bool
) -> None:
    more = {"reasoning_effort": effort} if effort else {}
    async with RunningGateway(behind_every_dialect(sim)) as gateway:
        reply = await post(gateway, chat(model="gemini", max_completion_tokens=most, **more))
    assert reply.status == 200
    assert ("scarce=max_completion_tokens" in reply.headers.get("x-gateway-warnings", "")) == told


_NAMELESS = {"id": "c", "type": "function", "function": {"arguments": "{}"}}


@pytest.mark.parametrize(
    ("behind", "body"),
    [
        ("openai", completion("tool_calls", content=None, tool_calls=[_NAMELESS])),
        ("responses", {**response("cancelled"), "output": []}),
        ("responses", {**response("in_progress"), "output": []}),
    ],
)
async def test_what_is_no_answer_is_not_made_one(sim: ProviderSim, behind: str, body: Any) -> None:
    config = behind_every_dialect(sim)
    if behind == "responses":
        config["providers"][0]["apis"] = ["responses"]
    async with RunningGateway(config) as gateway:
        for _ in range(8):  # whoever tries again
            sim.script(
                status=200, headers=[("content-type", "application/json")], body=json.dumps(body).encode()
            )
        reply = await post(gateway, {**ASKED_IN_MESSAGES, "model": "openai"}, path=MESSAGES)
    assert reply.status == 502


@pytest.mark.parametrize("streamed", [False, True])
async def test_parts_that_are_no_text_where_both_ends_speak_alike(sim: ProviderSim, streamed: bool) -> None:
    """Mistral's callers get one text of its parts."""
    config, asked = asked_behind(sim, "openai", CHAT)
    config["providers"][0]["flavour"] = "mistral"
    parts = [_TEXT, {"type": "reference", "reference_ids": [1]}]
    async with RunningGateway(config) as gateway:
        if streamed:
            content_type, frames = frames_of("openai", chat_stream("stop", {"content": parts}))
            sim.script(status=200, headers=[("content-type", content_type)], chunks=frames)
        else:
            said = json.dumps(completion("stop", content=parts)).encode()
            sim.script(status=200, headers=[("content-type", "application/json")], body=said)
        reply = await post(gateway, {**asked, "stream": streamed})
        (entry,) = await gateway.log_lines(1)
    assert (reply.status, entry["warnings"]) == (200, "unread=reference")
    assert b'"content":"Rain."' in reply.body
