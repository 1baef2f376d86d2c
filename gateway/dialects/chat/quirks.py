"""In what providers of chat completions differ, as data: wire reference §2.10.

Rows are by flavour; a provider without one gets what nearly all compatible servers take. Nouns are those of
`gateway.chat.Parameters`. By the same rows requests are written for callers of other dialects (`request_out`), and
those of callers who speak it themselves mended (`request_patch`), as are the replies to these (`mended_reply`).
"""

import re
from collections.abc import Callable

from gateway.chat import JsonObject
from gateway.dialects.json_schema import mistral_schema
from gateway.dialects.known_fields import KnownFields, known_fields
from gateway.record import Record

#: The limit on an answer, as OpenAI called it and as it does now.
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
#: Not OpenAI's, or so new that few others have it.
_RARE = frozenset({"top_k", "min_p", "verbosity", "tier", "cache_key"})
_SAMPLED = frozenset({"top_k", "min_p"})
_LOGPROBS = frozenset({"logprobs", "top_logprobs"})
_OPENAI_FIELDS = frozenset(
    {
        "logit_bias", "prediction", "moderation", "web_search_options", "prompt_cache_options",
        "prompt_cache_retention",
    }
)  # fmt: skip
_SAMPLER_FIELDS = frozenset(
    {
        "logit_bias", "repetition_penalty", "min_tokens", "ignore_eos", "stop_token_ids", "length_penalty",
        "use_beam_search", "skip_special_tokens", "include_stop_str_in_output", "chat_template_kwargs",
        "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs",
    }
)  # fmt: skip
_ROUTER_FIELDS = frozenset(
    {
        "logit_bias", "repetition_penalty", "top_a", "models", "provider", "route", "transforms", "plugins",
        "reasoning", "include_reasoning", "web_search_options", "prediction", "usage",
    }
)  # fmt: skip


class Quirks(Record, frozen=True):
    """`lacks` are parameters that it refuses or does not know, `lacks_thinking` those only while a model thinks."""

    max_tokens: str = OLD_LIMIT
    #: Models that know the limit by its new name alone.
    new_limit: re.Pattern[str] | None = None
    lacks: frozenset[str] = _RARE
    lacks_thinking: frozenset[str] = frozenset()
    #: Top-level fields without a noun that it takes as they are.
    fields: frozenset[str] = _SAMPLER_FIELDS
    renamed: tuple[tuple[str, str], ...] = ()  # (OpenAI's name of a field, its own)
    end_user: str = "user"  # the field; "": it has none
    choices_max: int = 128
    stops_max: int = 4
    #: Models whose instructions have the role `developer`; None: it is `system` everywhere.
    developer: re.Pattern[str] | None = None
    mid_system: bool = True  # instructions may stand between turns
    prefix: bool = False  # an assistant's message at the end must say that it is to be gone on with
    required: str = "required"  # its word for a choice of tools that must be one
    tool_lists: bool = False  # a choice of tools may be a list of them
    custom_tools: bool = False
    strict_tools: bool = True  # tools may be `strict`
    nulls: bool = True  # an assistant's message without text has `content: null`
    refusals: bool = False  # a message has a field for them; else they are text
    call_id_letters: int = 0  # ids of calls are letters and digits, so many; 0: any up to 64
    #: The fields of a message that bring earlier reasoning back; none: it wants none.
    thinking: tuple[str, ...] = ()
    needs_thinking: bool = False  # in a conversation with tools it refuses calls of its own without theirs
    effort_off: tuple[str, str] | None = None  # (field, its `type`) that turn reasoning off, beside no effort
    #: How a part is marked for the prompt cache, and the models that take marks; "": not at all.
    cache_mark: str = ""
    cache_models: re.Pattern[str] = re.compile("")
    asks_usage: bool = True  # `stream_options` is taken
    media: frozenset[str] = frozenset()  # what answers may be beside text: `audio`, `image`
    gemini_signatures: bool = False  # thought signatures of Gemini's stand with the calls
    #: What it takes of a schema, a tool's or the answer's; None: all.
    schema: Callable[[JsonObject], JsonObject] | None = None
    #: All fields that its messages, tools and `response_format` have: it refuses others. None: whatever comes.
    known: "KnownFields | None" = None
    #: What callers of chat completions may send and it refuses: fields, `name` and thoughts of messages.
    refuses: frozenset[str] = frozenset()
    names: bool = True
    strict_messages: bool = False
    #: Only a reply that has one of these may be other than OpenAI's would be.
    odd_words: tuple[bytes, ...] = ()
    odd_calls: bool = False  # ids of calls may be `null`, and all their indices 0

    def limit_for(self, model: str) -> str:
        """What the limit on an answer to the model is called."""
        return NEW_LIMIT if self.knows_new_limit_only(model) else self.max_tokens

    def knows_new_limit_only(self, model: str) -> bool:
        return self.new_limit is not None and self.new_limit.match(model) is not None

    def mark_for(self, model: str) -> str:
        """How parts of a request to the model are marked for its cache; "": not at all."""
        return self.cache_mark if self.cache_models.match(model) else ""


#: Of messages and deltas that bring reasoning in a field of its own.
_REASONING = (b'"reasoning":"', b'"reasoning": "')

_NEW_OPENAI = re.compile(r"(?:o\d|gpt-(?:[5-9]|\d\d))")
_OPENAI = Quirks(
    max_tokens=NEW_LIMIT,
    new_limit=_NEW_OPENAI,
    lacks=_SAMPLED,
    lacks_thinking=frozenset({"temperature", "top_p"}) | _LOGPROBS,
    fields=_OPENAI_FIELDS,
    end_user="safety_identifier",
    developer=_NEW_OPENAI,
    tool_lists=True,
    custom_tools=True,
    refusals=True,
    cache_mark="prompt_cache_breakpoint",
    cache_models=re.compile(r"gpt-(?:5\.[6-9]|[6-9]|\d\d)"),
    media=frozenset({"audio"}),
)

#: Thoughts have been seen to by then.
_MISTRAL_KNOWN = known_fields(
    (
        "messages[].role|content|name|tool_calls|tool_call_id|prefix",
        "messages[].tool_calls[].id|type|function|index",
        "messages[].tool_calls[].function.name|arguments",
        "tools[].type|function",
        "tools[].function.name|description|parameters|strict",
        "response_format.type|json_schema",
        "response_format.json_schema.name|description|schema|strict",
    )
)

QUIRKS: dict[str, Quirks] = {
    "openai": _OPENAI,
    "sim": _OPENAI,
    "azure": Quirks(
        max_tokens=NEW_LIMIT,
        new_limit=_NEW_OPENAI,
        lacks=_SAMPLED | {"tier", "cache_key"},
        lacks_thinking=_OPENAI.lacks_thinking,
        fields=frozenset({"logit_bias", "prediction"}),
        developer=_NEW_OPENAI,
        tool_lists=True,
        custom_tools=True,
        refusals=True,
    ),
    "vllm": Quirks(
        lacks=_RARE - _SAMPLED,
        mid_system=False,
        thinking=("reasoning", "reasoning_content"),
        stops_max=64,
        odd_words=_REASONING,
    ),
    "groq": Quirks(
        max_tokens=NEW_LIMIT,
        lacks=_RARE | _LOGPROBS,
        fields=frozenset({"include_reasoning", "reasoning_format", "search_settings", "documents"}),
        choices_max=1,
        nulls=False,
        refuses=_LOGPROBS | {"logit_bias"},
        strict_messages=True,
        odd_words=(*_REASONING, b'"x_groq"'),
    ),
    # Refuses every field that it does not know.
    "mistral": Quirks(
        lacks=_RARE | _LOGPROBS,
        fields=frozenset({"safe_prompt", "prompt_mode", "prediction", "guardrails"}),
        renamed=(("seed", "random_seed"),),
        end_user="",
        mid_system=False,
        prefix=True,
        required="any",
        strict_tools=False,
        schema=mistral_schema,
        known=_MISTRAL_KNOWN,
        call_id_letters=9,
        thinking=("content",),
        asks_usage=False,
        refuses=_LOGPROBS
        | {
            "logit_bias", "store", "user", "safety_identifier", "service_tier", "verbosity", "top_k", "min_p",
            "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "web_search_options",
        },
        names=False,
        strict_messages=True,
        odd_words=(
            b'"content":[', b'"content": [', b'"tool_calls":[', b'"tool_calls": [', b'"model_length"', b'"error"',
        ),
        odd_calls=True,
    ),
    "deepseek": Quirks(
        fields=frozenset({"thinking"}),
        choices_max=1,
        thinking=("reasoning_content",),
        needs_thinking=True,
        effort_off=("thinking", "disabled"),
        odd_words=(b'"insufficient_system_resource"', b'"prompt_cache_hit_tokens"'),
    ),
    "xai": Quirks(
        lacks_thinking=frozenset({"presence_penalty", "frequency_penalty", "stop"}),
        fields=frozenset({"search_parameters", "deferred", "logit_bias"}),
        strict_tools=False,
        thinking=("reasoning_content",),
        odd_words=(b'"reasoning_tokens"',),
    ),
    "openrouter": Quirks(
        lacks=frozenset({"tier", "cache_key"}),
        fields=_ROUTER_FIELDS,
        choices_max=1,
        thinking=("reasoning_details",),
        cache_mark="cache_control",
        media=frozenset({"audio", "image"}),
        odd_words=(*_REASONING, b'"error"'),
    ),
    "together": Quirks(lacks=_RARE - _SAMPLED, odd_words=_REASONING),
}  # fmt: skip
#: Of a provider of which nothing is known; Google's compatible endpoint is one.
USUAL = Quirks(new_limit=_NEW_OPENAI, gemini_signatures=True)


def quirks_of(dialect: str, flavour: str) -> Quirks:
    """Of a provider of OpenAI's dialect; Azure is a flavour of it here."""
    return QUIRKS.get("azure" if dialect == "azure" else flavour, USUAL)
