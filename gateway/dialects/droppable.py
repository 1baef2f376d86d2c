"""Top-level fields that may be left out of a request without changing what is asked (wire reference, verdict D)."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.dialects.chat import table as chat
from gateway.dialects.field_row import Row
from gateway.dialects.messages import table as messages
from gateway.dialects.responses import table as responses

_SAMPLING = {"temperature", "top_p"}
_OPENAI = _SAMPLING | {
    "top_logprobs", "user", "safety_identifier", "metadata", "service_tier", "prompt_cache_key", "moderation",
    "prompt_cache_retention", "prompt_cache_options", "stream_options",
}  # fmt: skip
_CHAT = _OPENAI | {
    "top_k", "min_p", "presence_penalty", "frequency_penalty", "seed", "logit_bias", "logprobs", "verbosity",
    "prediction", "reasoning_effort", "store", "parallel_tool_calls",
}  # fmt: skip
#: By the provider's API.
DROPPABLE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "chat": frozenset(_CHAT),
        "completions": frozenset(_CHAT),
        "responses": frozenset(_OPENAI | {"truncation", "max_tool_calls", "parallel_tool_calls"}),
        "messages": frozenset(_SAMPLING | {"top_k", "metadata", "service_tier", "speed", "inference_geo"}),
        "embeddings": frozenset({"user"}),
    }
)
_TABLES: dict[str, tuple[Row, ...]] = {
    "chat": chat.REQUEST_IN,
    "responses": responses.REQUEST_IN,
    "messages": messages.REQUEST_IN,
}


def noun_of(api: str, field: str) -> str:
    """What `gateway.chat` calls the field of a provider's API; the field's own name where it has no noun."""
    for row in _TABLES.get(api, ()):
        if row.field == field and row.verdict == "M":
            return row.noun
    return field
