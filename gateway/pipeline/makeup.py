"""What a request is made of: one look at its parsed body, from which tokens are estimated for any model.

Sizes come from the spans of top-level values, the kind of text from a sample of the raw bytes, attachments from
the parsed messages. Nothing is changed, nothing is tokenised, and the cost hardly depends on the body's size.
"""

from collections.abc import Set
from typing import Any, NamedTuple

from gateway.admission.calibration import AUDIO, IMAGE, PAGES, UNSEEN
from gateway.admission.text_kind import CODE, sample, text_kind
from gateway.charge import Makeup
from gateway.dialects.document import Document
from gateway.dialects.passage import EMBEDDINGS
from gateway.pipeline.attachments import Attachments, attachments


class _Reading(NamedTuple):
    """Which fields of an endpoint's body are text, and what is expected of its answer."""

    text: tuple[str, ...]
    answer: int  # tokens that nine of ten answers stay below; 0: none is written
    talks: bool = False  # its text is messages, in a template
    stored: bool = False  # what it goes on from may be at the provider


_CHAT = _Reading(("messages",), 1024, talks=True)
_RESPONSES = _Reading(("input", "instructions"), 1024, talks=True, stored=True)
_MESSAGES = _Reading(("messages", "system"), 1024, talks=True)
_CONTENTS = _Reading(("contents", "systemInstruction"), 1024, talks=True)
#: By endpoint (`gateway.api.routes`); what is not here is all text and writes nothing.
_READINGS = {
    "chat": _CHAT,
    "completions": _Reading(("prompt", "suffix"), 256),
    "responses": _RESPONSES,
    "responses_compact": _RESPONSES,
    "responses_input_tokens": _RESPONSES._replace(answer=0),
    "messages": _MESSAGES,
    "count_tokens": _MESSAGES._replace(answer=0),
    "generate_content": _CONTENTS,
    "count_content": _CONTENTS._replace(answer=0),
    "embed_content": _Reading(("content", "requests"), 0),
    "embeddings": _Reading(("input",), 0),
    "moderations": _Reading(("input",), 0),
    "rerank": _Reading(("query", "documents"), 0),
    "images": _Reading(("prompt",), 1056),  # 1024 × 1024 at medium quality (OpenAI, "Image generation: cost")
    "speech": _Reading(("input", "instructions"), 0),
}
_OTHER = _Reading((), 0)
#: Schemas: they are put before the model as some kind of code.
_SCHEMAS = ("tools", "functions", "response_format", "text", "output_config")
_SCHEMA_FIELDS = frozenset(_SCHEMAS)
_LIMITS = frozenset({"max_completion_tokens", "max_tokens", "max_output_tokens"})
#: What bears on the answer or puts more before the model; few bodies have any of it.
_UNUSUAL = frozenset(
    (
        *_SCHEMAS,
        *_LIMITS,
        "n",
        "best_of",
        "reasoning_effort",
        "reasoning",
        "thinking",
        "generationConfig",
        "web_search_options",
    )
)
_SEARCHES = 20  # of a request that may search as often as it likes: more than models do
_EFFORTLESS = (None, "none", "minimal")
_REASONING = 8  # times as long an answer, until it is learned
_TRANSCRIPT = 256
_CHOICES_MAX = 8  # Gemini's `candidateCount`
_SOUND_BYTES_PER_S = 8000  # 64 kbit/s

#: Tokens around the text: 3 to prime the answer, 3 a message and its role; 12 around all tools, 7 at each
#: (OpenAI cookbook, "How to count tokens with tiktoken"). Others' templates are longer, by a date or a preamble.
_PRIMING, _MESSAGE, _TOOLS, _TOOL = 3, 4, 12, 7
_TEMPLATE_UPPER = 32
#: `{"role":"user","content":""},`: bytes and symbols that are around each message and in none.
_MESSAGE_BYTES, _MESSAGE_SYMBOLS = 29, 14


def makeup(document: Document, endpoint: str) -> Makeup:
    """Of a JSON body whose fields were checked."""
    fields = document.fields
    text, answer, talks, stored = _READINGS.get(endpoint, _OTHER)
    if len(text) == 1:
        start, end = document.span(text[0])
        size = end - start
    else:
        size, start, end = _longest_text(document, text)
    if not size:
        size, start, end = len(document.raw), 0, len(document.raw)
    parts: list[tuple[int, float]] = []
    flat = messages = code = 0
    if talks:
        main = fields.get(text[0])
        flat = _PRIMING + _MESSAGE
        if type(main) is list:
            messages = len(main)
            flat = _PRIMING + _MESSAGE * messages
            carried = attachments(main)
            if carried is not None:
                size -= carried.chars
                parts += _parts_of(carried)
    elif tokens := _tokens_given(fields.get(text[0])) if text else 0:
        flat, size = tokens, 0
    texts = 1
    if endpoint in EMBEDDINGS:
        texts = document.count("input", b'"[') or document.count("requests", b"{") or 1
    elif endpoint == "completions":
        texts = document.count("prompt", b'"[') or 1
    choices, output_max, searches = 1, None if answer else 0, 0
    unusual = _UNUSUAL.intersection(fields)
    if unusual:
        if not unusual.isdisjoint(_SCHEMA_FIELDS):
            code, templates = _schemas(document)
            flat += templates
        if answer:
            answer, choices, output_max = _answer(fields, unusual, answer)
            searches = _searches_in(fields, unusual)
    if texts > 1 and answer:
        choices, output_max = choices * texts, None if output_max is None else output_max * texts
    if size:
        found = sample(document.raw, start, end, bool(parts))
        scaffolding = messages * _MESSAGE_SYMBOLS
        if scaffolding and len(found) < size:
            scaffolding = scaffolding * len(found) // size
        kind, share = text_kind(found, scaffolding)
        units = (size - messages * _MESSAGE_BYTES) * share
        if units < 1.0:
            units = 1.0
        if kind == CODE:
            units, code = units + code, 0
        parts.append((kind, units))
    if code:
        parts.append((CODE, code))
    if stored and _is_partly_unseen(fields):
        parts.append((UNSEEN, 1.0))
    flat_upper = flat + _TEMPLATE_UPPER if talks else flat
    return Makeup(tuple(parts), flat, flat_upper, answer, choices, output_max, searches, texts)


def form_makeup(endpoint: str, size: int) -> Makeup:
    """Of a multipart body of `size` bytes: sound to be written down, or a picture."""
    if endpoint == "images":
        return Makeup(((IMAGE, 1.0),), answer=_READINGS["images"].answer)
    return Makeup(((AUDIO, 1 + size / _SOUND_BYTES_PER_S),), answer=_TRANSCRIPT)


def _longest_text(document: Document, names: tuple[str, ...]) -> tuple[int, int, int]:
    """(bytes of all text fields, start and end of the longest)."""
    size = longest = from_ = to = 0
    for name in names:
        start, end = document.span(name)
        length = end - start
        size += length
        if length > longest:
            longest, from_, to = length, start, end
    return size, from_, to


def _parts_of(carried: Attachments) -> list[tuple[int, float]]:
    sizes = ((IMAGE, carried.images), (AUDIO, carried.audio_s), (PAGES, carried.pages))
    return [(kind, size) for kind, size in sizes if size]


def _tokens_given(text: object) -> int:
    """How many tokens a text has that comes as tokens, one list or several; 0 for one that does not."""
    if type(text) is not list or not text:
        return 0
    first = text[0]
    if type(first) is int:
        return len(text)
    if type(first) is list:
        return sum(len(one) for one in text if type(one) is list)
    return 0


def _schemas(document: Document) -> tuple[int, int]:
    """(bytes of tools and answer schemas, tokens of the template around the tools)."""
    fields, size, templates = document.fields, 0, 0
    for name in _SCHEMAS:
        value = fields.get(name)
        if value and type(value) is not str:
            start, end = document.span(name)
            size += end - start
            if type(value) is list:
                templates = _TOOLS + _TOOL * len(value)
    return size, templates


def _is_partly_unseen(fields: dict[str, Any]) -> bool:
    """Whether the provider adds what it has: earlier turns, a stored prompt, what its own tools find."""
    if fields.get("previous_response_id") or fields.get("conversation") or type(fields.get("prompt")) is dict:
        return True
    tools = fields.get("tools")
    return type(tools) is list and any(
        type(tool) is dict and tool.get("type") not in ("function", "custom") for tool in tools
    )


def _searches_in(fields: dict[str, Any], unusual: Set[str]) -> int:
    """How often it may search, which costs by the call; 0 for nearly all."""
    if "web_search_options" in unusual and fields["web_search_options"] is not None:
        return 1
    tools = fields.get("tools") if "tools" in unusual else None
    if type(tools) is not list or not any(
        type(tool) is dict and str(tool.get("type")).startswith("web_search") for tool in tools
    ):
        return 0
    most = fields.get("max_tool_calls")
    return most if type(most) is int and 0 < most < _SEARCHES else _SEARCHES


def _answer(fields: dict[str, Any], unusual: Set[str], expected: int) -> tuple[int, int, int | None]:
    """(tokens expected of one choice, choices, the caller's own limit for all of them).

    `unusual` are those of `_UNUSUAL` that are there: seldom more than one.
    """
    choices = 1
    if "n" in unusual or "best_of" in unusual:
        choices = max(fields.get("n") or 1, fields.get("best_of") or 1)
    most: int | None = None
    for name in unusual:
        if name in _LIMITS:
            limit = fields[name]
            if limit is not None and (most is None or limit > most):
                most = limit
    if "reasoning" in unusual or "reasoning_effort" in unusual:
        reasoning = fields.get("reasoning")
        effort = reasoning.get("effort", "") if type(reasoning) is dict else fields.get("reasoning_effort")
        if effort not in _EFFORTLESS:
            expected *= _REASONING
    elif "thinking" in unusual:
        thinking = fields["thinking"]
        if type(thinking) is dict and thinking.get("type") != "disabled":
            expected *= _REASONING
    if "generationConfig" in unusual and type(fields["generationConfig"]) is dict:
        most, choices = _generation(fields["generationConfig"])
    return expected, choices, None if most is None else most * choices


def _generation(stated: dict[str, Any]) -> tuple[int | None, int]:
    """(limit of one choice, choices) as Gemini's callers state them; what is no such number counts for nothing."""
    most, choices = stated.get("maxOutputTokens"), stated.get("candidateCount")
    return (
        most if type(most) is int and most > 0 else None,
        choices if type(choices) is int and 0 < choices <= _CHOICES_MAX else 1,
    )
