"""JSON Schema as the subsets need it: where schemas stand in a schema, what only describes, and `allOf` as one."""

from collections.abc import Callable
from typing import cast

from gateway.chat import Json, JsonObject

#: Keywords whose value is schemas by name, a list of schemas, one schema.
BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SINGLE = frozenset(
    {
        "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
        "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
#: What says nothing about which values are valid.
ANNOTATIONS = frozenset(
    {
        "$schema", "$id", "$comment", "title", "description", "default", "examples", "example", "deprecated",
        "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "strict",
    }
)  # fmt: skip
_DEFS = ("#/$defs/", "#/definitions/")
_LEAST = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_MOST = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})


class NotInSubsetError(Exception):
    """A schema cannot be said in another subset; the message names the keyword."""


def defined_name(ref: Json) -> str | None:
    """The name under `$defs` (or `definitions`) that a reference points to; None for any other reference."""
    if isinstance(ref, str):
        for prefix in _DEFS:
            if ref.startswith(prefix) and "/" not in ref[len(prefix) :]:
                return ref[len(prefix) :]
    return None


def definitions(schema: JsonObject) -> JsonObject:
    """The named schemas of a whole schema, under either word."""
    found: JsonObject = {}
    for word in ("definitions", "$defs"):
        named = schema.get(word)
        if isinstance(named, dict):
            found |= named
    return found


def is_object(node: JsonObject) -> bool:
    """Whether the values of a schema may be objects, as far as it says."""
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in node


def copied(schema: JsonObject, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """The schema with every schema in it, itself included, replaced by what `change` makes of it."""
    node: JsonObject = {}
    for key, value in change(schema).items():
        if key in BY_NAME and isinstance(value, dict):
            node[key] = {name: _copied(one, change) for name, one in value.items()}
        elif key in SINGLE or (key in LISTED and isinstance(value, list)):
            node[key] = _copied(value, change)
        else:
            node[key] = value
    return node


def _copied(value: Json, change: Callable[[JsonObject], JsonObject]) -> Json:
    if isinstance(value, dict):
        return copied(value, change)
    if isinstance(value, list):  # of schemas
        return [_copied(one, change) for one in value]
    return value


def merged(node: JsonObject, named: JsonObject, seen: frozenset[str] = frozenset()) -> JsonObject:
    """A schema with `allOf` as one without. Raises NotInSubsetError where its parts do not simply add up."""
    members = node.get("allOf")
    whole: JsonObject = {key: value for key, value in node.items() if key != "allOf"}
    for member in members if isinstance(members, list) else ():
        if not isinstance(member, dict):
            raise NotInSubsetError("allOf")
        _take(whole, _resolved(member, named, seen))
    return whole


def _resolved(member: JsonObject, named: JsonObject, seen: frozenset[str]) -> JsonObject:
    if "$ref" in member:
        name = defined_name(member["$ref"])
        target = named.get(name) if name is not None else None
        if name is None or name in seen or not isinstance(target, dict):
            raise NotInSubsetError("$ref")
        seen |= {name}
        member = {**target, **{key: value for key, value in member.items() if key != "$ref"}}
    return merged(member, named, seen) if "allOf" in member or "$ref" in member else member


def _take(whole: JsonObject, part: JsonObject) -> None:
    """Add what `part` demands to what `whole` does."""
    if whole.get("properties") and part.get("properties"):
        for one in (whole, part):
            if one.get("additionalProperties") is not None:
                raise NotInSubsetError("allOf")  # each forbids, or judges, the properties of the other
    for key, value in part.items():
        if key not in whole:
            whole[key] = value
        elif key not in ANNOTATIONS and whole[key] != value:
            whole[key] = _both(key, whole[key], value)


def _both(key: str, left: Json, right: Json) -> Json:
    if key == "properties" and isinstance(left, dict) and isinstance(right, dict):
        if any(left[name] != right[name] for name in left.keys() & right.keys()):
            raise NotInSubsetError("allOf")
        return {**left, **right}
    if key == "required" and isinstance(left, list) and isinstance(right, list):
        return cast(list[Json], list(dict.fromkeys(cast(list[str], left + right))))
    if key == "enum" and isinstance(left, list) and isinstance(right, list):
        return [one for one in left if one in right]
    if isinstance(left, int | float) and isinstance(right, int | float):
        if key in _LEAST:
            return max(left, right)
        if key in _MOST:
            return min(left, right)
    if key == "type" and (kinds := _kinds(left) & _kinds(right)):
        return kinds.pop() if len(kinds) == 1 else list[Json](sorted(kinds))
    raise NotInSubsetError("allOf")


def _kinds(stated: Json) -> set[str]:
    """What a value may be; every integer is a number."""
    several = stated if isinstance(stated, list) else [stated]
    kinds = {one for one in several if isinstance(one, str)}
    return kinds | {"integer"} if "number" in kinds else kinds
