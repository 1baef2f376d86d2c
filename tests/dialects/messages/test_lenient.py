"""Golden cases of the wire reference in their second mode: the nearest thing is asked for, and told."""

import pytest

from gateway.chat import ChatRequest, Parameters, Text, Tool, ToolCall, ToolChoice
from gateway.dialects.losses import Losses
from gateway.dialects.messages.dialect import MessagesOut
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError
from tests.dialects.messages.asked import NEWEST, assistant, messages, user

TOOL = Tool("f", "tools[0]", schema={"type": "object", "properties": {}})
CALL = ToolCall("a", "f", "{}", "messages[1].tool_calls[0]")


def leniently(request: ChatRequest) -> tuple[Sent, Losses]:
    losses = Losses(lenient=True)
    return MessagesOut().request(request, "m", NEWEST, losses), losses


def test_ant_empty_text() -> None:
    sent, losses = leniently(ChatRequest((user(""),)))
    assert messages(sent)[0]["content"] == [{"type": "text", "text": "(empty)"}]
    assert losses.names == (("changed", "messages[0]"),)


def test_a_conversation_that_the_assistant_began() -> None:
    sent, losses = leniently(ChatRequest((assistant("hi", at="messages[0]"), user("hi"))))
    assert messages(sent)[0] == {"role": "user", "content": [{"type": "text", "text": "(continue)"}]}
    assert [one["role"] for one in messages(sent)] == ["user", "assistant", "user"]
    assert losses.names == (("changed", "messages[0]"),)


def test_ant_prefill() -> None:
    sent, losses = leniently(ChatRequest((user("q"), assistant("The answer is"))))
    assert messages(sent)[2] == {"role": "user", "content": [{"type": "text", "text": "Continue."}]}
    assert losses.names == (("changed", "messages[1]"),)


def test_ant_forced_tool_new_model() -> None:
    forced = Parameters(tool_choice=ToolChoice("required"))
    request = ChatRequest((user("q"),), tools=(TOOL,), parameters=forced)
    sent, losses = leniently(request)
    assert sent.body["tool_choice"] == {"type": "auto"}
    assert losses.names == (("changed", "tool_choice"),)
    with pytest.raises(GatewayError):
        MessagesOut().request(request, "m", NEWEST, Losses(strict=True, lenient=True))


@pytest.mark.parametrize("after", [(), (user(Text("go on")),)])
def test_a_call_without_a_result(after: tuple[()]) -> None:
    sent, losses = leniently(ChatRequest((user("q"), assistant(CALL), *after), tools=(TOOL,)))
    none = {"type": "tool_result", "tool_use_id": "a", "content": "no result", "is_error": True}
    assert messages(sent)[2]["content"][0] == none
    assert losses.names == (("changed", CALL.at),)
