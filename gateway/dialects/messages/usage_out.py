"""What an answer used, in Anthropic's words: input without what was read from the cache or written to it."""

from gateway.chat import JsonObject
from gateway.exchange import Usage

#: What a provider may not tell; Anthropic's schema wants all of it to be there.
_UNTOLD: JsonObject = {
    "inference_geo": None, "output_tokens_details": None, "server_tool_use": None, "service_tier": None,
}  # fmt: skip
_TIERS = {"default": "standard", "priority": "priority", "fast": "priority"}


def usage_object(usage: Usage, tier: str) -> JsonObject:
    """Of a whole message; `tier` is the neutral one, "" where it is not known."""
    kinds = usage.kinds
    long = 0 if kinds is None else kinds.cache_write_1h
    found = _UNTOLD | usage_totals(usage)
    found["cache_creation"] = {
        "ephemeral_5m_input_tokens": max(usage.cache_write - long, 0),
        "ephemeral_1h_input_tokens": long,
    }
    if tier in _TIERS:
        found["service_tier"] = _TIERS[tier]
    return found


def usage_totals(usage: Usage) -> JsonObject:
    """As the last event of a stream has them."""
    found: JsonObject = {
        "input_tokens": max(usage.input - usage.cache_read - usage.cache_write, 0),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        found["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.kinds is not None and usage.kinds.searches:
        found["server_tool_use"] = {"web_search_requests": usage.kinds.searches, "web_fetch_requests": 0}
    return found
