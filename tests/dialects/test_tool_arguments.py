"""Arguments of calls: raw text in the middle, objects only where they are some."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import ToolCall
from gateway.dialects.tool_arguments import INPUT, arguments_object, arguments_text, plain_input
from gateway.errors import GatewayError
from tests.dialects.conversations import arguments, words


@given(arguments)
def test_an_object_and_its_text_are_the_same(text: str) -> None:
    found = arguments_object(ToolCall("c", "f", text))
    assert found == json.loads(text)
    assert list(json.loads(arguments_text(found))) == list(json.loads(text)), "keys keep their order"
    assert arguments_text(found) == text, "without spaces, letters beyond ASCII as they are"


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_no_text_is_no_arguments(text: str) -> None:
    assert arguments_object(ToolCall("c", "f", text)) == {}


@pytest.mark.parametrize("text", ["{bad", "[1]", "3", "null", '"a"', '{"a":1} x'])
def test_what_is_no_object_is_refused(text: str) -> None:
    """Never taken for no arguments."""
    with pytest.raises(GatewayError) as error:
        arguments_object(ToolCall("c", "f", text, at="messages[1].tool_calls[0].function"))
    assert error.value.condition.code == "invalid_value"
    assert error.value.param == "messages[1].tool_calls[0].function.arguments"


@given(words)
def test_plain_text_comes_back_from_the_object_it_was_in(text: str) -> None:
    wrapped = arguments_object(ToolCall("c", "f", text, custom=True))
    assert wrapped == {INPUT: text}
    assert plain_input(arguments_text(wrapped)) == text


@given(st.text() | arguments)
def test_of_what_is_no_such_object_nothing_is_lost(text: str) -> None:
    said = plain_input(text)
    assert said == text or (json.loads(text or "{}") or {}).get(INPUT) == said


def test_nothing_is_an_empty_object() -> None:
    assert arguments_text(None) == "{}"
