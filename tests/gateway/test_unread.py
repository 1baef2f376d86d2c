"""What of an answer has no counterpart in the caller's dialect is told, and so is what may leave nothing of it."""

import json
from typing import Any

import pytest

from tests.behind import behind_every_dialect
from tests.gateway.wire import chat, post
from tests.running import ProviderSim, RunningGateway

_TEXT = {"type": "text", "text": "Rain."}
_SEARCHED = [
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
]
_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{bad"}}
_INPUT = {"input": "hi", "store": False}
_MESSAGES = {"max_tokens": 2000, "messages": [{"role": "user", "content": "hi"}]}


def message(content: Any, stop: str) -> Any:
    return {"type": "message", "role": "assistant", "content": content, "stop_reason": stop}


def completion(finish: str, **said: Any) -> Any:
    return {"choices": [{"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}]}


def candidate(reason: str, *parts: Any) -> Any:
    return {"candidates": [{"content": {"parts": [*parts, {"text": "Rain."}]}, "finishReason": reason}]}


def line(reason: str, said: str = "Rain.") -> Any:
    return {"message": {"role": "assistant", "content": said}, "done": True, "done_reason": reason}


def response(status: str, reason: str | None = None, *items: Any) -> Any:
    details = None if reason is None else {"reason": reason}
    text = {"type": "output_text", "text": "Rain.", "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}
    return {"object": "response", "status": status, "incomplete_details": details, "output": [*items, item]}


CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
_PICTURE = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
_FILE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b"}}


@pytest.mark.parametrize(
    ("behind", "path", "body", "unread"),
    [
        ("anthropic", CHAT, message([_TEXT], "end_turn"), None),
        ("anthropic", CHAT, message([_TEXT], "out_of_patience"), "stop_reason"),
        (
            "anthropic",
            CHAT,
            message([*_SEARCHED, _TEXT], "end_turn"),
            "server_tool_use,web_search_tool_result",
        ),
        ("openai", MESSAGES, completion("stop", content="Rain."), None),
        ("openai", MESSAGES, completion("out_of_patience", content="Rain."), "finish_reason"),
        ("openai", MESSAGES, completion("tool_calls", content=None, tool_calls=[_CALL]), "_raw"),
        ("gemini", CHAT, candidate("STOP"), None),
        ("gemini", CHAT, candidate("SAFETY"), None),
        ("gemini", CHAT, candidate("MALFORMED_FUNCTION_CALL"), "finishReason"),
        ("gemini", CHAT, candidate("OUT_OF_PATIENCE"), "finishReason"),
        ("gemini", CHAT, candidate("STOP", {"quux": {}}, _FILE, {"quux": {}}), "quux,fileData"),
        ("gemini", CHAT, candidate("STOP", _PICTURE), None),
        ("gemini", MESSAGES, candidate("STOP", _PICTURE), "image"),
        ("gemini", RESPONSES, candidate("STOP", _PICTURE), "image"),
        ("ollama", CHAT, line("stop"), None),
        ("ollama", CHAT, line("length"), None),
        ("ollama", CHAT, line("load"), None),
        ("ollama", CHAT, line("out_of_patience"), "done_reason"),
        ("ollama", CHAT, line("out_of_patience", ""), "done_reason"),
        ("responses", CHAT, response("completed"), None),
        ("responses", CHAT, response("incomplete", "max_output_tokens"), None),
        ("responses", CHAT, response("incomplete", "out_of_patience"), "incomplete_details"),
        ("responses", CHAT, response("cancelled"), "status"),
        ("responses", CHAT, response("completed", None, {"type": "quux_call"}, {}), "quux_call,output"),
    ],
)
async def test_of_a_whole_answer(
    sim: ProviderSim, behind: str, path: str, body: Any, unread: str | None
) -> None:
    asked = {**(chat() if path == CHAT else _INPUT if path == RESPONSES else _MESSAGES), "model": behind}
    config = behind_every_dialect(sim)
    if behind == "responses":
        config["providers"][0]["apis"] = ["responses"]
        asked["model"] = "openai"
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
        reply = await post(gateway, {**_MESSAGES, "model": "openai"}, path=MESSAGES)
    assert reply.status == 502
