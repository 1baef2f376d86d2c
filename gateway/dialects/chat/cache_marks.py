"""Marks for a provider's prompt cache on parts of messages and tools: OpenAI's, and Anthropic's that others have.

Both say that what stands up to here is worth keeping, for minutes or for hours (wire reference §2.1, text parts).
"""

from gateway.chat import CacheTtl, JsonObject

_LONG = ("12h", "1h")
OPENAI_MARK = "prompt_cache_breakpoint"
_ANTHROPIC_MARK = "cache_control"


def cache_mark(part: JsonObject) -> CacheTtl | None:
    """How long what ends with `part` is to be kept, where that is said."""
    mark = part.get(OPENAI_MARK) or part.get(_ANTHROPIC_MARK)
    if not isinstance(mark, dict):
        return None
    return "long" if mark.get("ttl") in _LONG else "short"


def written_mark(field: str, ttl: CacheTtl) -> JsonObject:
    """The value of `field`."""
    if field == OPENAI_MARK:
        return {"mode": "explicit", "ttl": "12h" if ttl == "long" else "30m"}
    return {"type": "ephemeral", "ttl": "1h"} if ttl == "long" else {"type": "ephemeral"}
