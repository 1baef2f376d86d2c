"""Arguments of calls: raw text in the middle, objects only where they are some."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import ChatRequest, Tool, ToolCall
from gateway.dialects.table import outbound
from gateway.dialects.tool_arguments import INPUT, arguments_object, arguments_text, plain_input
from gateway.dialects.translation import Sent
from gateway.dialects.whole_as_stream import events_of
from gateway.errors import GatewayError
from tests.dialects.conversations import arguments, words
from tests.dialects.gathered import Gathered
from tests.gateway.provider_answers import chat_stream, completion, frames_of, messages_stream


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


_CUSTOM = Sent("", {}, request=ChatRequest((), tools=(Tool("f", custom=True),)))


def _wrapped(given: str, finish: str) -> dict[tuple[str, bool], bytes]:
    """Answers with a call of the plain-text tool: (dialect, whether it is streamed)."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": given}}
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    piece = {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": given},
    }
    messages = messages_stream({"tool_calls": "tool_use", "length": "max_tokens"}[finish], use)
    messages.insert(-3, piece)
    chat = chat_stream(finish, {"tool_calls": [call]})
    return {
        ("chat", True): b"".join(frames_of("", chat)[1]) + b"data: [DONE]\n\n",
        ("chat", False): json.dumps(completion(finish, tool_calls=[call])).encode(),
        ("messages", True): b"".join(frames_of("", messages)[1]),
    }


def _read(dialect: str, streamed: bool, data: bytes) -> list[ToolCall]:
    spoken = outbound("anthropic" if dialect == "messages" else "openai", dialect, "")
    gathered = Gathered()
    if streamed:
        reader = spoken.stream(_CUSTOM, 1 << 20)
        events = [*reader.read(data), *reader.finish()]
    else:
        events = [*events_of(spoken.reply(json.loads(data), _CUSTOM))]
    for event in events:
        gathered.take(event)
    return [one for one in gathered.reply().answers[0].blocks if isinstance(one, ToolCall)]


@pytest.mark.parametrize("how", _wrapped("", "length"))
@pytest.mark.parametrize("given", ['{"input":"hel', '{ "input" :', '{"input":5}'])
def test_what_is_no_input_is_no_finished_call(how: tuple[str, bool], given: str) -> None:
    with pytest.raises(GatewayError) as caught:
        _read(*how, _wrapped(given, "tool_calls")[how])
    assert caught.value.condition.code == "upstream_invalid_response"


@pytest.mark.parametrize("how", _wrapped("", "length"))
@pytest.mark.parametrize(
    ("given", "finish", "told"),
    [
        ('{"input":"hel', "length", '{"input":"hel'),
        ('{"input":"hello"}', "tool_calls", "hello"),
        ("ls -l", "tool_calls", "ls -l"),
        ("{ls", "tool_calls", "{ls"),
    ],
)
def test_an_input_is_told(how: tuple[str, bool], given: str, finish: str, told: str) -> None:
    (call,) = _read(*how, _wrapped(given, finish)[how])
    assert (call.custom, call.arguments) == (True, told)
