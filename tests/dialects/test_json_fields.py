"""A caller's fields: what is of another type is refused with the caller's own path."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import json_fields
from gateway.errors import GatewayError

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
#: What each reader gives, and the values it gives for those that it takes.
_READERS: list[tuple[Callable[..., Any], Callable[[Any], bool]]] = [
    (json_fields.text, lambda value: isinstance(value, str)),
    (json_fields.integer, lambda value: type(value) is int or (type(value) is float and value.is_integer())),
    (json_fields.number, lambda value: type(value) in (int, float)),
    (json_fields.flag, lambda value: type(value) is bool),
    (json_fields.mapping, lambda value: type(value) is dict),
    (json_fields.array, lambda value: type(value) is list),
]


@pytest.mark.parametrize(("read", "takes"), _READERS)
@given(_JSON)
def test_only_what_is_of_the_type_is_read(
    read: Callable[..., Any], takes: Callable[[Any], bool], value: Any
) -> None:
    if value is None or takes(value):
        assert read({"a": value}, "a", "x[2]") == value
    else:
        with pytest.raises(GatewayError) as error:
            read({"a": value}, "a", "x[2]")
        assert (error.value.condition.code, error.value.param) == ("invalid_type", "x[2].a")
    assert read({}, "a") is None


@given(st.sampled_from((-1, 0, 5, 6)))
def test_bounds_are_part_of_the_range(value: int) -> None:
    fields: Any = {"a": value}
    if 0 <= value <= 5:
        assert json_fields.number(fields, "a", least=0, most=5) == value
    else:
        with pytest.raises(GatewayError, match="`a` must be between 0 and 5"):
            json_fields.number(fields, "a", least=0, most=5)
    if value < 0:
        with pytest.raises(GatewayError, match="`a` must be 0 or more"):
            json_fields.number(fields, "a", least=0)
        with pytest.raises(GatewayError, match="`a` must be 0 or more"):
            json_fields.integer(fields, "a", least=0)


def test_what_must_be_there_is_missed() -> None:
    for read in (json_fields.required_text, json_fields.required_mapping):
        for fields in ({}, {"a": None}):
            with pytest.raises(GatewayError) as error:
                read(fields, "a", "x")
            assert (error.value.condition.code, error.value.param) == ("missing_required_parameter", "x.a")


def test_lists_of_objects_come_with_their_paths() -> None:
    fields: Any = {"a": [{"b": 1}, {"b": 2}]}
    assert [at for _, at in json_fields.objects(fields, "a")] == ["a[0]", "a[1]"]
    assert list(json_fields.objects({}, "a")) == []
    with pytest.raises(GatewayError) as error:
        list(json_fields.objects({"a": [{}, 3]}, "a"))
    assert error.value.param == "a[1]"


def test_one_text_is_a_list_of_one() -> None:
    assert json_fields.texts({"a": "x"}, "a") == ("x",)
    assert json_fields.texts({"a": ["x", "y"]}, "a") == ("x", "y")
    assert json_fields.texts({}, "a") == ()
    with pytest.raises(GatewayError):
        json_fields.texts({"a": ["x", 1]}, "a")


def test_only_words_that_are_known_are_read() -> None:
    assert json_fields.one_of({"a": "x"}, "a", ("x", "y")) == "x"
    with pytest.raises(GatewayError, match="one of x, y") as error:
        json_fields.one_of({"a": "z"}, "a", ("x", "y"))
    assert error.value.condition.code == "invalid_value"
