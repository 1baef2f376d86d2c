"""What Ollama is asked for a neutral request: the golden cases of the wire reference, and the rules behind them."""

from typing import Any

import pytest
from hypothesis import given

from gateway.chat import (
    ChatRequest,
    Format,
    Media,
    Parameters,
    Refusal,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dialects.losses import Losses
from gateway.errors import GatewayError
from gateway.record import replace
from tests.dialects.conversations import PNG, requests
from tests.dialects.ollama.asked import PLAIN, THINKS, messages, model, refusal, sent, user, written

IMAGE = Media("image", "here", "image/png", PNG)
SCHEMA: Any = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOL = Tool("f", "tools[0].function", "d", SCHEMA)


def call(id_: str = "c1", name: str = "f", arguments: str = '{"a":"ü"}') -> ToolCall:
    return ToolCall(id_, name, arguments, f"at {id_}")


def result(id_: str = "c1", *blocks: Any, **more: Any) -> ToolResult:
    return ToolResult(id_, blocks or (Text("ok"),), f"result of {id_}", **more)


def test_oll_stream_default() -> None:
    made = sent(ChatRequest((user("hi"),), (Text("be brief"), Text("be kind"))))
    assert (made.path, made.api, made.streams) == ("/api/chat", "chat", False)
    assert made.body == {
        "model": "llama3.2",
        "messages": [
            {"role": "system", "content": "be brief\n\nbe kind"}, {"role": "user", "content": "hi"},
        ],
        "stream": False,
        "truncate": False,
        "shift": False,
    }  # fmt: skip
    assert sent(ChatRequest((user("hi"),), stream=True)).body["stream"] is True


def test_oll_parts_join() -> None:
    """One message a turn: texts joined, images beside them; what a tool answered before the user's words."""
    found = messages(
        user("a", IMAGE, "b"),
        model("c", call(), "d", Refusal("e")),
        user("and", result("c1", Text("one"), Text("two"), IMAGE)),
    )
    assert found == [
        {"role": "user", "content": "a\nb", "images": [PNG]},
        {
            "role": "assistant",
            "content": "cde",
            "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": "ü"}}}],
        },
        {"role": "tool", "content": "one\ntwo", "tool_name": "f", "tool_call_id": "c1", "images": [PNG]},
        {"role": "user", "content": "and"},
    ]


def test_content_is_always_a_string() -> None:
    assert messages(user(IMAGE), model(call()), user(result("c1", is_error=True)), model(), user()) == [
        {"role": "user", "content": "", "images": [PNG]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": "ü"}}}],
        },
        {"role": "tool", "content": "Error: ok", "tool_name": "f", "tool_call_id": "c1"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": ""},
    ]


def test_later_instructions() -> None:
    turns = user("a"), Turn("system", (Text("be brief"),))
    assert messages(*turns)[1] == {"role": "user", "content": "Operator note (not from the user): be brief"}
    knows = replace(PLAIN, mid_system=True)
    assert messages(*turns, can=knows)[1] == {"role": "system", "content": "be brief"}


def test_thoughts_go_to_models_that_think() -> None:
    turn = model(Thinking("hm "), Thinking("well", Signature("anthropic", "x")), "a")
    assert messages(user("hi"), turn, can=THINKS)[1] == {
        "role": "assistant",
        "content": "a",
        "thinking": "hm well",
    }
    assert "thinking" not in messages(user("hi"), turn)[1]


def test_documents_and_sounds() -> None:
    notes = Media("document", "here", "text/plain", "bm90ZXM=")
    assert (
        messages(user("see", Media("document", "here", text="plain"), notes))[0]["content"]
        == "see\nplain\nnotes"
    )
    sound = Media("audio", "here", "audio/wav", "AAAA")
    assert messages(user(sound), can=replace(PLAIN, audio_in=True))[0]["images"] == ["AAAA"]
    assert refusal(user(sound)) == ("here", "unsupported_value")
    for odd in (
        Media("document", "here", "application/pdf", "AAAA"),
        Media("image", "here", url="https://x.org/a.png"),
        Media("image", "here", file_id="file-1"),
    ):
        assert refusal(user(odd)) == ("here", "unsupported_value")
    assert refusal(user(Media("document", "here", "text/plain", "/w=="))) == ("here", "invalid_value")


def test_what_answers_no_call() -> None:
    assert refusal(user(result())) == ("result of c1", "invalid_value")
    assert refusal(user("a"), model(call(arguments="[1]"))) == ("at c1.arguments", "invalid_value")


def test_options() -> None:
    said = Parameters(
        max_output=5, temperature=0.0, top_p=0.5, top_k=3, min_p=0.1, seed=7, stop=("a", "b"), presence_penalty=0.5,
        frequency_penalty=-0.5,
    )  # fmt: skip
    assert written(can=replace(PLAIN, num_ctx=8192, max_out=100), parameters=said)["options"] == {
        "temperature": 0.0, "top_p": 0.5, "top_k": 3, "min_p": 0.1, "seed": 7, "presence_penalty": 0.5,
        "frequency_penalty": -0.5, "num_predict": 5, "stop": ["a", "b"], "num_ctx": 8192,
    }  # fmt: skip
    assert written(can=replace(PLAIN, max_out=100))["options"] == {"num_predict": 100}


def test_formats() -> None:
    assert "format" not in written(parameters=Parameters(format=Format("text")))
    assert written(parameters=Parameters(format=Format("json")))["format"] == "json"
    assert written(parameters=Parameters(format=Format("schema", SCHEMA, "n")))["format"] == SCHEMA


def test_tools() -> None:
    losses = Losses()
    odd = Tool("g", "tools[1].function", schema={"type": "object", "additionalProperties": False})
    plain = Tool("h", "tools[2].custom", custom=True, grammar={"a": 1})
    made = sent(ChatRequest((user("hi"),), tools=(TOOL, odd, plain, Tool("i"))), losses=losses)
    declared: Any = made.body["tools"]
    assert declared[0] == {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": SCHEMA},
    }
    assert declared[2]["function"]["parameters"]["required"] == ["input"]
    assert declared[3]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert losses.names == (("changed", "tools[1].function"), ("dropped", "tools[2].custom.format"))
    assert made.request is not None


@pytest.mark.parametrize(
    ("choice", "names", "lost"),
    [
        (ToolChoice("auto"), ["f", "g"], ""),
        (ToolChoice("none"), [], ""),
        (ToolChoice("auto", ("g",)), ["g"], "changed"),
        (ToolChoice("auto", ("f", "g")), ["f", "g"], ""),
        (ToolChoice("required"), ["f", "g"], "dropped"),
        (ToolChoice("required", ("g",)), ["g"], "dropped"),
    ],
)
def test_which_tools_may_be_called(choice: ToolChoice, names: list[str], lost: str) -> None:
    losses = Losses()
    tools = (TOOL, replace(TOOL, name="g"))
    body = written(losses=losses, tools=tools, parameters=Parameters(tool_choice=choice, parallel_calls=True))
    assert [one["function"]["name"] for one in body.get("tools", ())] == names
    assert losses.names == (((lost, "tool_choice"),) if lost else ())


@pytest.mark.parametrize(
    ("asked", "think"),
    [
        (Parameters(effort="none"), False),
        (Parameters(effort="minimal"), "low"),
        (Parameters(effort="medium", thinking_budget=99999), "medium"),
        (Parameters(effort="xhigh"), "max"),
        (Parameters(thinking_budget=9000), "high"),
        (Parameters(shows_thinking=True), None),
    ],
)
def test_thinking(asked: Parameters, think: Any) -> None:
    losses = Losses()
    assert written(can=THINKS, losses=losses, parameters=asked).get("think") == think
    assert losses.names == ()


def test_models_that_do_not_think() -> None:
    losses = Losses()
    assert "think" not in written(losses=losses, parameters=Parameters(effort="none"))
    assert losses.names == ()
    assert "think" not in written(losses=losses, parameters=Parameters(thinking_budget=5))
    assert losses.names == (("dropped", "thinking_budget"),)


def test_log_probabilities() -> None:
    body = written(parameters=Parameters(logprobs=True, top_logprobs=3))
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)


def test_what_its_answers_cannot_be() -> None:
    assert refusal(parameters=Parameters(choices=2)) == ("choices", "unsupported_value")
    assert refusal(parameters=Parameters(image_out=True)) == ("image_out", "unsupported_value")
    assert refusal(parameters=Parameters(audio_out={})) == ("audio_out", "unsupported_value")


def test_what_nothing_stands_for_is_dropped_under_the_callers_name() -> None:
    losses = Losses()
    body = written(
        losses=losses,
        parameters=Parameters(
            tier="flex",
            cache_key="k",
            verbosity="low",
            parallel_calls=False,
            end_user="u",
            metadata=(("a", "b"),),
        ),
        others={"logit_bias": {}, "store": True, "keep_alive": "5m"},
        names={"tier": "service_tier"},
    )
    assert body["keep_alive"] == "5m"
    assert losses.names == tuple(
        ("dropped", name)
        for name in ("parallel_calls", "service_tier", "cache_key", "verbosity", "logit_bias")
    )


def is_shown(block: Any) -> bool:
    return not isinstance(block, Media) or bool(block.kind == "image" and block.data)


@given(requests())
def test_any_conversation_is_one_for_ollama(request: ChatRequest) -> None:
    """One message a turn and one an answer of a tool; or a refusal of what it cannot be shown."""
    shown = [replace(turn, blocks=tuple(filter(is_shown, turn.blocks))) for turn in request.turns]
    try:
        found = sent(request).body["messages"]
    except GatewayError as error:
        assert error.condition.code == "unsupported_value"
        found = sent(replace(request, turns=tuple(shown))).body["messages"]
    assert isinstance(found, list)
    assert all(isinstance(one["content"], str) for one in found)  # type: ignore[index,call-overload]
    answers = [one["tool_call_id"] for one in found if one["role"] == "tool"]  # type: ignore[index,call-overload]
    assert answers == [one.id for turn in shown for one in turn.blocks if isinstance(one, ToolResult)]
