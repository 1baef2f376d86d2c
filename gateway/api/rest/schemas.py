"""JSON schemas of what the admin API takes and answers, from the sections that check what is taken."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from gateway.settings.schema_types import Section

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
MOMENT: Schema = {"type": "string", "format": "date-time"}
MOMENT_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": "object"}
#: A value that was made is in one answer: `already` is said to who asks for the same again.
SHOWN: Schema = {"enum": ["now", "already", "never"], "description": "never: it was brought along"}
#: What the configuration file names has none of these.
STAMPED: Mapping[str, Schema] = {
    "source": {"enum": ["database", "file"]},
    "version": {"type": ["integer", "null"]},
    "created_at": MOMENT_OR_NULL,
    "updated_at": MOMENT_OR_NULL,
}
PROBLEM: Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": WHOLE,
        "detail": TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": TEXT, "detail": TEXT},
            },
        },
    },
}


def fields(properties: Mapping[str, Mapping[str, Any]]) -> Schema:
    """An object with all of these."""
    return {"type": "object", "required": sorted(properties), "properties": dict(properties)}


def listed(schema: Schema) -> Schema:
    """A page of such."""
    return fields({"data": {"type": "array", "items": schema}, "next": TEXT_OR_NULL})


def resource(body: type[Section], read_only: Mapping[str, Mapping[str, Any]]) -> Schema:
    """What is answered of a thing: all that may be said of it, and what is not for callers to say."""
    said = schema_of(body)
    return {
        "type": "object",
        "properties": {**said["properties"], **read_only},
        "required": sorted({*said["properties"], *read_only}),
    }


def schema_of(body: type[Section], *, partial: bool = False) -> Schema:
    """Of what is sent, without references; `partial` needs nothing, and null is as if left out."""
    made = _described(body)
    schema: Schema = _inlined(made, made.get("$defs", {}))
    if partial:
        schema.pop("required", None)
        schema["properties"] = {
            name: {"anyOf": [kind, {"type": "null"}]} for name, kind in schema["properties"].items()
        }
        schema["minProperties"] = 1
    return schema


@cache
def _described(body: type[Section]) -> Schema:
    """As Pydantic says it, which takes milliseconds. Not to be changed: all who ask get the same."""
    return body.model_json_schema()


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    """Sections do not hold themselves, so this ends."""
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions)
        return {
            name: _inlined(value, definitions)
            for name, value in node.items()
            if name not in ("$defs", "title")
        }
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    return node
