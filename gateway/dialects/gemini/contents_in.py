"""A caller's `contents`, read into turns."""

from collections.abc import Callable
from typing import Literal

from gateway.chat import Block, JsonObject, Media, Signature, Text, Thinking, ToolCall, ToolResult, Turn
from gateway.dialects.data_url import media_type_of
from gateway.dialects.gemini.file_types import type_of_name
from gateway.dialects.gemini.spelling import inner, several
from gateway.dialects.gemini.tool_answers import answer_text
from gateway.dialects.json_fields import flag, missing, one_of, path, required_text, text, wrong_value
from gateway.dialects.losses import Losses
from gateway.dialects.tool_arguments import arguments_text
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_ROLES = ("user", "model", "function")
#: Of `mediaResolution`, with and without what stands before it.
_DETAILS = {"LOW": "low", "MEDIUM": "auto", "HIGH": "high", "ULTRA_HIGH": "original"}
#: Where nobody but Google itself can get a file from.
_STORES = ("gs://", "files/", "https://generativelanguage.googleapis.com/")


def detail_of(resolution: object) -> str:
    """ "" for what is not said, or means the usual one."""
    return (
        _DETAILS.get(resolution.removeprefix("MEDIA_RESOLUTION_"), "") if isinstance(resolution, str) else ""
    )


def read_system(fields: JsonObject) -> tuple[Text, ...]:
    """`systemInstruction`. Raises GatewayError for what is no text."""
    name = "systemInstruction"
    content = inner(fields, name)
    if content is None:
        return ()
    return tuple(Text(required_text(part, "text", where)) for part, where in several(content, "parts", name))


def read_contents(fields: JsonObject, detail: str, losses: Losses) -> tuple[Turn, ...]:
    """`detail` is that of images that do not say their own. Raises GatewayError for what is no conversation."""
    if fields.get("contents") is None:
        raise missing("contents")
    reader = _Reader(detail, losses)
    turns = tuple(reader.turn(content, where) for content, where in several(fields, "contents"))
    if not turns:
        raise wrong_value("contents", "must not be empty")
    return turns


class _Reader:
    """One conversation. Calls and answers without ids get those of their places, which later requests repeat."""

    __slots__ = ("_calls", "_detail", "_losses", "_open")

    def __init__(self, detail: str, losses: Losses) -> None:
        self._detail = detail
        self._losses = losses
        self._calls = 0
        self._open: dict[str, list[str]] = {}  # by name, the ids of calls that nothing answered yet

    def turn(self, content: JsonObject, at: str) -> Turn:
        is_model = one_of(content, "role", _ROLES, at) == "model"
        blocks = [self._block(part, where) for part, where in several(content, "parts", at)]
        if not blocks:
            raise wrong_value(path(at, "parts"), "must not be empty")
        return Turn("assistant" if is_model else "user", tuple(blocks), at)

    def _block(self, part: JsonObject, at: str) -> Block:
        if "videoMetadata" in part:
            self._losses.dropped(path(at, "videoMetadata"))
        for name, read in _KINDS:
            if part.get(name) is not None:
                return read(self, part, at)
        if part.get("thoughtSignature") is not None:
            return Text("", signature=_signature(part, at))
        kind = next(iter(part), "")
        where = path(at, kind) if kind else at
        raise GatewayError(UNSUPPORTED_VALUE, f"`{where}` is not supported here.", param=where)

    def _text(self, part: JsonObject, at: str) -> Block:
        said, signature = required_text(part, "text", at), _signature(part, at)
        if flag(part, "thought", at):
            return Thinking(said, signature)
        return Text(said, signature=signature)

    def _data(self, part: JsonObject, at: str) -> Block:
        blob, at = inner(part, "inlineData", at) or {}, path(at, "inlineData")
        data = (
            required_text(blob, "data", at).replace("-", "+").replace("_", "/")
        )  # Google takes either alphabet
        stated = required_text(blob, "mimeType", at).lower()
        media_type = media_type_of(data, stated, path(at, "data"))
        detail = self._image_detail(part, media_type)
        kind = _kind(media_type)
        return Media(kind, at, media_type, data, name=_name(blob, at, kind), detail=detail)

    def _file(self, part: JsonObject, at: str) -> Block:
        file, at = inner(part, "fileData", at) or {}, path(at, "fileData")
        uri = required_text(file, "fileUri", at)
        media_type = (text(file, "mimeType", at) or type_of_name(uri)).lower()
        url, file_id = ("", uri) if uri.startswith(_STORES) else (uri, "")
        detail = self._image_detail(part, media_type)
        kind = _kind(media_type)
        name = _name(file, at, kind)
        return Media(kind, at, media_type, url=url, file_id=file_id, name=name, detail=detail)

    def _image_detail(self, part: JsonObject, media_type: str) -> str:
        if _kind(media_type) != "image":
            return ""
        own = inner(part, "mediaResolution")
        return self._detail if own is None else detail_of(own.get("level"))

    def _call(self, part: JsonObject, at: str) -> Block:
        signature, call = _signature(part, at), inner(part, "functionCall", at) or {}
        at = path(at, "functionCall")
        name = required_text(call, "name", at)
        id_ = text(call, "id", at) or f"call_{self._calls}"
        self._calls += 1
        self._open.setdefault(name, []).append(id_)
        arguments = inner_object(call, "args", at)
        return ToolCall(id_, name, arguments_text(arguments), at, signature=signature)

    def _answer(self, part: JsonObject, at: str) -> Block:
        response, at = inner(part, "functionResponse", at) or {}, path(at, "functionResponse")
        name = required_text(response, "name", at)
        id_, unanswered = text(response, "id", at), self._open.get(name, [])
        if id_ in unanswered:
            unanswered.remove(id_)
        elif id_ is None:
            if not unanswered:
                raise wrong_value(at, f"answers no call of `{name}`")
            id_ = unanswered.pop(0)
        said, is_error = answer_text(inner_object(response, "response", at))
        blocks: list[Text | Media] = [Text(said)] if said else []
        for one, where in several(response, "parts", at):
            found = self._block(one, where)
            if not isinstance(found, Media):
                raise wrong_value(where, "must be `inlineData` or `fileData`")
            blocks.append(found)
        return ToolResult(id_, tuple(blocks), at, name, is_error)

    def _code(self, part: JsonObject, at: str) -> Block:
        code, at = inner(part, "executableCode", at) or {}, path(at, "executableCode")
        self._losses.changed(at)
        return Text(code_fence(text(code, "language", at), text(code, "code", at)))

    def _ran(self, part: JsonObject, at: str) -> Block:
        result, at = inner(part, "codeExecutionResult", at) or {}, path(at, "codeExecutionResult")
        self._losses.changed(at)
        return Text(code_fence(None, text(result, "output", at)))


def inner_object(fields: JsonObject, name: str, at: str) -> JsonObject:
    """An object whose names are the caller's own; an empty one where there is none."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_value(path(at, name), "must be an object")
    return value


def code_fence(language: str | None, code: str | None) -> str:
    """Code that a model ran, or what came of it, for readers that know only text: on lines of its own, whatever
    text stands before and behind it.
    """
    return f"\n```{(language or '').lower()}\n{code or ''}\n```\n"


def _kind(media_type: str) -> Literal["image", "audio", "document"]:
    if media_type.startswith("image/"):
        return "image"
    return "audio" if media_type.startswith("audio/") else "document"


def _name(fields: JsonObject, at: str, kind: str) -> str:
    return (text(fields, "displayName", at) or "") if kind == "document" else ""


def _signature(part: JsonObject, at: str) -> Signature | None:
    data = text(part, "thoughtSignature", at)
    return Signature("gemini", data) if data else None


#: What a part may be, in the order in which it is looked for.
_KINDS: tuple[tuple[str, Callable[[_Reader, JsonObject, str], Block]], ...] = (
    ("text", _Reader._text),
    ("functionCall", _Reader._call),
    ("functionResponse", _Reader._answer),
    ("inlineData", _Reader._data),
    ("fileData", _Reader._file),
    ("executableCode", _Reader._code),
    ("codeExecutionResult", _Reader._ran),
)
