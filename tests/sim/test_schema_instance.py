"""Instances are valid: checked by a small validator of the keywords the generator promises."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_sim.determinism import Draw
from provider_sim.schema_instance import instance

TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
    "null": type(None),
}  # fmt: skip


def valid(schema: dict[str, Any], value: Any) -> bool:
    if "anyOf" in schema:
        return any(valid(option, value) for option in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or (kind in {"integer", "number"} and isinstance(value, bool)):
        return False
    if kind == "object":
        return set(schema["required"]) <= set(value) <= set(schema["properties"]) and all(
            valid(schema["properties"][name], item) for name, item in value.items()
        )
    if kind == "array":
        in_bounds = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 99)
        return bool(in_bounds) and all(valid(schema["items"], item) for item in value)
    if kind == "string":
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6))
    if kind in {"integer", "number"}:
        return bool(schema.get("minimum", -1e18) <= value <= schema.get("maximum", 1e18))
    return True


def _bounded(kind: str, low: str, high: str, least: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(st.integers(least, 20), st.integers(0, 20)).map(
        lambda pair: {"type": kind, low: pair[0], high: pair[0] + pair[1]}
    )


scalars: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"type": "string"}, {"type": "integer"}, {"type": "number"}]
    ),
    st.lists(st.one_of(st.text(), st.integers()), min_size=1).map(lambda items: {"enum": items}),
    _bounded("string", "minLength", "maxLength", 0),
    _bounded("integer", "minimum", "maximum", -20),
    _bounded("number", "minimum", "maximum", -20),
)


def _wider(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    objects = st.dictionaries(st.text(), inner, max_size=4).flatmap(
        lambda properties: st.lists(st.sampled_from(sorted(properties) or [""]), unique=True).map(
            lambda required: {
                "type": "object",
                "properties": properties,
                "required": [name for name in required if name in properties],
            }
        )
    )
    arrays = st.tuples(inner, st.integers(0, 3)).map(
        lambda p: {"type": "array", "items": p[0], "minItems": p[1]}
    )
    return st.one_of(
        objects, arrays, st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options})
    )


@given(st.recursive(scalars, _wider, max_leaves=12), st.integers(0, 5), st.text(max_size=20))
def test_an_instance_is_valid_under_its_schema(schema: dict[str, Any], seed: int, text: str) -> None:
    made = instance(schema, Draw(seed, b"x"), text)
    assert valid(schema, made)
    assert made == instance(schema, Draw(seed, b"x"), text)


def test_recursive_references_end() -> None:
    node = {
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        },
        "required": ["value", "next"],
    }
    made = instance({"$ref": "#/$defs/node", "$defs": {"node": node}}, Draw(0, b""))
    while made["next"] is not None:
        made = made["next"]
    assert isinstance(made["value"], int)


@pytest.mark.parametrize(
    "pattern", [r"^[A-Z]{3}$", r"^\d{4}-\d{2}-\d{2}$", r"^#[0-9a-f]{6}$", r"^[a-z]+_[a-z]+$"]
)
def test_common_patterns_are_met(pattern: str) -> None:
    assert re.search(pattern, instance({"type": "string", "pattern": pattern}, Draw(0, b"")))


def test_all_of_const_and_multiples() -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"const": 7}}, "required": ["a"]},
            {"properties": {"b": {"type": "integer", "multipleOf": 5, "minimum": 11}}, "required": ["b"]},
        ]
    }
    made = instance(schema, Draw(3, b""))
    assert made["a"] == 7 and made["b"] % 5 == 0 and made["b"] >= 11
