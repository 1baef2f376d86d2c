"""Requests in neutral nouns, and short ways to what a provider gets of them."""

from typing import Any

import pytest

from gateway.capabilities import USUAL, Capabilities
from gateway.chat import (
    ChatRequest,
    Parameters,
    Text,
    Tool,
    Turn,
)
from gateway.dialects.losses import Losses
from gateway.errors import GatewayError
from tests.dialects.chat.asking import write

HI = Turn("user", (Text("hi"),), "messages[0]")
TOOL = Tool("f", "tools[0].function", "d", {"type": "object", "properties": {}})
SQL = Tool("sql", "tools[1].custom", custom=True, grammar={"syntax": "lark", "definition": "x"})
EFFORTS = Capabilities(effort_levels=("low", "medium", "high"), thinking="level")
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def asking(*turns: Turn, **fields: Any) -> ChatRequest:
    system = tuple(map(Text, fields.pop("system", ())))
    tools, others = fields.pop("tools", ()), fields.pop("others", {})
    names, stream = fields.pop("names", {}), fields.pop("stream", False)
    return ChatRequest(turns or (HI,), system, tools, Parameters(**fields), stream, others, names)


def messages(*turns: Turn, flavour: str = "generic", model: str = "m", **fields: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = write(asking(*turns, **fields), flavour, model)["messages"]
    return found


def lost(request: ChatRequest, flavour: str = "generic", can: Capabilities = USUAL) -> str:
    losses = Losses()
    write(request, flavour, "m", can, losses)
    return losses.line().decode()


def refused(
    request: ChatRequest, flavour: str = "generic", can: Capabilities = USUAL
) -> tuple[str | None, str | None]:
    with pytest.raises(GatewayError) as error:
        write(request, flavour, "m", can)
    return error.value.condition.code, error.value.param
