"""Tools in namespaces before providers that have none: one name on the way there, two again on the way back."""

import json
from typing import Any

from gateway.chat import Answer, ChatReply, ChatRequest, ToolCall, ToolChoice, Turn
from gateway.chat_events import CallBegun, CallEnded, CallPiece, Counted, Event, Over, Stopped
from gateway.dialects.losses import Losses
from gateway.dialects.responses.dialect import ResponsesIn
from gateway.dialects.translation import Asked
from gateway.exchange import Usage
from tests.dialects.conversations import later

_FIELDS: dict[str, Any] = {
    "model": "m",
    "input": [
        {"type": "function_call", "call_id": "c0", "namespace": "crm", "name": "find", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c0", "output": "none"},
    ],
    "tools": [
        {"type": "function", "name": "find", "parameters": {"type": "object"}},
        {
            "type": "namespace",
            "name": "crm",
            "description": "Customers.",
            "tools": [
                {"type": "function", "name": "find", "description": "One of them.", "parameters": {}},
                {"type": "custom", "name": "note"},
            ],
        },
    ],
}


def _asked() -> Asked:
    return Asked(ChatRequest(()), "m", "1", 5, later, fields=_FIELDS)


def test_each_tool_has_a_name_of_its_own() -> None:
    losses = Losses()
    request = ResponsesIn().request(_FIELDS, losses)
    assert losses.line() == b""
    found = [(tool.name, tool.at, tool.description, tool.custom) for tool in request.tools]
    assert found == [
        ("find", "tools[0]", "", False),
        ("crm.find", "tools[1].tools[0]", "Customers.\n\nOne of them.", False),
        ("crm.note", "tools[1].tools[1]", "Customers.", True),
    ]
    assert request.turns[0] == Turn("assistant", (ToolCall("c0", "crm.find", "{}", "input[0]"),), "input[0]")


def test_a_choice_may_name_one() -> None:
    one = {"type": "function", "namespace": "crm", "name": "find"}
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [one, {"type": "function", "name": "find"}]}
    for choice, names in ((one, ("crm.find",)), (allowed, ("crm.find", "find"))):
        request = ResponsesIn().request(_FIELDS | {"tool_choice": choice}, Losses())
        assert isinstance(request.parameters.tool_choice, ToolChoice)
        assert request.parameters.tool_choice.names == names


def test_calls_are_told_apart_again() -> None:
    calls = (
        ToolCall("c1", "crm.find", "{}"),
        ToolCall("c2", "find", "{}"),
        ToolCall("c3", "other.find", "{}"),
    )
    reply = ChatReply((Answer(calls, "tool_calls"),), usage=Usage(1, 1))
    items = ResponsesIn().reply(reply, _asked())["output"]
    assert isinstance(items, list)
    found = [(item.get("namespace"), item["name"]) for item in items if isinstance(item, dict)]
    assert found == [("crm", "find"), (None, "find"), (None, "other.find")]


def test_so_in_streams() -> None:
    events: list[Event] = [
        CallBegun(0, "c1", "crm.find"),
        CallPiece(0, "{}"),
        CallEnded(0),
        Stopped("tool_calls"),
        Counted(Usage(1, 1)),
        Over(),
    ]
    lines = ResponsesIn().stream(_asked()).write(events).decode().splitlines()
    frames = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    items = [frame["item"] for frame in frames if "item" in frame]
    assert [(item["namespace"], item["name"]) for item in items] == [("crm", "find")] * 2
    [done] = [frame for frame in frames if frame["type"] == "response.function_call_arguments.done"]
    assert done["name"] == "find"
