"""A value held against a schema: the verdict is that of a validator that is not ours, or there is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.schema_check import NotJudgedError, is_valid
from tests.dialects.test_json_schema import INTEGER, NAMES, STRING, schemas, valid, values

_numbers = st.sampled_from((0, 1, 1.0, 1.5, -3, 0.3, 1e300, 10**18))
_texts = st.sampled_from(("", "x", "xy", "0.3", "Ünï"))
_some = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _texts),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
_size = st.integers(0, 3)
_word = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(("object", "array", "string", "number", "integer", "null"))}
    ),
    st.fixed_dictionaries({"type": st.just(["boolean", "string"])}),
    st.fixed_dictionaries({"const": _some}),
    st.fixed_dictionaries({"enum": st.lists(_some, min_size=1, max_size=3)}),
    *(
        st.fixed_dictionaries({word: _numbers})
        for word in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    ),
    *(
        st.fixed_dictionaries({word: _size})
        for word in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
    ),
    st.fixed_dictionaries({"multipleOf": st.sampled_from((1, 2, 0.1, 0.5))}),
    st.fixed_dictionaries({"pattern": st.sampled_from(("^x", "y$", "^$", "[^x]", "n"))}),
    st.fixed_dictionaries({"uniqueItems": st.booleans()}),
    st.fixed_dictionaries({"required": st.lists(_texts, max_size=2, unique=True)}),
    st.fixed_dictionaries({"dependentRequired": st.just({"x": ["xy"]})}),
)


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(_texts, inner, max_size=2)
    return st.one_of(
        *(st.fixed_dictionaries({word: several}) for word in ("allOf", "anyOf", "oneOf")),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"if": inner}, optional={"then": inner, "else": inner}),
        st.fixed_dictionaries({"items": inner}, optional={"prefixItems": several}),
        st.fixed_dictionaries({"contains": inner}, optional={"minContains": _size, "maxContains": _size}),
        st.fixed_dictionaries(
            {},
            optional={
                "properties": named,
                "patternProperties": st.dictionaries(st.sampled_from(("^x", "y")), inner, max_size=2),
                "additionalProperties": inner | st.booleans(),
            },
        ),
        st.fixed_dictionaries({"propertyNames": inner}),
        st.fixed_dictionaries({"dependentSchemas": named}),
        st.builds(lambda left, right: {**left, **right}, inner, inner),
    )


@given(st.recursive(_word, _around, max_leaves=6), _some)
def test_every_keyword_means_what_the_standard_says(schema: Any, value: Any) -> None:
    assert is_valid(value, schema) == valid(schema, value)


@given(schemas, values)
def test_references_too(schema: Any, value: Any) -> None:
    try:
        found = is_valid(value, schema)
    except NotJudgedError as error:  # of patterns that look ahead
        assert str(error) == "pattern"
        return
    assert found == valid(schema, value)


def test_recursion_and_pointers() -> None:
    tree = {
        "$ref": "#/$defs/a~1b",
        "$defs": {
            "a/b": {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["n"]},
        },
    }
    assert is_valid({"n": 1, "next": {"n": 2, "next": {"n": 3}}}, tree)
    assert not is_valid({"n": 1, "next": {"n": 2, "next": {}}}, tree)
    listed = {"anyOf": [STRING, INTEGER], "properties": {}, "not": {"$ref": "#/anyOf/1"}}
    assert is_valid("x", listed)
    assert not is_valid(1, listed)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://internal.example/schema"},
        {"$ref": "#named"},
        {"$ref": "#/$defs/none"},
        {"$ref": "#"},
        {"unevaluatedProperties": False},
        {"pattern": "(?=x)"},
        {"pattern": r"(x)\1"},
        {"pattern": "a{1000}{1000}{1000}"},
        {"$defs": {"d": {"anyOf": [{"$ref": "#/$defs/d"}] * 2}}, "$ref": "#/$defs/d"},
    ],
)
def test_what_cannot_be_judged_is_not(schema: Any) -> None:
    with pytest.raises(NotJudgedError):
        is_valid("xx", schema)


def test_no_schema_takes_long() -> None:
    """Each definition asks twice for the next: 2^40 looks, of which a bounded number is taken."""
    fans: dict[str, Any] = {f"d{one}": {"allOf": [{"$ref": f"#/$defs/d{one + 1}"}] * 2} for one in range(40)}
    with pytest.raises(NotJudgedError, match="steps"):
        is_valid(1, {"$defs": fans | {"d40": {}}, "$ref": "#/$defs/d0"})
    assert is_valid("a" * 5000 + "!", {"pattern": "^(a+)+$"}) is False
    wide = {f"p{one}": one for one in range(5000)}
    with pytest.raises(NotJudgedError, match="steps"):
        is_valid(wide, {"anyOf": [{"additionalProperties": False}] * 5000})
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(NotJudgedError, match="depth"):
        is_valid(deep, {"const": deep})


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": 5, "required": "x", "items": None, "minimum": "x", "anyOf": {}, "enum": 1},
        {"type": "string", "minLength": None, "pattern": 5, "dependentSchemas": [], "multipleOf": 0},
    ],
)
def test_what_is_no_value_of_a_keyword_means_nothing(schema: Any) -> None:
    for value in ("x", 1, [1], {NAMES[0]: 1}):
        assert is_valid(value, schema) == ("type" not in schema or value == "x")
