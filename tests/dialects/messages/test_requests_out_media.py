"""What goes to Anthropic of attachments, sampling, tiers and the fields of few (wire reference §2.1)."""

from typing import Any

import pytest

from gateway.capabilities import Capabilities
from gateway.chat import (
    Media,
    Parameters,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.messages.asked import (
    OLD,
    assistant,
    lost,
    messages,
    refused,
    user,
    written,
)
from tests.dialects.messages.conversations import PNG

CALL = ToolCall("a", "f", '{"x":1}', "messages[1].tool_calls[0]")
RESULT = ToolResult("a", (Text("r"),), "messages[2]")
TOOL = Tool("f", "tools[0]", "Does.", {"type": "object", "properties": {"x": {"type": "integer"}}})
SCHEMA: Any = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 1},
        "e": {"oneOf": [{"type": "string", "format": "email"}]},
    },
    "required": ["n"],
    "additionalProperties": False,
}


def test_ant_image_pdf() -> None:
    png = Media("image", "messages[0].content[0]", "image/png", PNG)
    far = Media("image", "messages[0].content[1]", url="https://x/y.jpg", detail="low")
    pdf = Media("document", "messages[0].content[2]", "application/pdf", "JVBERi0=", name="a.pdf")
    plain = Media("document", "messages[0].content[3]", "text/plain", text="words", cache="long")
    coded = Media("document", "messages[0].content[4]", "text/csv", "YSxi")
    linked = Media("document", "messages[0].content[5]", "application/pdf", url="https://x/y.pdf")
    sent = written(user(png, far, pdf, plain, coded, linked))
    assert messages(sent)[0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.jpg"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
    ]
    assert lost(user(far)) == {"messages[0].content[1].detail": "dropped"}
    assert lost(user("q"), assistant("a", png), user("b")) == {"messages[0].content[0]": "dropped"}


@pytest.mark.parametrize(
    ("media", "code"),
    [
        (Media("image", "at", "image/tiff", "AAAA"), "unsupported_value"),
        (Media("image", "at", file_id="file-1"), "unsupported_value"),
        (Media("audio", "at", "audio/wav", "AAAA"), "unsupported_value"),
        (Media("document", "at", "application/zip", "AAAA"), "unsupported_value"),
        (Media("document", "at", "text/plain", "not base64"), "invalid_value"),
        (Media("document", "at", "text/plain", "//79"), "invalid_value"),
    ],
)
def test_media_that_are_refused(media: Media, code: str) -> None:
    assert refused(user(media)) == (code, "at")


def test_ant_user_email() -> None:
    for user_id in ("a@b.c", "+49 170 1234567", "x" * 300):
        body: Any = written(parameters=Parameters(end_user=user_id)).body
        assert body["metadata"]["user_id"] != user_id
        assert len(body["metadata"]["user_id"]) == 64
    plain: Any = written(parameters=Parameters(end_user="user-77")).body
    assert plain["metadata"] == {"user_id": "user-77"}


def test_ant_stop_whitespace() -> None:
    asked = Parameters(stop=("\n", "END"))
    assert written(parameters=asked).body["stop_sequences"] == ["END"]
    assert lost(parameters=asked) == {"stop": "dropped"}


def test_n2_anthropic() -> None:
    code = refused(parameters=Parameters(choices=2), names={"choices": "n"})
    assert code == ("unsupported_value", "n")


def test_what_has_no_counterpart_is_dropped_by_the_callers_name() -> None:
    asked = Parameters(
        seed=0, presence_penalty=0.5, frequency_penalty=0, logprobs=True, top_logprobs=2, verbosity="low",
        cache_key="k", min_p=0.1, image_out=True, metadata=(("a", "b"),),
    )  # fmt: skip
    names = {"cache_key": "prompt_cache_key"}
    assert set(lost(parameters=asked, names=names, others={"logit_bias": {}, "store": None})) == {
        "seed", "presence_penalty", "logprobs", "top_logprobs", "verbosity", "prompt_cache_key", "min_p",
        "image_out", "logit_bias",
    }  # fmt: skip


def test_what_would_change_the_answer_is_refused() -> None:
    assert refused(parameters=Parameters(audio_out={})) == ("unsupported_value", "audio_out")
    assert refused(others={"web_search_options": {}}) == ("unsupported_parameter", "web_search_options")
    assert refused(parameters=Parameters(max_output=0)) == ("invalid_value", "max_output")


def test_more_output_than_there_is_is_clamped() -> None:
    asked = Parameters(max_output=100_000)
    assert written(can=OLD, parameters=asked).body["max_tokens"] == 8192
    assert lost(can=OLD, parameters=asked) == {"max_output": "clamped"}


@pytest.mark.parametrize(
    ("tier", "fields", "loss"),
    [
        ("auto", {"service_tier": "auto"}, {}),
        ("default", {"service_tier": "standard_only"}, {}),
        ("priority", {"service_tier": "auto"}, {"tier": "dropped"}),
        ("flex", {}, {"tier": "dropped"}),
    ],
)
def test_tiers(tier: str, fields: Any, loss: Any) -> None:
    body = written(parameters=Parameters(tier=tier)).body
    assert {name: body[name] for name in ("service_tier", "speed") if name in body} == fields
    assert lost(parameters=Parameters(tier=tier)) == loss


def test_fast_where_the_model_is() -> None:
    sent = written(can=Capabilities(fast=True), parameters=Parameters(tier="fast"))
    assert sent.body["speed"] == "fast"
    assert sent.headers.endswith(b"anthropic-beta: fast-mode-2026-02-01\r\n")


def test_fields_that_anthropic_knows_go_on() -> None:
    others: Any = {"context_management": {"edits": []}, "prompt_cache_options": {"mode": "implicit"}}
    body = written(others=others).body
    assert body["context_management"] == {"edits": []}
    assert body["cache_control"] == {"type": "ephemeral"}
    assert lost(others={"prompt_cache_options": {"mode": "explicit"}}) == {"prompt_cache_options": "dropped"}


def _marks(sent: Any) -> list[tuple[str, str]]:
    found = []
    for place in ("tools", "system"):
        found += [(block.get("text") or block["name"], block) for block in sent.body.get(place) or ()]
    for message in messages(sent):
        found += [(block.get("text") or block["type"], block) for block in message["content"]]
    return [
        (name, block["cache_control"].get("ttl", "5m")) for name, block in found if "cache_control" in block
    ]


def test_the_last_four_marks_stay() -> None:
    marked: Any = {"tools": (Tool("t", schema=TOOL.schema, cache="long"),), "system": (Text("s", "long"),)}
    turns = (
        user(Text("a", "short")),
        assistant(Text("b", "short")),
        user(Text("c", "long"), Text("d", "short")),
    )
    assert _marks(written(*turns, **marked)) == [("a", "5m"), ("b", "5m"), ("c", "5m"), ("d", "5m")]
    losses = lost(*turns, names={"cache": "cache_control"}, **marked)
    assert losses == {"cache_control": "clamped"}  # and two were dropped
    assert _marks(written(user(Text("a", "short")), **marked)) == [("t", "1h"), ("s", "1h"), ("a", "5m")]
    own = Parameters(auto_cache="short")
    assert len(_marks(written(*turns, **marked, parameters=own))) == 3
