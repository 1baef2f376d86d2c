"""Content blocks of an Anthropic request as neutral blocks (wire reference §2.2).

A table of block types; a type that is not in it is refused by its path. What Anthropic's own servers did in an
earlier turn is told as text.
"""

from collections.abc import Callable
from types import MappingProxyType

from gateway.chat import Block, CacheTtl, JsonObject, Media, Role, Text, Thinking, ToolCall, ToolResult
from gateway.dialects.data_url import media_type_of
from gateway.dialects.json_fields import (
    flag,
    mapping,
    missing,
    objects,
    one_of,
    path,
    required_mapping,
    required_text,
    text,
    wrong_value,
)
from gateway.dialects.json_text import json_text
from gateway.dialects.losses import Losses
from gateway.dialects.messages.thoughts import seal_of, signature_of
from gateway.dialects.tool_arguments import arguments_text
from gateway.errors import GatewayError

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF = "application/pdf"


def blocks_of(holder: JsonObject, at: str, role: Role, closed: bool, losses: Losses) -> tuple[Block, ...]:
    """The `content` of a message. `closed`: under the rules of the newest version. Raises GatewayError."""
    content = holder.get("content")
    if isinstance(content, str):
        return (Text(content),)
    if content is None:
        raise missing(path(at, "content"))
    return tuple(
        block
        for fields, where in objects(holder, "content", at)
        if (block := _block(fields, where, role, closed, losses)) is not None
    )


def texts_of(holder: JsonObject, name: str, at: str = "") -> tuple[Text, ...]:
    """What is a string, or blocks of text alone."""
    value = holder.get(name)
    if isinstance(value, str):
        return (Text(value),)
    found = []
    for fields, where in objects(holder, name, at):
        if fields.get("type") != "text":
            raise wrong_value(path(where, "type"), "must be text")
        found.append(_text(fields, where))
    return tuple(found)


def cache_of(fields: JsonObject, at: str) -> CacheTtl | None:
    """How long what ends here is to be kept."""
    control = mapping(fields, "cache_control", at)
    if control is None:
        return None
    ttl = one_of(control, "ttl", ("5m", "1h"), path(at, "cache_control"))
    return "long" if ttl == "1h" else "short"


def _block(fields: JsonObject, at: str, role: Role, closed: bool, losses: Losses) -> Block | None:
    kind = required_text(fields, "type", at)
    if kind == "text":
        if closed and role == "user" and fields.get("citations"):
            raise wrong_value(path(at, "citations"), "is not permitted in user messages")
        return _text(fields, at)
    if closed and role == "assistant" and kind == "document":
        raise wrong_value(path(at, "type"), "cannot be document in assistant messages")
    read = _KINDS.get(kind)
    if read is None and kind.endswith(("_tool_result", "_tool_use")):
        read = _server_tool
    if read is None:
        raise _unknown(at)
    return read(fields, at, losses)


def _unknown(at: str) -> GatewayError:
    return wrong_value(path(at, "type"), "is a kind of block that is not known here")


def _text(fields: JsonObject, at: str) -> Text:
    return Text(required_text(fields, "text", at), cache_of(fields, at))


def _image(fields: JsonObject, at: str, _losses: Losses) -> Block:
    source, where = _source(fields, at)
    kind = one_of(source, "type", ("base64", "url", "file"), where)
    cache = cache_of(fields, at)
    if kind == "base64":
        data, media_type = _data(source, where, _IMAGES)
        return Media("image", at, media_type, data, cache=cache)
    if kind == "file":
        return Media("image", at, file_id=required_text(source, "file_id", where), cache=cache)
    return Media("image", at, url=required_text(source, "url", where), cache=cache)


def _document(fields: JsonObject, at: str, losses: Losses) -> Block:
    source, where = _source(fields, at)
    kind = one_of(source, "type", ("base64", "text", "content", "url", "file"), where)
    name, cache = text(fields, "title", at) or "", cache_of(fields, at)
    if text(fields, "context", at):
        losses.dropped(path(at, "context"))
    _lose_citations(fields, at, losses)
    if kind == "base64":
        data, media_type = _data(source, where, (_PDF,))
        return Media("document", at, media_type, data, name=name, cache=cache)
    if kind == "url":
        url = required_text(source, "url", where)
        return Media("document", at, _PDF, url=url, name=name, cache=cache)
    if kind == "file":
        return Media("document", at, file_id=required_text(source, "file_id", where), name=name, cache=cache)
    said = required_text(source, "data", where) if kind == "text" else _words(source, where, losses)
    return Media("document", at, "text/plain", text=said, name=name, cache=cache)


def _words(source: JsonObject, at: str, losses: Losses) -> str:
    """Of a document that is blocks; its images go."""
    content = source.get("content")
    if isinstance(content, str):
        return content
    found = []
    for fields, where in objects(source, "content", at):
        if fields.get("type") == "text":
            found.append(required_text(fields, "text", where))
        else:
            losses.dropped(where)
    return "\n".join(found)


def _lose_citations(fields: JsonObject, at: str, losses: Losses) -> None:
    """That the answer is to say what of it stands where: only Anthropic's do."""
    cited = mapping(fields, "citations", at)
    if cited is not None and cited.get("enabled"):
        losses.dropped(path(at, "citations"))


def _search_result(fields: JsonObject, at: str, losses: Losses) -> Block:
    _lose_citations(fields, at, losses)
    said = "\n".join(one.text for one in texts_of(fields, "content", at))
    title, source = required_text(fields, "title", at), required_text(fields, "source", at)
    return Text(f"{title}\n{source}\n{said}", cache_of(fields, at))


def _tool_use(fields: JsonObject, at: str, _losses: Losses) -> Block:
    arguments = required_mapping(fields, "input", at)
    id_, name = required_text(fields, "id", at), required_text(fields, "name", at)
    return ToolCall(id_, name, arguments_text(arguments), at, cache=cache_of(fields, at))


def _tool_result(fields: JsonObject, at: str, losses: Losses) -> Block:
    content = fields.get("content")
    found: list[Text | Media] = []
    if isinstance(content, str):
        found.append(Text(content))
    else:
        for inner, where in objects(fields, "content", at):
            kind = required_text(inner, "type", where)
            read = _IN_RESULTS.get(kind)
            if read is None:
                raise _unknown(where)
            block = read(inner, where, losses)
            assert isinstance(block, Text | Media)
            found.append(block)
    return ToolResult(
        required_text(fields, "tool_use_id", at),
        tuple(found),
        at,
        is_error=flag(fields, "is_error", at) or False,
        cache=cache_of(fields, at),
    )


def _thinking(fields: JsonObject, at: str, _losses: Losses) -> Block:
    said = required_text(fields, "thinking", at)
    return Thinking(said, signature_of(text(fields, "signature", at) or "", bool(said)))


def _redacted(fields: JsonObject, at: str, _losses: Losses) -> Block:
    return Thinking("", seal_of(required_text(fields, "data", at)))


def _server_tool(fields: JsonObject, at: str, losses: Losses) -> Block | None:
    """What was asked, or the titles and addresses of what was found: on lines of their own, as other dialects put
    the texts of a message one behind the other."""
    losses.dropped(at)
    name, asked = fields.get("name"), fields.get("input")
    if isinstance(name, str):
        return Text(f"\n[{name} {json_text(asked)}]\n")
    content = fields.get("content")
    found = [
        f"{one.get('title')}: {one.get('url')}"
        for one in (content if isinstance(content, list) else ())
        if isinstance(one, dict) and one.get("url")
    ]
    return Text("\n".join(("", *found, ""))) if found else None


def _compaction(fields: JsonObject, at: str, losses: Losses) -> Block | None:
    """A summary of what was said before."""
    said = text(fields, "content", at)
    if said is None:
        losses.dropped(at)
    return Text(said) if said else None


def _left_out(_fields: JsonObject, at: str, losses: Losses) -> None:
    losses.dropped(at)


def _tool_reference(fields: JsonObject, at: str, _losses: Losses) -> Block:
    return Text(required_text(fields, "tool_name", at))


def _source(fields: JsonObject, at: str) -> tuple[JsonObject, str]:
    source, where = required_mapping(fields, "source", at), path(at, "source")
    required_text(source, "type", where)
    return source, where


def _data(source: JsonObject, at: str, allowed: tuple[str, ...]) -> tuple[str, str]:
    """Base64, and what it is: by its first bytes, whatever is stated."""
    data, stated = required_text(source, "data", at), required_text(source, "media_type", at)
    found = media_type_of(data, stated, path(at, "data"))
    if found not in allowed:
        raise wrong_value(path(at, "media_type"), f"must be one of {', '.join(allowed)}")
    return data, found


_Read = Callable[[JsonObject, str, Losses], Block | None]
_IN_RESULTS: MappingProxyType[str, _Read] = MappingProxyType({
    "text": lambda fields, at, _losses: _text(fields, at),
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
})  # fmt: skip
_KINDS: MappingProxyType[str, _Read] = MappingProxyType({
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "compaction": _compaction,
    "fallback": _left_out,
    "mcp_tool_listing": _left_out,
})  # fmt: skip
