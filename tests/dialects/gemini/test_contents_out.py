"""What is said to Gemini of a conversation: the golden cases of the wire reference, and the rules behind them."""

from typing import Any

import pytest

from gateway.chat import (
    ChatRequest,
    Citation,
    Media,
    Refusal,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.losses import Losses
from gateway.record import replace
from tests.dialects.conversations import PDF, PNG
from tests.dialects.gemini.asked import NEW, OLD, model, refusal, sent, user, written

STAND_IN = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
IMAGE = Media("image", "messages[0].content[1]", "image/png", PNG)
TOOL = Tool("f", "tools[0].function", "d", {"type": "object", "properties": {"a": {"type": "string"}}})


def call(id_: str = "c1", name: str = "f", arguments: str = "{}", signed: str = "") -> ToolCall:
    signature = Signature("gemini", signed) if signed else None
    return ToolCall(id_, name, arguments, f"at {id_}", signature=signature)


def result(id_: str = "c1", text: str = "ok", **more: Any) -> ToolResult:
    return ToolResult(id_, (Text(text),), f"result of {id_}", **more)


def signatures(body: dict[str, Any]) -> list[str | None]:
    """Of the calls, in order."""
    return [
        part.get("thoughtSignature")
        for content in body["contents"]
        for part in content["parts"]
        if "functionCall" in part
    ]


def roles(body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The role of each content and the kinds of its parts."""
    return [(one["role"], [next(iter(part)) for part in one["parts"]]) for one in body["contents"]]


def test_only_instructions() -> None:
    made = sent(ChatRequest((), (Text("be brief"),))).body
    assert made["contents"] == [{"role": "user", "parts": [{"text": "."}]}]


def test_roles_alternate_and_empty_texts_are_left_out() -> None:
    body = written(user("a", ""), user("b"), model(""), model("c", Refusal("no")), user("d"))
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "no"}]},
        {"role": "user", "parts": [{"text": "d"}]},
    ]


def test_later_instructions_stay_in_their_place() -> None:
    turns = user("a"), model(call()), Turn("system", (Text("be brief"),)), user(result()), user("b")
    body = written(*turns, tools=(TOOL,))
    assert roles(body)[2:] == [("user", ["functionResponse"]), ("user", ["text", "text"])]
    assert body["contents"][3]["parts"] == [
        {"text": "Operator note (not from the user): be brief"}, {"text": "b"},
    ]  # fmt: skip


def test_gem_tool_signature_roundtrip() -> None:
    """What was lost is stood in for at a step's first call, in the current turn only; nothing is said twice."""
    old_step = model(call("c1"), call("c2")), user(result("c1"), result("c2"))
    turns = (
        user("a"), *old_step, model("done"), user("b"),
        model(call("c3", signed="s3"), call("c4")), user(result("c3"), result("c4")),
        model(call("c5"), call("c6")), user(result("c5"), result("c6")),
        model(call("c7", signed="s3")), user(result("c7")),
    )  # fmt: skip
    assert signatures(written(*turns, tools=(TOOL,))) == [
        None, None, "s3", None, STAND_IN, None, STAND_IN,
    ]  # fmt: skip
    assert signatures(written(*turns, can=OLD, tools=(TOOL,))) == [None, None, "s3", None, None, None, None]


def test_signatures_of_others_are_left_out() -> None:
    foreign = Signature("anthropic", "x")
    turn = model(
        Thinking("hm", foreign), Thinking("well"), Thinking("so", Signature("gemini", "s1")),
        Text("a", signature=foreign), Text("b", signature=Signature("gemini", "s2")),
        Text("", signature=Signature("gemini", "s3")), Text("c", citations=(Citation("https://x.org"),)),
    )  # fmt: skip
    assert written(user("hi"), turn, user("b"))["contents"][1]["parts"] == [
        {"text": "so", "thought": True, "thoughtSignature": "s1"},
        {"text": "a"},
        {"text": "b", "thoughtSignature": "s2"},
        {"text": "", "thoughtSignature": "s3"},
        {"text": "c"},
    ]


def test_gem_parallel_results() -> None:
    turns = (
        user("a"),
        model(call("c1"), call("c2", "g")),
        user(result("c2", "two")),
        user(result("c1", "one"), "and"),
    )
    tools = (TOOL, replace(TOOL, name="g"))
    body = written(*turns, tools=tools)
    assert [part["functionResponse"] for part in body["contents"][2]["parts"]] == [
        {"name": "f", "response": {"result": "one"}, "id": "c1"},
        {"name": "g", "response": {"result": "two"}, "id": "c2"},
    ]
    assert roles(body)[3] == ("user", ["text"])
    old = written(*turns, can=OLD, tools=tools)
    inner = [
        part.get("functionCall") or part["functionResponse"]
        for one in (1, 2)
        for part in old["contents"][one]["parts"]
    ]
    assert [list(one) for one in inner] == [["name", "args"]] * 2 + [["name", "response"]] * 2


@pytest.mark.parametrize(
    ("text", "is_error", "response"),
    [
        ("[1,2]", False, {"result": "[1,2]"}),
        ("sunny", False, {"result": "sunny"}),
        ('{"sky": "blue"}', False, {"sky": "blue"}),
        ("{broken", False, {"result": "{broken"}),
        ("no such place", True, {"error": "no such place"}),
        ("", False, {"result": ""}),
    ],
)
def test_gem_tool_result_nonobject(text: str, is_error: bool, response: Any) -> None:
    body = written(user("a"), model(call()), user(result("c1", text, is_error=is_error)), tools=(TOOL,))
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == response


def test_images_from_tools() -> None:
    turns = user("a"), model(call()), user(ToolResult("c1", (Text("see"), IMAGE)))
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    body = written(*turns, tools=(TOOL,))
    assert body["contents"][2]["parts"][0]["functionResponse"]["parts"] == [inline]
    old = written(*turns, can=OLD, tools=(TOOL,))
    assert old["contents"][3] == {"role": "user", "parts": [inline, {"text": " "}]}


def test_every_call_has_one_answer() -> None:
    asking = user("a"), model(call("c1"), call("c2"))
    assert refusal(*asking, user(result("c1"))) == ("at c2", "invalid_value")
    assert refusal(*asking, user("never mind")) == ("at c1", "invalid_value")
    assert refusal(*asking, user(result("c1"), result("c2"), result("c9"))) == (
        "result of c9",
        "invalid_value",
    )
    assert refusal(user(result("c1"))) == ("result of c1", "invalid_value")


def test_arguments_that_are_no_object() -> None:
    assert refusal(user("a"), model(call(arguments="{bad")), user(result())) == (
        "at c1.arguments",
        "invalid_value",
    )
    body = written(user("a"), model(call(arguments="")), user(result()), tools=(TOOL,))
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {}


def test_plain_text_tools() -> None:
    tool = Tool("f", "tools[0].custom", "d", custom=True, grammar={"syntax": "lark"})
    losses = Losses()
    spoken = replace(call(arguments="do it"), custom=True)
    made = sent(ChatRequest((user("a"), model(spoken), user(result())), tools=(tool,)), losses=losses)
    (declared,) = made.body["tools"][0]["functionDeclarations"]  # type: ignore[call-overload,index]
    assert declared["parametersJsonSchema"]["required"] == ["input"]
    assert made.body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "do it"}  # type: ignore[call-overload,index]
    assert losses.names == (("dropped", "tools[0].custom.format"),)
    assert made.request is not None


def test_media() -> None:
    turn = user(
        IMAGE,
        Media("audio", "", "audio/mp3", "AAAA"),
        Media("document", "", "application/pdf", PDF),
        Media("document", "", text="plain", name="a.txt"),
        Media("document", "", file_id="https://generativelanguage.googleapis.com/v1beta/files/x"),
        Media("document", "", url="https://www.youtube.com/watch?v=1"),
    )
    assert written(turn)["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
        {"inlineData": {"mimeType": "text/plain", "data": "YS50eHQKcGxhaW4="}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        {"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}},
    ]
    assert written(user(IMAGE), can=OLD)["contents"][0]["parts"][-1] == {"text": " "}
    assert written(user(IMAGE, "?"), can=OLD)["contents"][0]["parts"][-1] == {"text": "?"}


def test_what_gemini_cannot_get_or_hold() -> None:
    elsewhere = Media("image", "here", "image/png", url="https://example.com/a.png")
    assert refusal(user(elsewhere)) == ("here", "unsupported_value")
    fetching = written(user(elsewhere), can=replace(NEW, fetches_urls=True))
    assert fetching["contents"][0]["parts"] == [
        {"fileData": {"fileUri": "https://example.com/a.png", "mimeType": "image/png"}}
    ]
    assert refusal(user(Media("document", "here", file_id="file-abc"))) == ("here", "unsupported_value")
    half = Media("document", "here", "application/pdf", "A" * (10 * 1024 * 1024 + 4))
    assert refusal(user(half, half)) == ("here", "request_too_large")


def test_how_closely_images_are_looked_at() -> None:
    low, original = replace(IMAGE, detail="low"), replace(IMAGE, detail="original")
    parts = written(user(low, IMAGE, original))["contents"][0]["parts"]
    assert [part.get("mediaResolution", {}).get("level") for part in parts] == [
        "MEDIA_RESOLUTION_LOW", None, "MEDIA_RESOLUTION_ULTRA_HIGH",
    ]  # fmt: skip
    alike = written(user(original, original), can=OLD)
    assert alike["generationConfig"] == {"mediaResolution": "MEDIA_RESOLUTION_HIGH"}
    losses = Losses()
    assert "generationConfig" not in written(user(low, IMAGE), can=OLD, losses=losses)
    assert losses.names == (("dropped", "messages[0].content[1].detail"),)
