"""The words that providers report token usage in, a record a dialect; what they mean is `usage`'s.

Counts that cannot be true make a report one that is not believed. Depends on nothing.
"""

from typing import Annotated, Any

from budgets.usage import COUNT_MAX
from gateway.record import Meta, Record

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)] | None


class Details(Record):
    cached_tokens: Count = None
    cache_write_tokens: Count = None
    reasoning_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None
    thinking_tokens: Count = None


class CacheWrites(Record):
    ephemeral_1h_input_tokens: Count = None


class ToolCalls(Record):
    web_search_requests: Count = None


class Counts(Record):
    """OpenAI's words in both of its APIs, those of compatible servers, and Anthropic's: some mix them."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    input_tokens: Count = None
    output_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None
    input_token_details: Details | None = None  # of transcriptions
    cached_tokens: Count = None  # Anthropic's compatible endpoint
    prompt_cache_hit_tokens: Count = None  # DeepSeek
    num_search_queries: Count = None  # Perplexity
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_creation: CacheWrites | None = None
    server_tool_use: ToolCalls | None = None
    service_tier: Any = None
    speed: Any = None  # Anthropic


class Reported(Counts):
    """A usage object. `iterations`: Anthropic's several attempts behind one answer, whose sum the bill is."""

    iterations: list[Counts] | None = None


class Modality(Record, rename="camel"):
    modality: Any = None
    token_count: Count = None


class Gemini(Record, rename="camel"):
    """`usageMetadata`."""

    prompt_token_count: Count = None
    candidates_token_count: Count = None
    total_token_count: Count = None
    tool_use_prompt_token_count: Count = None
    cached_content_token_count: Count = None
    thoughts_token_count: Count = None
    prompt_tokens_details: list[Modality] | None = None
    candidates_tokens_details: list[Modality] | None = None


class Ollama(Record):
    """At the top of a reply; a prompt that is still held is not counted, nor said to be none."""

    prompt_eval_count: Count = None
    eval_count: Count = None
