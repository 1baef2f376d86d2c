"""A choice of some tools for providers that know no such lists: the others are not offered.

The model then calls what it may; but the prompt that it reads, and that is kept in its provider's cache, is another
one with each list, which the caller is told (wire reference §2.1, `allowed_tools`).
"""

from gateway.chat import Tool, ToolChoice
from gateway.dialects.losses import Losses


def allowed_tools(tools: tuple[Tool, ...], choice: ToolChoice, name: str, losses: Losses) -> tuple[Tool, ...]:
    """Those that are offered; `name` is the caller's of the choice.

    All where there is no list, or where the choice can say the one tool that must be called. Raises GatewayError
    when nothing may be lost.
    """
    if not choice.names or (choice.mode == "required" and len(choice.names) == 1):
        return tools
    offered = only(tools, choice.names)
    if len(offered) < len(tools):
        losses.changed(name)
    return offered


def only(tools: tuple[Tool, ...], names: tuple[str, ...]) -> tuple[Tool, ...]:
    return tuple(tool for tool in tools if tool.name in names)
