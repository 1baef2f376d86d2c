"""How each provider's wire format says what was used: a table, and the one reader of it.

The traps (wire reference §2.0): some count cached tokens in the input and some beside it, some count reasoning in
the output and some beside it, and compatible servers do as they please. Where a part is larger than its whole, it
must have been counted beside it. Numbers that cannot be true are not believed: None, and the caller estimates.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from budgets.usage import COUNT_MAX, Tokens, fit

Path = tuple[str, ...]


def _paths(*dotted: str) -> tuple[Path, ...]:
    return tuple(tuple(one.split(".")) for one in dotted)


class Shape(NamedTuple):
    """Where each count is: the first of its paths that holds a number."""

    input: tuple[Path, ...]
    output: tuple[Path, ...]
    total: tuple[Path, ...] = ()
    more_input: tuple[Path, ...] = ()  # beside `input`, always
    cache_read: tuple[Path, ...] = ()
    cache_write: tuple[Path, ...] = ()  # all of them, or those of five minutes
    cache_write_1h: tuple[Path, ...] = ()
    reasoning: tuple[Path, ...] = ()
    audio_in: tuple[Path, ...] = ()
    image_in: tuple[Path, ...] = ()
    audio_out: tuple[Path, ...] = ()
    image_out: tuple[Path, ...] = ()
    searches: tuple[Path, ...] = ()
    modalities_in: str = ""  # a list of {modality, tokenCount}
    modalities_out: str = ""
    cache_beside: bool = False  # cached tokens are not in `input`
    reasoning_beside: bool = False  # reasoning is not in `output`, unless the total says that it is
    attempts: str = ""  # a list of the same, one each attempt: the bill is their sum
    ttl_list: str = ""  # a list of {ttl, inputTokens}: how cache writes divide


_CHAT = Shape(
    input=_paths("prompt_tokens"),
    output=_paths("completion_tokens"),
    total=_paths("total_tokens"),
    cache_read=_paths("prompt_tokens_details.cached_tokens", "prompt_cache_hit_tokens", "cached_tokens"),
    cache_write=_paths("prompt_tokens_details.cache_write_tokens"),
    reasoning=_paths("completion_tokens_details.reasoning_tokens", "reasoning_tokens"),
    audio_in=_paths("prompt_tokens_details.audio_tokens"),
    image_in=_paths("prompt_tokens_details.image_tokens"),
    audio_out=_paths("completion_tokens_details.audio_tokens"),
    image_out=_paths("completion_tokens_details.image_tokens"),
    searches=_paths("server_tool_use.web_search_requests", "num_search_queries"),
)
_ANTHROPIC = Shape(
    input=_paths("input_tokens"),
    output=_paths("output_tokens"),
    cache_read=_paths("cache_read_input_tokens"),
    cache_write=_paths("cache_creation_input_tokens"),
    cache_write_1h=_paths("cache_creation.ephemeral_1h_input_tokens"),
    reasoning=_paths("output_tokens_details.thinking_tokens"),
    searches=_paths("server_tool_use.web_search_requests"),
    cache_beside=True,
    attempts="iterations",
)
SHAPES: Mapping[str, Shape] = {
    "openai": _CHAT,  # and all that is compatible: Azure, Groq, vLLM, OpenRouter, DeepSeek, Mistral, Together
    "xai": _CHAT._replace(reasoning_beside=True),
    "responses": Shape(
        input=_paths("input_tokens"),
        output=_paths("output_tokens"),
        total=_paths("total_tokens"),
        cache_read=_paths("input_tokens_details.cached_tokens"),
        cache_write=_paths("input_tokens_details.cache_write_tokens"),
        reasoning=_paths("output_tokens_details.reasoning_tokens"),
        audio_in=_paths("input_tokens_details.audio_tokens"),
        image_in=_paths("input_tokens_details.image_tokens"),
        audio_out=_paths("output_tokens_details.audio_tokens"),
        image_out=_paths("output_tokens_details.image_tokens"),
    ),
    "anthropic": _ANTHROPIC,
    "gemini": Shape(
        input=_paths("promptTokenCount"),
        output=_paths("candidatesTokenCount"),
        total=_paths("totalTokenCount"),
        more_input=_paths("toolUsePromptTokenCount"),
        cache_read=_paths("cachedContentTokenCount"),
        reasoning=_paths("thoughtsTokenCount"),
        modalities_in="promptTokensDetails",
        modalities_out="candidatesTokensDetails",
        reasoning_beside=True,
    ),
    "ollama": Shape(input=_paths("prompt_eval_count"), output=_paths("eval_count")),
    "bedrock": Shape(
        input=_paths("inputTokens"),
        output=_paths("outputTokens"),
        cache_read=_paths("cacheReadInputTokens"),
        cache_write=_paths("cacheWriteInputTokens"),
        cache_beside=True,
        ttl_list="cacheDetails",
    ),
}


def normalise(shape: Shape, raw: Mapping[str, Any]) -> Tokens | None:
    """The usage object `raw` in our terms; None when it says nothing, or what cannot be true."""
    attempts = raw.get(shape.attempts) if shape.attempts else None
    if isinstance(attempts, list) and attempts:
        return _sum(normalise(shape._replace(attempts=""), one) for one in attempts if isinstance(one, dict))
    try:
        return _read(shape, raw)
    except _Untrue:
        return None


def merged(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Two reports of one stream, both of all that was used so far: the later holds, where it says anything."""
    both = dict(earlier)
    for name, found in later.items():
        before = both.get(name)
        if isinstance(found, dict) and isinstance(before, dict):
            both[name] = merged(before, found)
        elif found is not None:
            both[name] = found
    return both


class _Untrue(Exception):  # noqa: N818 - says what it is
    pass


def _read(shape: Shape, raw: Mapping[str, Any]) -> Tokens | None:
    read, written, total = (_count(raw, paths) for paths in (shape.input, shape.output, shape.total))
    if read is None and written is None:
        if total is None:
            return None
        read = total  # some providers of embeddings and ranking say the total only
    read, written = (read or 0) + (_count(raw, shape.more_input) or 0), written or 0
    cached = _count(raw, shape.cache_read) or 0
    stored, long = _writes(shape, raw)
    if shape.cache_beside or cached + stored > read:
        read += cached + stored
    reasoning = _count(raw, shape.reasoning) or 0
    beside = shape.reasoning_beside and read + written != total
    if beside or reasoning > written:
        written += reasoning
    audio_in, image_in = _modalities(raw, shape.modalities_in)
    audio_out, image_out = _modalities(raw, shape.modalities_out)
    return fit(
        Tokens(
            read,
            written,
            cached,
            stored - long,
            long,
            audio_in or _count(raw, shape.audio_in) or 0,
            image_in or _count(raw, shape.image_in) or 0,
            reasoning,
            audio_out or _count(raw, shape.audio_out) or 0,
            image_out or _count(raw, shape.image_out) or 0,
            _count(raw, shape.searches) or 0,
        )
    )


def _writes(shape: Shape, raw: Mapping[str, Any]) -> tuple[int, int]:
    """(all tokens written to the cache, those of them that stay an hour)."""
    stored, long = _count(raw, shape.cache_write) or 0, _count(raw, shape.cache_write_1h) or 0
    for entry in _list(raw, shape.ttl_list):
        if entry.get("ttl") == "1h":
            long += _believable(entry.get("inputTokens", 0))
    return max(stored, long), long


def _modalities(raw: Mapping[str, Any], name: str) -> tuple[int, int]:
    audio = image = 0
    for entry in _list(raw, name):
        count = _believable(entry.get("tokenCount", 0))
        if entry.get("modality") == "AUDIO":
            audio += count
        elif entry.get("modality") in ("IMAGE", "VIDEO"):
            image += count
    return audio, image


def _list(raw: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = raw.get(name) if name else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _count(raw: Mapping[str, Any], paths: Iterable[Path]) -> int | None:
    for path in paths:
        found: Any = raw
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        if found is not None:
            return _believable(found)
    return None


def _believable(found: Any) -> int:
    if type(found) is not int or not 0 <= found <= COUNT_MAX:
        raise _Untrue
    return found


def _sum(several: Iterable[Tokens | None]) -> Tokens | None:
    counted = list(several)
    if not counted or None in counted:
        return None
    return fit(Tokens(*(sum(counts) for counts in zip(*(one for one in counted if one), strict=True))))
