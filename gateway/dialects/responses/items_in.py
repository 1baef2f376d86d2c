"""Items of a Responses conversation as neutral blocks: a caller's input, and what a model put out.

An item is an object with a `type`; a message may lack it. `call_id` ties calls and results together; the items' own
ids mean nothing to models.
"""

from gateway.chat import (
    Block,
    CacheTtl,
    Citation,
    JsonObject,
    Media,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from gateway.dialects.data_url import attached
from gateway.dialects.json_fields import objects, path, required_text, text, wrong_type
from gateway.dialects.responses.envelope import opened
from gateway.dialects.responses.namespaces import within
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_SOUND = "audio/"
#: Kinds of parts that are text.
TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
#: Kinds of parts that are known.
PARTS = TEXTS | {"refusal", "input_image", "input_file", "input_audio"}
#: What of a source is known.
CITED = "url_citation"


def content(item: JsonObject, name: str, at: str) -> tuple[Block, ...]:
    """The blocks of a message's `content` or a result's `output`: a text, or parts."""
    value = item.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),) if value else ()
    if not isinstance(value, list):
        raise wrong_type(path(at, name), "a string or an array of parts")
    return tuple(part for value, where in objects(item, name, at) for part in (_part(value, where),))


def _part(part: JsonObject, at: str) -> Block:
    kind = text(part, "type", at) or ""
    if kind in TEXTS:
        return Text(required_text(part, "text", at), _cache(part), citations=_citations(part))
    if kind == "refusal":
        return Refusal(required_text(part, "refusal", at))
    if kind == "input_image":
        return _image(part, at)
    if kind == "input_file":
        return _file(part, at)
    if kind == "input_audio":
        return _audio(part, at)
    raise GatewayError(
        UNSUPPORTED_VALUE, f"Parts of type '{kind[:64]}' cannot be translated.", param=path(at, "type")
    )


def _image(part: JsonObject, at: str) -> Media:
    detail, cache = text(part, "detail", at) or "", _cache(part)
    file_id = text(part, "file_id", at)
    if file_id:
        return Media("image", at, file_id=file_id, detail=detail, cache=cache)
    url = required_text(part, "image_url", at)
    inside = attached(url, path(at, "image_url"))
    if inside is not None:
        return Media("image", at, inside.media_type, inside.data, detail=detail, cache=cache)
    return Media("image", at, url=url, detail=detail, cache=cache)


def _file(part: JsonObject, at: str) -> Media:
    name, cache = text(part, "filename", at) or "", _cache(part)
    data = text(part, "file_data", at)
    if data is not None:
        inside = attached(data, path(at, "file_data"))
        if inside is not None:
            return Media("document", at, inside.media_type, inside.data, name=name, cache=cache)
        return Media("document", at, "application/pdf", data, name=name, cache=cache)
    url = text(part, "file_url", at)
    if url is not None:
        return Media("document", at, url=url, name=name, cache=cache)
    return Media("document", at, file_id=required_text(part, "file_id", at), name=name, cache=cache)


def _audio(part: JsonObject, at: str) -> Media:
    audio = part.get("input_audio")
    if not isinstance(audio, dict):
        raise wrong_type(path(at, "input_audio"), "an object")
    where = path(at, "input_audio")
    format_ = required_text(audio, "format", where)
    return Media("audio", at, _SOUND + format_, required_text(audio, "data", where))


def call(item: JsonObject, at: str) -> ToolCall:
    """Of a `function_call` or a `custom_tool_call`."""
    custom = item.get("type") == "custom_tool_call"
    arguments = required_text(item, "input" if custom else "arguments", at)
    name = within(text(item, "namespace", at) or "", required_text(item, "name", at))
    return ToolCall(required_text(item, "call_id", at), name, arguments, at, custom)


def result(item: JsonObject, at: str) -> ToolResult:
    """Of a `function_call_output` or a `custom_tool_call_output`."""
    blocks = tuple(
        Text(block.text) if isinstance(block, Refusal) else block
        for block in content(item, "output", at)
        if isinstance(block, Text | Media | Refusal)
    )
    custom = item.get("type") == "custom_tool_call_output"
    return ToolResult(required_text(item, "call_id", at), blocks, at, custom=custom)


def thought(item: JsonObject, at: str) -> Thinking:
    """Of a `reasoning` item: what it shows, and what brings it back to who thought it."""
    shown = [
        one.text
        for name in ("content", "summary")
        for one in content(item, name, at)
        if isinstance(one, Text)
    ]
    return opened(text(item, "encrypted_content", at) or "", text(item, "id", at) or "", "\n\n".join(shown))


def _cache(part: JsonObject) -> CacheTtl | None:
    mark = part.get("prompt_cache_breakpoint")
    if not isinstance(mark, dict):
        return None
    return "long" if mark.get("ttl") == "12h" else "short"


def _citations(part: JsonObject) -> tuple[Citation, ...]:
    notes = part.get("annotations")
    if not isinstance(notes, list):
        return ()
    return tuple(
        Citation(
            _text(note, "url"), _text(note, "title"), _count(note, "start_index"), _count(note, "end_index")
        )
        for note in notes
        if isinstance(note, dict) and note.get("type") == CITED
    )


def _text(note: JsonObject, name: str) -> str:
    value = note.get(name)
    return value if isinstance(value, str) else ""


def _count(note: JsonObject, name: str) -> int:
    value = note.get(name)
    return value if isinstance(value, int) else 0
