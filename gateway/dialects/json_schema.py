"""The subsets of JSON Schema that providers take (wire reference §2.9), and a caller's schema in each of them.

No schema is changed in place. What a subset cannot say becomes a note to the model, a warning or a refusal, never
silently nothing; what only describes (`examples`, `$schema`) may go.
"""

import re

from gateway.chat import Json, JsonObject
from gateway.dialects.json_text import json_text
from gateway.dialects.losses import Losses
from gateway.dialects.schema_words import (
    ANNOTATIONS,
    BY_NAME,
    LISTED,
    SINGLE,
    NotInSubsetError,
    copied,
    defined_name,
    definitions,
    is_object,
    merged,
)
from gateway.errors import UNSUPPORTED_VALUE, GatewayError
from gateway.record import Record

_STRICT_DEPTH_MAX = 10
_NOT_STRICT = frozenset(
    {
        "allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas",
        "patternProperties", "propertyNames",
    }
)  # fmt: skip
_ANTHROPIC_KEPT = frozenset({"type", "enum", "const", "required", "title", "description", "default"})
_ANTHROPIC_FORMATS = frozenset(
    {
        "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
    }
)  # fmt: skip
#: Of regular expressions Anthropic has no looking around, no word boundaries and no references back.
_UNUSUAL_PATTERN = re.compile(r"\(\?(?!:)|\\[bB1-9]")
_PHRASES = {
    "minimum": "minimum value",
    "maximum": "maximum value",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
    "multipleOf": "multiple of",
    "minLength": "minimum length",
    "maxLength": "maximum length",
    "minItems": "minimum number of items",
    "maxItems": "maximum number of items",
    "uniqueItems": "unique items",
    "minProperties": "minimum number of properties",
    "maxProperties": "maximum number of properties",
}
_GEMINI_KEPT = frozenset(
    {
        "$id", "$anchor", "type", "format", "title", "description", "enum", "minItems", "maxItems", "minimum",
        "maximum", "required", "propertyOrdering",
    }
)  # fmt: skip
_GEMINI_INSIDE = frozenset({"items", "prefixItems", "anyOf", "oneOf", "properties", "additionalProperties"})
_MISTRAL_REFUSED = frozenset({"$schema", "$id", "strict"})
_OLLAMA_KEPT = frozenset(
    {"type", "properties", "required", "$defs", "items", "anyOf", "description", "enum"}
) | (ANNOTATIONS - {"default"})


def strict_schema(schema: JsonObject) -> JsonObject | None:
    """With its objects closed, where OpenAI takes that with `strict`; what is valid under it is valid under the
    caller's too."""
    closed = copied(schema, _closed)
    return closed if is_strict(closed) else None


def _closed(node: JsonObject) -> JsonObject:
    is_open = is_object(node) and "additionalProperties" not in node
    return {**node, "additionalProperties": False} if is_open else node


def is_strict(schema: JsonObject) -> bool:
    """Whether OpenAI takes it with `strict`: closed objects whose properties are all required, not too deep."""
    return schema.get("type") == "object" and "anyOf" not in schema and _is_strict(schema, 1)


def _is_strict(node: Json, depth: int) -> bool:
    if not isinstance(node, dict) or depth > _STRICT_DEPTH_MAX or not _NOT_STRICT.isdisjoint(node):
        return False
    if is_object(node):
        properties, required = node.get("properties"), node.get("required")
        if node.get("additionalProperties") is not False or not isinstance(properties, dict):
            return False
        if not isinstance(required, list) or any(name not in required for name in properties):
            return False
        depth += 1
    for key, value in node.items():
        if key in BY_NAME and isinstance(value, dict):
            inner = list(value.values())
        elif key in LISTED and isinstance(value, list):
            inner = value
        elif key == "items":
            inner = [value]
        else:
            continue
        if not all(_is_strict(one, depth) for one in inner):
            return False
    return True


def mistral_schema(schema: JsonObject) -> JsonObject:
    """Without the words that Mistral refuses in tools."""
    return copied(
        schema, lambda node: {key: value for key, value in node.items() if key not in _MISTRAL_REFUSED}
    )


def ollama_keeps(schema: JsonObject) -> bool:
    """Whether Ollama's server puts all of it before the model that says which values are valid."""
    for key, value in schema.items():
        if key not in _OLLAMA_KEPT:
            return False
        inner: list[Json] = []
        if key in BY_NAME and isinstance(value, dict):
            inner = list(value.values())
        elif key in LISTED and isinstance(value, list):
            inner = value
        elif key in SINGLE:
            inner = [value]
        if any(isinstance(one, dict) and not ollama_keeps(one) for one in inner):
            return False
    return True


class Subset(Record, frozen=True):
    """A caller's schema as a provider takes it. `is_whole`: what is valid under it is valid under the caller's."""

    schema: JsonObject
    is_whole: bool


def anthropic_schema(schema: JsonObject) -> Subset | None:
    """For `output_config.format`, its unsayable constraints as notes in descriptions; None: it cannot be native.

    That is where values would be lost: objects of any properties, recursion, references out of it. An object that
    does not say whether it is open is closed: what then comes is valid in the caller's schema too.
    """
    subset = _Anthropic(schema)
    try:
        found = subset.node(schema)
        subset.check_recursion()
    except NotInSubsetError:
        return None
    return Subset(found, not subset.lost)


class _Anthropic:
    """One schema on its way; `lost` turns true when a constraint became words."""

    __slots__ = ("_inside", "_named", "_refs", "lost")

    def __init__(self, schema: JsonObject) -> None:
        self.lost = False
        self._named = definitions(schema)
        self._inside = ""  # the definition that is being read
        self._refs: dict[str, set[str]] = {}  # from each definition to those that it needs

    def node(self, given: Json) -> JsonObject:
        if given is True:
            return {}
        if not isinstance(given, dict):
            raise NotInSubsetError("false")
        if "allOf" in given:
            given = merged(given, self._named)
        if "anyOf" in given and "oneOf" in given:
            raise NotInSubsetError("oneOf")
        made: JsonObject = {}
        notes: list[str] = []
        for key, value in given.items():
            if key in _ANTHROPIC_KEPT:
                made[key] = value
            elif key not in ANNOTATIONS and not self._inner(key, value, made) and not _kept(key, value, made):
                notes.append(f"{_PHRASES.get(key, key)}: {json_text(value)}")
        if is_object(given) and "$ref" not in given:
            _close(given, made)
        if notes:
            self.lost = True
            said = given.get("description")
            note = f"Note: {'; '.join(notes)}."
            made["description"] = f"{said}\n{note}" if isinstance(said, str) and said else note
        return made

    def _inner(self, key: str, value: Json, made: JsonObject) -> bool:
        """Take over a keyword with schemas inside; False when it has none, or none that can be said."""
        if key == "$ref":
            name = defined_name(value)
            if name not in self._named or name is None:
                raise NotInSubsetError("$ref")
            self._refs.setdefault(self._inside, set()).add(name)
            made["$ref"] = f"#/$defs/{name}"
        elif key == "properties" and isinstance(value, dict):
            made["properties"] = {name: self.node(one) for name, one in value.items()}
        elif key in ("$defs", "definitions") and isinstance(value, dict):
            defined: JsonObject = {}
            for name, one in value.items():
                self._inside = name
                defined[name] = self.node(one)
            self._inside = ""
            before = made.get("$defs")
            made["$defs"] = {**before, **defined} if isinstance(before, dict) else defined
        elif key in ("anyOf", "oneOf") and isinstance(value, list):
            self.lost |= key == "oneOf"  # there more than one may fit
            made["anyOf"] = [self.node(one) for one in value]
        elif key == "items" and isinstance(value, dict | bool):
            made["items"] = self.node(value)
        else:
            return key == "additionalProperties"  # is seen to with the object
        return True

    def check_recursion(self) -> None:
        done: set[str] = set()

        def visit(name: str, above: frozenset[str]) -> None:
            if name in above:
                raise NotInSubsetError("$ref")
            if name not in done:
                for needed in self._refs.get(name, ()):
                    visit(needed, above | {name})
                done.add(name)

        for name in list(self._refs):
            visit(name, frozenset())


def _kept(key: str, value: Json, made: JsonObject) -> bool:
    """Take over a constraint that Anthropic knows with some values only."""
    known = (
        (key == "format" and value in _ANTHROPIC_FORMATS)
        or (key == "minItems" and value in (0, 1))
        or (key == "pattern" and isinstance(value, str) and _UNUSUAL_PATTERN.search(value) is None)
    )
    if known:
        made[key] = value
    return known


def _close(given: JsonObject, made: JsonObject) -> None:
    rest = given.get("additionalProperties")
    if rest not in (None, False) or "patternProperties" in given:
        raise NotInSubsetError("additionalProperties")
    if rest is None and not given.get("properties"):
        raise NotInSubsetError("additionalProperties")
    made["additionalProperties"] = False


def gemini_schema(schema: JsonObject, at: str, losses: Losses) -> Subset:
    """For `responseJsonSchema` and `parametersJsonSchema`; one warning for whatever it loses.

    `at` is what the caller calls it. Raises GatewayError where leaving out would allow too much: an `allOf` whose
    parts do not add up.
    """
    subset = _Gemini(schema)
    try:
        found = subset.node(schema)
    except NotInSubsetError as error:
        raise GatewayError(
            UNSUPPORTED_VALUE, f"`{at}` has a part that this model cannot be told: `{error}`.", param=at
        ) from None
    if subset.lost:
        losses.changed(at)
    return Subset(found, not subset.lost)


class _Gemini:
    """One schema on its way; `lost` turns true when a constraint was left out."""

    __slots__ = ("_named", "lost")

    def __init__(self, schema: JsonObject) -> None:
        self._named = definitions(schema)
        self.lost = False

    def node(self, given: Json) -> JsonObject:
        if given is True:
            return {}
        if not isinstance(given, dict):
            raise NotInSubsetError("false")
        if "allOf" in given:
            given = merged(given, self._named)
        if "$ref" in given:
            return self._reference(given)
        made: JsonObject = {}
        for key, value in given.items():
            if key in _GEMINI_KEPT:
                made[key] = value
            elif key in _GEMINI_INSIDE:
                self._inner(key, value, made)
            elif key in ("$defs", "definitions") and isinstance(value, dict):
                self._define(value, made)
            elif key == "const":
                made["enum"] = [value]
            elif key not in ANNOTATIONS:
                self.lost = True
        return made

    def _inner(self, key: str, value: Json, made: JsonObject) -> None:
        if isinstance(value, list):
            made["prefixItems" if key == "items" else key] = [self.node(one) for one in value]
        elif key == "properties" and isinstance(value, dict):
            made[key] = {name: self.node(one) for name, one in value.items()}
        elif key == "additionalProperties" and isinstance(value, bool):
            made[key] = value
        else:
            made[key] = self.node(value)

    def _define(self, value: JsonObject, made: JsonObject) -> None:
        before = made.get("$defs")
        defined: JsonObject = {name: self.node(one) for name, one in value.items()}
        made["$defs"] = {**before, **defined} if isinstance(before, dict) else defined

    def _reference(self, given: JsonObject) -> JsonObject:
        """Nothing may stand beside a reference but the definitions of the whole."""
        name = defined_name(given["$ref"])
        made: JsonObject = {"$ref": given["$ref"] if name is None else f"#/$defs/{name}"}
        for key, value in given.items():
            if key in ("$defs", "definitions") and isinstance(value, dict):
                self._define(value, made)
            elif key != "$ref" and key not in ANNOTATIONS:
                self.lost = True
        return made
