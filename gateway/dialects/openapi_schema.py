"""Google's own form of schemas (OpenAPI 3.0: `STRING`, `nullable`, counts as strings) as JSON Schema."""

from gateway.chat import Json, JsonObject
from gateway.dialects.gemini.spelling import camel

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_UNSPECIFIED = "type_unspecified"


def json_schema(schema: JsonObject) -> JsonObject:
    """Types in small letters, `nullable` as the type `null`, counts as numbers, words with capitals inside and not
    `any_of`, as they may be spelt, too; JSON Schema stays what it is.
    """
    schema = camel(schema)
    made: JsonObject = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, str):
            if value.lower() != _UNSPECIFIED:
                made[key] = value.lower()
        elif key in ("properties", "$defs", "defs") and isinstance(value, dict):
            made["$defs" if key == "defs" else key] = {name: _schema(one) for name, one in value.items()}
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
            made[key] = [_schema(one) for one in value]
        elif key in ("items", "additionalProperties"):
            made[key] = _schema(value)
        elif key in _COUNTS and isinstance(value, str) and value.isdecimal():
            made[key] = int(value)
        elif key == "example":
            made["examples"] = [value]
        elif key not in ("nullable", "propertyOrdering"):
            made["$ref" if key == "ref" else key] = value
    return _with_null(made) if schema.get("nullable") is True else made


def _schema(value: Json) -> Json:
    return json_schema(value) if isinstance(value, dict) else value


def _with_null(made: JsonObject) -> JsonObject:
    kind, listed = made.get("type"), made.get("enum")
    if isinstance(listed, list):
        made["enum"] = [*listed, None]
    if isinstance(kind, str):
        made["type"] = [kind, "null"]
        return made
    options = made.get("anyOf")
    if isinstance(options, list):
        made["anyOf"] = [*options, {"type": "null"}]
        return made
    return {"anyOf": [made, {"type": "null"}]} if made else made
