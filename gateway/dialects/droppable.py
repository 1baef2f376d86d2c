"""Fields that may be left out of a request without changing what is asked (wire reference, verdict D)."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.dialects.chat import table as chat
from gateway.dialects.field_row import Row
from gateway.dialects.gemini import table as gemini
from gateway.dialects.gemini.spelling import camel_name
from gateway.dialects.messages import table as messages
from gateway.dialects.ollama import table as ollama
from gateway.dialects.responses import table as responses

_SAMPLING = {"temperature", "top_p"}
_OPENAI = _SAMPLING | {
    "top_logprobs", "user", "safety_identifier", "metadata", "service_tier", "prompt_cache_key", "moderation",
    "prompt_cache_retention", "prompt_cache_options", "stream_options",
}  # fmt: skip
_CHAT = _OPENAI | {
    "top_k", "min_p", "presence_penalty", "frequency_penalty", "seed", "logit_bias", "logprobs", "verbosity",
    "prediction", "reasoning_effort", "store", "parallel_tool_calls", "think",
}  # fmt: skip
_CONFIG = gemini.CONFIG
_THINKING, _PENALTIES = (
    f"{_CONFIG}.thinkingConfig",
    (f"{_CONFIG}.presencePenalty", f"{_CONFIG}.frequencyPenalty"),
)
_GEMINI = {f"{_CONFIG}.{name}" for name in ("temperature", "topP", "topK", "seed")} | {
    _THINKING, *_PENALTIES, "serviceTier", "labels",
}  # fmt: skip
#: By the provider's API.
DROPPABLE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "chat": frozenset(_CHAT),
        "completions": frozenset(_CHAT),
        "responses": frozenset(_OPENAI | {"truncation", "max_tool_calls", "parallel_tool_calls"}),
        "messages": frozenset(_SAMPLING | {"top_k", "metadata", "service_tier", "speed", "inference_geo"}),
        "embeddings": frozenset({"user"}),
        "generate_content": frozenset(_GEMINI),
    }
)
#: The fields that a provider means by another word: by its API, and the word.
_MEANT: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "chat": {"thinking": ("think", "reasoning_effort")},
        "generate_content": {
            "penalty": _PENALTIES,
            "thinking": (_THINKING,),
            "thinking_level": (_THINKING,),
            "thinking_budget": (_THINKING,),
        },
    }
)
_TABLES: dict[str, tuple[Row, ...]] = {
    "chat": (*chat.REQUEST_IN, *ollama.REQUEST_OUT),
    "generate_content": gemini.REQUEST_OUT,
    "responses": responses.REQUEST_IN,
    "messages": messages.REQUEST_IN,
}


def meant(api: str, word: str) -> tuple[str, ...]:
    """The fields of a provider's API that its word for something means, as far as they may be left out."""
    outer, dot, inner = word.partition(".")
    fields = _MEANT.get(api, {}).get(word, (camel_name(outer) + dot + inner if dot else word,))
    return tuple(field for field in fields if field in DROPPABLE.get(api, ()))


def noun_of(api: str, field: str) -> str:
    """What `gateway.chat` calls the field of a provider's API; the field's own name where it has no noun."""
    for row in _TABLES.get(api, ()):
        if row.field == field and row.verdict == "M":
            return row.noun
    return field
