"""Schemas in the subsets of providers: what may be said there is, and what is valid stays valid."""

import copy
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.json_schema import (
    Subset,
    anthropic_schema,
    gemini_schema,
    is_strict,
    mistral_schema,
    ollama_keeps,
)
from gateway.dialects.losses import Losses
from gateway.dialects.openapi_schema import json_schema
from gateway.dialects.schema_words import BY_NAME, LISTED, copied
from gateway.errors import GatewayError

NAMES = ("a", "b", "c")
STRING, INTEGER = {"type": "string"}, {"type": "integer"}
_ANTHROPIC_WORDS = {
    "type", "enum", "const", "required", "title", "description", "default", "properties", "items", "anyOf", "$ref",
    "$defs", "additionalProperties", "format", "minItems", "pattern",
}  # fmt: skip
_GEMINI_WORDS = {
    "$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems",
    "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties",
    "required", "propertyOrdering",
}  # fmt: skip


def optional(**words: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=words)


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    properties = draw(st.dictionaries(st.sampled_from(NAMES), inner, max_size=3))
    made: dict[str, Any] = {"type": "object", "properties": properties}
    if draw(st.booleans()):
        made["required"] = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
    closed = draw(st.sampled_from((None, None, False, False, True)))
    return made if closed is None else {**made, "additionalProperties": closed}


_small = st.integers(0, 4)
_scalars = st.one_of(
    optional(minLength=_small, maxLength=_small, pattern=st.sampled_from(("^x", "(?=x)")), title=st.just("T")).map(
        lambda more: {"type": "string", **more}
    ),
    optional(minimum=_small, maximum=_small, exclusiveMinimum=_small, multipleOf=st.integers(1, 3)).map(
        lambda more: {"type": "integer", **more}
    ),
    st.sampled_from(
        (
            {"const": "x"}, {"enum": ["x", 1, None]}, {"type": ["string", "null"], "default": "x"},
            {"type": "boolean"}, {"$ref": "#/$defs/d"}, {"$ref": "#/$defs/d", "description": "says"}, {},
        )
    ),
)  # fmt: skip
_inner = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        objects(inner),
        st.builds(
            lambda items, more: {"type": "array", "items": items, **more},
            inner,
            optional(minItems=_small, maxItems=_small, uniqueItems=st.booleans()),
        ),
        st.lists(inner, min_size=1, max_size=2).map(lambda several: {"anyOf": several}),
        st.lists(inner, min_size=1, max_size=2).map(lambda several: {"oneOf": several}),
        st.lists(_scalars, min_size=1, max_size=2).map(lambda several: {"allOf": several}),
    ),
    max_leaves=6,
)
schemas = st.builds(
    lambda whole, named: {**whole, "$defs": {"d": named}},
    objects(_inner),
    _scalars.filter(lambda one: "$ref" not in one),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 5), st.sampled_from(("", "x", "xyz", "long enough"))),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*NAMES, "d")), inner, max_size=3)
    ),
    max_leaves=5,
)


def valid(schema: Any, value: Any) -> bool:
    return bool(jsonschema_rs.Draft202012Validator(schema).is_valid(value))


def nodes(schema: Any) -> list[dict[str, Any]]:
    """Every schema in a schema, itself included."""
    found: list[dict[str, Any]] = []
    copied(schema, lambda node: found.append(node) or node)  # type: ignore[func-returns-value]
    return found


def closed(schema: Any) -> Any:
    """The same with objects of the properties that they name, where they do not say that there may be others."""

    def close(node: dict[str, Any]) -> dict[str, Any]:
        return {"additionalProperties": False, **node} if "properties" in node else node

    return copied(schema, close)


@given(schemas)
def test_what_anthropic_is_told_it_knows(schema: Any) -> None:
    before = copy.deepcopy(schema)
    subset = anthropic_schema(schema)
    assert schema == before
    if subset is None:
        return
    for node in nodes(subset.schema):
        assert set(node) <= _ANTHROPIC_WORDS
        assert "properties" not in node or node["additionalProperties"] is False
        assert node.get("minItems", 0) < 2
    assert anthropic_schema(subset.schema) == Subset(subset.schema, is_whole=True)


@given(schemas, values)
def test_what_is_valid_stays_valid_at_anthropic(schema: Any, value: Any) -> None:
    """And where nothing was lost, what is not stays invalid."""
    found = anthropic_schema(schema)
    if found is not None and valid(closed(schema), value):
        assert valid(found.schema, value)
    if found is not None and found.is_whole and valid(found.schema, value):
        assert valid(schema, value)


def gemini(schema: Any) -> tuple[Any, bool]:
    losses = Losses()
    found = gemini_schema(schema, "here", losses)
    assert found.is_whole == (not losses.names)
    return found.schema, bool(losses.names)


@given(schemas)
def test_what_gemini_is_told_it_knows(schema: Any) -> None:
    before = copy.deepcopy(schema)
    try:
        found, _ = gemini(schema)
    except GatewayError as error:
        assert error.param == "here"
        return
    assert schema == before
    for node in nodes(found):
        assert set(node) <= _GEMINI_WORDS
        assert "$ref" not in node or set(node) <= {"$ref", "$defs"}
    assert gemini(found) == (found, False)


@given(schemas, values)
def test_what_is_valid_stays_valid_at_gemini(schema: Any, value: Any) -> None:
    """And where nothing was lost, what is not stays invalid."""
    try:
        found, lost = gemini(schema)
    except GatewayError:
        return
    if valid(schema, value) and "oneOf" not in repr(schema):  # more than one may fit once a part is lost
        assert valid(found, value)
    if not lost:
        assert valid(schema, value) == valid(found, value)


@given(schemas)
def test_mistral_is_told_the_same(schema: Any) -> None:
    odd = copied(schema, lambda node: {**node, "$schema": "x", "strict": True})
    assert mistral_schema(odd) == schema


@given(schemas)
def test_schemas_that_are_no_openapi_stay(schema: Any) -> None:
    assert json_schema(schema) == schema


def test_ant_schema_output() -> None:
    """Golden case 41: what cannot be said is told to the model in words."""
    schema: Any = {
        "type": "object",
        "additionalProperties": False,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many"},
            "when": {"type": "string", "format": "date"},
            "color": {"type": "string", "format": "color", "pattern": "^(?=x)"},
            "one": {"oneOf": [STRING, INTEGER]},
            "many": {"type": "array", "items": STRING, "minItems": 2, "maxItems": 3},
        },
        "required": ["n"],
    }
    told = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "n": {"type": "integer", "description": "How many\nNote: minimum value: 1; maximum value: 9."},
            "when": {"type": "string", "format": "date"},
            "color": {"type": "string", "description": 'Note: format: "color"; pattern: "^(?=x)".'},
            "one": {"anyOf": [STRING, INTEGER]},
            "many": {
                "type": "array",
                "items": STRING,
                "description": "Note: minimum number of items: 2; maximum number of items: 3.",
            },
        },
        "required": ["n"],
    }
    assert anthropic_schema(schema) == Subset(told, is_whole=False)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": True, "properties": {"a": STRING}},
        {"type": "object", "additionalProperties": STRING},
        {"type": "object", "properties": {"a": {"type": "object"}}, "additionalProperties": False},
        {"type": "object", "properties": {"a": STRING}, "patternProperties": {"x": STRING}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}}},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/properties/a", "properties": {"a": STRING}},
        {"$ref": "#"},
        {"properties": {"a": False}},
        {"allOf": [{"properties": {"a": STRING}}, {"properties": {"a": INTEGER}}]},
        {"anyOf": [STRING], "oneOf": [INTEGER]},
    ],
)
def test_what_cannot_be_native_at_anthropic(schema: Any) -> None:
    assert anthropic_schema(schema) is None


def test_parts_that_add_up_are_one() -> None:
    base = {"type": "object", "properties": {"a": STRING}, "required": ["a"], "title": "Base"}
    schema: Any = {
        "allOf": [{"$ref": "#/definitions/Base"}, {"properties": {"b": INTEGER}, "required": ["b", "a"]}],
        "definitions": {"Base": base},
        "title": "Whole",
    }
    whole = {"type": "object", "properties": {"a": STRING, "b": INTEGER}, "required": ["a", "b"]}
    found, lost = gemini(schema)
    assert not lost
    assert found == {**whole, "$defs": {"Base": base}, "title": "Whole"}
    native = anthropic_schema(schema)
    assert native is not None
    assert native.schema["properties"] == whole["properties"]


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "string"}, {"type": "integer"}],
        [{"properties": {"a": STRING}, "additionalProperties": False}, {"properties": {"b": STRING}}],
        [{"pattern": "a"}, {"pattern": "b"}],
        [{"$ref": "#/$defs/none"}],
        [True],
    ],
)
def test_parts_that_do_not_add_up_are_refused(parts: Any) -> None:
    with pytest.raises(GatewayError) as caught:
        gemini({"allOf": parts})
    assert (caught.value.param, caught.value.condition.code) == ("here", "unsupported_value")


def test_bounds_of_several_parts() -> None:
    schema: Any = {
        "minimum": 1,
        "maximum": 9,
        "allOf": [{"minimum": 3, "type": "number"}, {"maximum": 5, "type": "integer"}],
    }
    assert gemini(schema)[0] == {"minimum": 3, "maximum": 5, "type": "integer"}
    listed: Any = {"enum": [1, 2, 3], "allOf": [{"enum": [3, 2]}]}
    assert gemini(listed)[0] == {"enum": [2, 3]}


def test_references_stand_alone_at_gemini() -> None:
    schema: Any = {
        "properties": {
            "a": {"$ref": "#/definitions/D", "description": "d"},
            "b": {"$ref": "#/$defs/D", "minimum": 1},
        },
        "definitions": {"D": {"type": "array", "items": [STRING, True], "additionalItems": False}},
    }
    found, lost = gemini(schema)
    assert lost
    assert found == {
        "properties": {"a": {"$ref": "#/$defs/D"}, "b": {"$ref": "#/$defs/D"}},
        "$defs": {"D": {"type": "array", "prefixItems": [STRING, {}]}},
    }


STRICT: Any = {
    "type": "object",
    "properties": {"a": STRING, "b": {"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}]}},
    "required": ["a", "b"],
    "additionalProperties": False,
    "$defs": {"d": {"type": "object", "properties": {}, "required": [], "additionalProperties": False}},
}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "array"},
        {"anyOf": [STRING]},
        {"required": ["a"]},
        {"required": None},
        {"additionalProperties": True},
        {"additionalProperties": None},
        {"allOf": []},
        {"properties": {"a": {"not": {}}, "b": STRING}},
        {"properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}, "b": STRING}},
        {
            "$defs": {
                "d": {
                    "type": "object",
                    "properties": {"x": STRING},
                    "additionalProperties": False,
                    "required": [],
                }
            }
        },
    ],
)
def test_openais_strictness(change: dict[str, Any]) -> None:
    assert is_strict(STRICT)
    assert not is_strict({**STRICT, **change})


def test_openais_depth() -> None:
    def deep(levels: int) -> Any:
        inner = {"a": deep(levels - 1)} if levels > 1 else {}
        return {"type": "object", "properties": inner, "required": list(inner), "additionalProperties": False}

    assert is_strict(deep(10))
    assert not is_strict(deep(11))


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        (
            {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"], "description": "d"}}},
            True,
        ),
        ({"$defs": {"d": STRING}, "items": STRING, "required": ["a"], "title": "t", "$schema": "x"}, True),
        ({"type": "object", "additionalProperties": False}, False),
        ({"properties": {"a": {"type": "string", "pattern": "x"}}}, False),
        ({"properties": {"a": {"anyOf": [{"minimum": 1}]}}}, False),
        ({"items": {"format": "date"}}, False),
        ({"properties": {"a": {"default": 1}}}, False),
    ],
)
def test_what_ollama_keeps(schema: Any, kept: bool) -> None:
    assert ollama_keeps(schema) is kept


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "TYPE_UNSPECIFIED", "nullable": True}, {}),
        ({"anyOf": [{"type": "STRING"}], "nullable": True}, {"anyOf": [STRING, {"type": "null"}]}),
        (
            {"ref": "#/$defs/a", "defs": {"a": {"type": "STRING"}}},
            {"$ref": "#/$defs/a", "$defs": {"a": STRING}},
        ),
        ({"$ref": "#/$defs/a", "nullable": True}, {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}),
        (
            {"type": "ARRAY", "maxItems": "3", "example": [1]},
            {"type": "array", "maxItems": 3, "examples": [[1]]},
        ),
        (
            {"properties": {"nullable": {"type": "BOOLEAN"}}},
            {"properties": {"nullable": {"type": "boolean"}}},
        ),
        ({"additionalProperties": {"type": "NUMBER"}}, {"additionalProperties": {"type": "number"}}),
    ],
)
def test_googles_own_form(own: Any, found: Any) -> None:
    assert json_schema(own) == found


def test_where_schemas_stand() -> None:
    """A property may be named like a keyword: what is under a name is a schema, whatever the name."""
    assert BY_NAME.isdisjoint(LISTED)
    schema: Any = {
        "type": "object",
        "properties": {"$schema": STRING, "allOf": STRING, "strict": {"strict": True}},
    }
    assert mistral_schema(schema)["properties"] == {"$schema": STRING, "allOf": STRING, "strict": {}}
    assert gemini(schema)[0]["properties"] == {"$schema": STRING, "allOf": STRING, "strict": {}}
