"""When an OpenAI model must be asked by its Responses API, whatever API the caller uses (wire reference §2.6)."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest
from gateway.dialects.effort import effort_of_budget


def needs_responses(request: ChatRequest, can: Capabilities) -> bool:
    """Newest models take tools there only, or there only together with reasoning, which is unasked at some."""
    if not can.chat_ok:
        return True
    if not request.tools:
        return False
    if not can.chat_tools_ok:
        return True
    said = request.parameters
    effort = said.effort
    if effort is None and said.thinking_budget is not None:
        effort = effort_of_budget(said.thinking_budget)
    if effort is None:
        return not can.chat_tools_unsaid
    return effort != "none" and not can.chat_tools_effort
