"""Token usage in the words of completions: totals count cached tokens and reasoning, details are parts of them."""

from gateway.chat import JsonObject
from gateway.exchange import Usage


def write_usage(usage: Usage) -> JsonObject:
    into: JsonObject = {"cached_tokens": usage.cache_read}
    out: JsonObject = {"reasoning_tokens": usage.reasoning}
    if usage.cache_write:
        into["cache_write_tokens"] = usage.cache_write
    kinds = usage.kinds
    if kinds is not None:
        into |= {"audio_tokens": kinds.audio_in, "image_tokens": kinds.image_in}
        out["audio_tokens"] = kinds.audio_out
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": into,
        "completion_tokens_details": out,
    }
