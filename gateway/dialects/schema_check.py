"""Whether a value is valid under a caller's JSON Schema (2020-12), in bounded time.

Schemas are strangers': whole classes of them take a validator forever (references that fan out, patterns that go
back and forth) or have it fetch from the net. So steps are counted, patterns are matched in linear time, and
references stay inside the schema. What cannot be judged so is not judged. `format` is a description, as the
standard has it; what a keyword has that is no value of it means nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TypeAlias

from pydantic_core import SchemaError, SchemaValidator, core_schema

from gateway.chat import Json, JsonObject

#: Looks at a keyword or at a part of the value; each takes one or two microseconds.
STEPS_MAX = 10_000
_DEPTH_MAX = 100
_PATTERN_STEPS = 200  # to make one ready; matching costs a step for so many letters as follow
_LETTERS = 100
_PATTERN_MAX = 1000
_Key: TypeAlias = "str | tuple[str, object]"


class NotJudgedError(Exception):
    """The schema or the value is too much, or has what is not known here."""


def is_valid(value: Json, schema: JsonObject, steps: int = STEPS_MAX) -> bool:
    """Raises NotJudgedError when that cannot be told in so many steps."""
    return _Check(schema, steps).holds(value, schema)


class _Check:
    """One value against one whole schema."""

    __slots__ = ("_depth", "_patterns", "_steps", "_whole")

    def __init__(self, whole: JsonObject, steps: int) -> None:
        self._whole = whole
        self._steps = steps
        self._depth = 0
        self._patterns: dict[str, SchemaValidator] = {}

    def holds(self, value: Json, schema: Json) -> bool:
        if not isinstance(schema, dict):
            return schema is not False
        self.step(1 + len(schema) + (len(value) if isinstance(value, list | dict) else 0))
        self._deeper()
        try:
            for word, wanted in schema.items():
                rule = _RULES.get(word)
                if rule is not None and not rule(self, value, wanted, schema):
                    return False
            return True
        finally:
            self._depth -= 1

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise NotJudgedError("depth")

    def step(self, count: int) -> None:
        self._steps -= count
        if self._steps < 0:
            raise NotJudgedError("steps")

    def every(self, values: Iterable[Json], schema: Json) -> bool:
        return all(self.holds(one, schema) for one in values)

    def count(self, values: Iterable[Json], schema: Json) -> int:
        return sum(self.holds(one, schema) for one in values)

    def referred(self, reference: Json) -> Json:
        """What a pointer into the schema points to."""
        if not isinstance(reference, str) or (reference != "#" and not reference.startswith("#/")):
            raise NotJudgedError("$ref")
        found: Json = self._whole
        for step in reference.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isascii() and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise NotJudgedError("$ref")
        return found

    def matches(self, text: str, pattern: str) -> bool:
        """Whether it is found anywhere in the text."""
        ready = self._patterns.get(pattern)
        if ready is None:
            if len(pattern) > _PATTERN_MAX:
                raise NotJudgedError("pattern")
            self.step(_PATTERN_STEPS)
            try:
                ready = self._patterns[pattern] = SchemaValidator(core_schema.str_schema(pattern=pattern))
            except SchemaError:  # looks around, goes back, or is no pattern
                raise NotJudgedError("pattern") from None
        self.step(1 + len(text) // _LETTERS)
        return ready.isinstance_python(text)

    def key(self, value: Json) -> _Key:
        """The same for equal values alone: 1 is 1.0, and true is not 1."""
        self.step(1)
        if isinstance(value, str):
            return value
        if not isinstance(value, list | dict):
            return ("number" if _is_number(value) else "word"), value
        self._deeper()
        if isinstance(value, dict):
            key: _Key = "object", frozenset((name, self.key(one)) for name, one in value.items())
        else:
            key = "array", tuple(self.key(one) for one in value)
        self._depth -= 1
        return key


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Json) -> bool:
    return value.is_integer() if isinstance(value, float) else _is_number(value)


_TYPES: Mapping[str, Callable[[Json], bool]] = MappingProxyType({
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": _is_integer,
})  # fmt: skip
_Rule: TypeAlias = Callable[[_Check, Json, Json, JsonObject], bool]


def _type(_: _Check, value: Json, wanted: Json, __: JsonObject) -> bool:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    return any(kind in _TYPES and _TYPES[kind](value) for kind in kinds if isinstance(kind, str))


def _enum(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    key = check.key(value)
    return not isinstance(wanted, list) or any(check.key(one) == key for one in wanted)


def _const(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    return check.key(value) == check.key(wanted)


def _reference(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    return check.holds(value, check.referred(wanted))


def _all_of(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    return not isinstance(wanted, list) or all(check.holds(value, one) for one in wanted)


def _any_of(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    return not isinstance(wanted, list) or any(check.holds(value, one) for one in wanted)


def _one_of(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    return not isinstance(wanted, list) or sum(check.holds(value, one) for one in wanted) == 1


def _not(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    return not check.holds(value, wanted)


def _if(check: _Check, value: Json, wanted: Json, schema: JsonObject) -> bool:
    return check.holds(value, schema.get("then" if check.holds(value, wanted) else "else", True))


def _numbers(compare: Callable[[float, float], bool]) -> _Rule:
    def rule(_: _Check, value: Json, wanted: Json, __: JsonObject) -> bool:
        if not isinstance(value, int | float) or not isinstance(wanted, int | float):
            return True
        return isinstance(value, bool) or compare(value, wanted)

    return rule


def _is_multiple(value: float, wanted: float) -> bool:
    return wanted <= 0 or Fraction(Decimal(str(value))) % Fraction(Decimal(str(wanted))) == 0


def _sizes(kind: type, compare: Callable[[float, float], bool]) -> _Rule:
    """Of texts, arrays or objects: how much is in them."""

    def rule(_: _Check, value: Json, wanted: Json, __: JsonObject) -> bool:
        if not isinstance(value, kind) or not isinstance(wanted, int | float):
            return True
        assert isinstance(value, str | list | dict)
        return compare(len(value), wanted)

    return rule


def _at_least(value: float, wanted: float) -> bool:
    return value >= wanted


def _at_most(value: float, wanted: float) -> bool:
    return value <= wanted


def _pattern(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    return not isinstance(value, str) or not isinstance(wanted, str) or check.matches(value, wanted)


def _unique(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    if wanted is not True or not isinstance(value, list):
        return True
    return len({check.key(one) for one in value}) == len(value)


def _items(check: _Check, value: Json, wanted: Json, schema: JsonObject) -> bool:
    if not isinstance(value, list):
        return True
    if isinstance(wanted, list):  # as older drafts have it
        return _prefix_items(check, value, wanted, schema)
    before = schema.get("prefixItems")
    return check.every(value[len(before) :] if isinstance(before, list) else value, wanted)


def _prefix_items(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    if not isinstance(value, list) or not isinstance(wanted, list):
        return True
    return all(check.holds(one, schema) for one, schema in zip(value, wanted, strict=False))


def _contains(check: _Check, value: Json, wanted: Json, schema: JsonObject) -> bool:
    if not isinstance(value, list):
        return True
    found, least, most = check.count(value, wanted), schema.get("minContains"), schema.get("maxContains")
    enough = found >= (least if isinstance(least, int | float) else 1)
    return enough and (not isinstance(most, int | float) or found <= most)


def _required(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    if not isinstance(value, dict) or not isinstance(wanted, list):
        return True
    check.step(len(wanted))
    return all(name in value for name in wanted if isinstance(name, str))


def _properties(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    if not isinstance(value, dict) or not isinstance(wanted, dict):
        return True
    return all(check.holds(one, wanted[name]) for name, one in value.items() if name in wanted)


def _pattern_properties(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    if not isinstance(value, dict) or not isinstance(wanted, dict):
        return True
    return all(
        check.holds(one, schema)
        for name, one in value.items()
        for pattern, schema in wanted.items()
        if check.matches(name, pattern)
    )


def _additional(check: _Check, value: Json, wanted: Json, schema: JsonObject) -> bool:
    if not isinstance(value, dict):
        return True
    named, patterns = schema.get("properties"), schema.get("patternProperties")
    known = named if isinstance(named, dict) else {}
    by_pattern = list(patterns) if isinstance(patterns, dict) else []
    others = (
        one
        for name, one in value.items()
        if name not in known and not any(check.matches(name, pattern) for pattern in by_pattern)
    )
    return check.every(others, wanted)


def _names(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    return not isinstance(value, dict) or check.every(value, wanted)


def _dependent_required(check: _Check, value: Json, wanted: Json, schema: JsonObject) -> bool:
    if not isinstance(value, dict) or not isinstance(wanted, dict):
        return True
    return all(_required(check, value, names, schema) for name, names in wanted.items() if name in value)


def _dependent_schemas(check: _Check, value: Json, wanted: Json, _: JsonObject) -> bool:
    if not isinstance(value, dict) or not isinstance(wanted, dict):
        return True
    return all(check.holds(value, one) for name, one in wanted.items() if name in value)


def _not_judged(_: _Check, __: Json, ___: Json, ____: JsonObject) -> bool:
    raise NotJudgedError("keyword")


_RULES: Mapping[str, _Rule] = MappingProxyType({
    "type": _type, "enum": _enum, "const": _const, "$ref": _reference,
    "allOf": _all_of, "anyOf": _any_of, "oneOf": _one_of, "not": _not, "if": _if,
    "minimum": _numbers(_at_least), "maximum": _numbers(_at_most),
    "exclusiveMinimum": _numbers(lambda value, wanted: value > wanted),
    "exclusiveMaximum": _numbers(lambda value, wanted: value < wanted), "multipleOf": _numbers(_is_multiple),
    "minLength": _sizes(str, _at_least), "maxLength": _sizes(str, _at_most), "pattern": _pattern,
    "minItems": _sizes(list, _at_least), "maxItems": _sizes(list, _at_most), "uniqueItems": _unique,
    "items": _items, "prefixItems": _prefix_items, "contains": _contains,
    "minProperties": _sizes(dict, _at_least), "maxProperties": _sizes(dict, _at_most), "required": _required,
    "properties": _properties, "patternProperties": _pattern_properties, "additionalProperties": _additional,
    "propertyNames": _names, "dependentRequired": _dependent_required, "dependentSchemas": _dependent_schemas,
    "unevaluatedItems": _not_judged, "unevaluatedProperties": _not_judged, "$dynamicRef": _not_judged,
    "$recursiveRef": _not_judged,
})  # fmt: skip
