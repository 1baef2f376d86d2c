"""When an OpenAI model must be asked by its Responses API, whatever API the caller uses (wire reference §2.6)."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest


def needs_responses(request: ChatRequest, can: Capabilities) -> bool:
    """Newest models take tools there only, or there only together with reasoning."""
    if not can.chat_ok:
        return True
    if not request.tools:
        return False
    effort = request.parameters.effort
    return not can.chat_tools_ok or (not can.chat_tools_effort and effort not in (None, "none"))
