"""Tools and the answer's form of a caller's chat completions as the provider takes them, where both speak the same.

By `Quirks.known`, `schema` and `strict_tools`; a flavour that takes whatever comes is not looked into.
"""

from gateway.chat import Json, JsonObject
from gateway.dialects.chat.quirks import Quirks
from gateway.dialects.document import Document
from gateway.dialects.json_fields import path
from gateway.dialects.json_text import json_bytes, read_json
from gateway.dialects.known_fields import without_unknown
from gateway.dialects.losses import Losses

_TOOLS, _FORMAT = "tools", "response_format"
_FORM, _NONE = frozenset({_TOOLS, _FORMAT}), frozenset[str]()
_STRICT = b'"strict"'


class FormPatch:
    """By the quirks of one flavour. `fields` are those that may have to be changed."""

    __slots__ = ("_quirks", "_takes_all", "fields")

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._takes_all = quirks.known is None and quirks.schema is None
        self.fields = _NONE if self._takes_all and quirks.strict_tools else _FORM

    def concerns(self, document: Document) -> bool:
        """Whether one of them may have to be changed."""
        if self.fields.isdisjoint(document.fields):
            return False
        return not self._takes_all or document.raw.find(_STRICT, *document.span(_TOOLS)) >= 0

    def changed(self, document: Document, losses: Losses) -> dict[str, bytes]:
        """The values that are to be others. Raises GatewayError where nothing may be lost."""
        made: dict[str, bytes] = {}
        for name, mended in ((_TOOLS, self._tools), (_FORMAT, self._format)):
            if document.fields.get(name) is None:
                continue
            given = read_json(document.raw[slice(*document.span(name))])
            known = (self._quirks.known or {}).get(name)
            kept = given if known is None else without_unknown(given, known, name, losses)
            written = mended(kept, losses)
            if written != given:
                made[name] = json_bytes(written)
        return made

    def _tools(self, tools: Json, losses: Losses) -> Json:
        if not isinstance(tools, list):
            return tools
        return [
            self._tool(tool, path(_TOOLS, place), losses) if isinstance(tool, dict) else tool
            for place, tool in enumerate(tools)
        ]

    def _tool(self, tool: JsonObject, at: str, losses: Losses) -> JsonObject:
        function = tool.get("function")
        if not isinstance(function, dict):
            return tool
        kept = dict(function)
        if not self._quirks.strict_tools and kept.pop("strict", None):
            losses.dropped(path(at, "function.strict"))
        return {**tool, "function": self._with_schema(kept, "parameters")}

    def _format(self, stated: Json, _losses: Losses) -> Json:
        inner = stated.get("json_schema") if isinstance(stated, dict) else None
        if not isinstance(stated, dict) or not isinstance(inner, dict):
            return stated
        return {**stated, "json_schema": self._with_schema(inner, "schema")}

    def _with_schema(self, holder: JsonObject, name: str) -> JsonObject:
        schema = holder.get(name)
        if self._quirks.schema is None or not isinstance(schema, dict):
            return holder
        return {**holder, name: self._quirks.schema(schema)}
