"""Which package speaks which API: callers' on one side, providers' on the other."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.dialects.chat.dialect import CHAT_IN, COMPLETIONS_IN, chat_out
from gateway.dialects.gemini.dialect import GeminiInbound, GeminiOutbound
from gateway.dialects.messages.dialect import INBOUND as MESSAGES_IN
from gateway.dialects.messages.dialect import MessagesOut
from gateway.dialects.messages.versions import version_of
from gateway.dialects.ollama.dialect import OllamaOutbound
from gateway.dialects.responses.dialect import ResponsesIn, ResponsesOut
from gateway.dialects.translation import Inbound, Outbound

_INBOUND: Mapping[str, Inbound] = MappingProxyType(
    {
        "chat": CHAT_IN,
        "completions": COMPLETIONS_IN,
        "responses": ResponsesIn(),
        "generate_content": GeminiInbound(),
    }
)
_OUTBOUND: Mapping[tuple[str, str], Outbound] = MappingProxyType(
    {
        ("openai", "responses"): ResponsesOut(),
        ("azure", "responses"): ResponsesOut(),
        ("anthropic", "messages"): MessagesOut(),
        ("gemini", "generate_content"): GeminiOutbound(),
        ("ollama", "chat"): OllamaOutbound(),
    }
)


def inbound(api: str, version: str) -> Inbound:
    """What reads a caller's `api`; `version` is the header of Anthropic's callers."""
    return MESSAGES_IN[version_of(version)] if api == "messages" else _INBOUND[api]


def outbound(dialect: str, api: str, flavour: str) -> Outbound:
    """What speaks a provider's `api`."""
    found = _OUTBOUND.get((dialect, api))
    return found if found is not None else chat_out("azure" if dialect == "azure" else flavour)
