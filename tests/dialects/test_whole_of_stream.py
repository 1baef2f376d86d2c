"""A provider's stream as the whole reply that it should have been."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.chat import Block, ChatReply, Text, ToolCall
from gateway.chat_events import Cited
from gateway.dialects.json_text import json_text, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.table import outbound
from gateway.dialects.translation import Sent
from gateway.dialects.whole_as_stream import events_of
from gateway.dialects.whole_of_stream import gathering
from gateway.errors import GatewayError, ReportedError
from gateway.record import replace
from tests.dialects.gathered import Gathered
from tests.gateway.provider_answers import (
    chat_stream,
    frames_of,
    gemini_stream,
    messages_stream,
    responses_stream,
)

FRAMES = Path(__file__).parent / "frames"
FRAME_MAX = 1024 * 1024
SENT = Sent("", {})
_APIS = {
    "chat": ("openai", "chat"),
    "gemini": ("gemini", "generate_content"),
    "messages": ("anthropic", "messages"),
    "ollama": ("ollama", "chat"),
    "responses": ("openai", "responses"),
}


def whole_of(kind: str, data: bytes, piece: int = 1 << 20, losses: Losses | None = None) -> dict[str, Any]:
    into = gathering(_APIS[kind][1], losses or Losses(), lines=kind == "ollama", frame_max=FRAME_MAX)
    assert into is not None
    for start in range(0, len(data), piece):
        if not into.is_over:
            into.read(data[start : start + piece])
    if not into.is_over:
        into.read(b"")
    found = read_object(into.whole())
    assert found is not None
    return found


def plain(reply: ChatReply) -> ChatReply:
    """With one block for texts that follow each other, as a stream says them; arguments without spaces; and sources
    left out, which streams say before or behind their texts."""
    gathered = Gathered()
    for event in events_of(reply):
        if not isinstance(event, Cited):
            gathered.take(event)
    answers = tuple(
        replace(answer, blocks=tuple(_compact(block) for block in answer.blocks))
        for answer in gathered.reply().answers
    )
    return replace(gathered.reply(), answers=answers, unread=())


def _compact(block: Block) -> Block:
    if not isinstance(block, ToolCall):
        return block
    return replace(block, arguments=json_text(json.loads(block.arguments or "{}")))


@pytest.mark.parametrize("name", sorted(path.name for path in FRAMES.glob("*.*json")) + sorted(
    path.name for path in FRAMES.glob("*.sse")
))  # fmt: skip
def test_it_says_what_the_stream_says(name: str) -> None:
    """Recorded ones, however they are cut; and those that fail come to nothing."""
    data, kind = (FRAMES / name).read_bytes(), name.split("_")[0]
    spoken = outbound(*_APIS[kind], "")
    reader, gathered = spoken.stream(SENT, FRAME_MAX), Gathered()
    try:
        for event in reader.read(data) + reader.finish():
            gathered.take(event)
        expected = gathered.reply()
    except GatewayError:
        with pytest.raises(GatewayError):
            spoken.reply(whole_of(kind, data), SENT)
        return
    for piece in (7, 1 << 20):
        reply = spoken.reply(whole_of(kind, data, piece), SENT)
        assert plain(reply) == plain(expected)


def sse(*events: Any) -> bytes:
    return b"".join(frames_of("", list(events))[1])


def test_each_dialect_has_all_of_a_text_and_a_call() -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    item = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}
    streams = {
        "chat": [*chat_stream("tool_calls", {"tool_calls": [call]})],
        "messages": messages_stream("tool_use", use),
        "gemini": gemini_stream("STOP", {"functionCall": {"name": "f", "args": {}}}),
        "responses": responses_stream("completed", None, item),
    }
    for kind, events in streams.items():
        reply = outbound(*_APIS[kind], "").reply(whole_of(kind, sse(*events)), SENT)
        blocks = reply.answers[0].blocks
        assert {type(block) for block in blocks} == {Text, ToolCall}
        assert "".join(one.text for one in blocks if isinstance(one, Text)).startswith("Rain.")
        assert reply.answers[0].stop == "tool_calls"
        assert reply.usage.source == "provider"


def test_a_completion_of_texts() -> None:
    def chunk(index: int, text: str, finish: str | None = None) -> Any:
        logprobs = {"tokens": [text], "token_logprobs": [-0.5], "text_offset": [0]}
        choice = {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}
        return {"id": "cmpl", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}

    into = gathering("completions", Losses(), lines=False, frame_max=FRAME_MAX)
    assert into is not None
    into.read(sse(chunk(0, "a"), chunk(1, "x"), chunk(0, "b", "stop"), chunk(1, "y", "length")))
    into.read(b"data: [DONE]\n\n")
    whole = json.loads(into.whole())
    assert [(one["text"], one["finish_reason"]) for one in whole["choices"]] == [
        ("ab", "stop"),
        ("xy", "length"),
    ]
    assert whole["choices"][0]["logprobs"]["tokens"] == ["a", "b"]
    assert (whole["id"], whole["object"]) == ("cmpl", "text_completion")


def test_what_a_chat_stream_says_beside_texts_is_kept() -> None:
    deltas: list[Any] = [
        {"role": "assistant", "reasoning": "th", "audio": {"id": "a", "data": "QQ==", "transcript": "o"}},
        {"reasoning": "ink", "audio": {"id": "a", "data": "Qg==", "transcript": "k"}},
        {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "a"}], "odd": 1},
        {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "b"}], "odd": 2},
        {"function_call": {"name": "f", "arguments": '{"a"'}},
        {"function_call": {"arguments": ":1}"}},
    ]
    (choice,) = whole_of("chat", sse(*chat_stream("stop", *deltas)))["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "Rain.",
        "reasoning": "think",
        "audio": {"id": "a", "data": "QUI=", "transcript": "ok"},
        "reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "ab"}],
        "odd": 2,
        "function_call": {"name": "f", "arguments": '{"a":1}'},
    }


HALF = {"type": "input_json_delta", "partial_json": '{"a": "b'}


def half_of_a_call(stop: str) -> list[Any]:
    events = messages_stream(stop, {"type": "tool_use", "id": "t", "name": "f", "input": {}})
    events.insert(-3, {"type": "content_block_delta", "index": 1, "delta": HALF})
    return events


def test_arguments_that_were_cut_off_are_kept_as_they_are_and_named() -> None:
    losses = Losses()
    whole = whole_of("messages", sse(*half_of_a_call("max_tokens")), losses=losses)
    assert whole["content"][1]["input"] == {"_raw": '{"a": "b'}
    assert losses.names == (("unread", "_raw"),)


def test_a_block_that_begins_where_one_is_open_is_another() -> None:
    use: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    whole = half_of_a_call("tool_use")
    piece = {**whole[-4], "delta": {**HALF, "partial_json": "{}"}}
    begun = {"type": "content_block_start", "index": 1, "content_block": {**use, "name": "g"}}
    said = whole_of("messages", sse(*whole[:-4], piece, begun, piece, *whole[-3:]))["content"]
    assert [(one["name"], one["input"]) for one in said[1:]] == [("f", {}), ("g", {})]


def test_what_gemini_says_beside_parts_is_kept_of_each_frame() -> None:
    def frame(name: str, **ended: str) -> Any:
        url, token = f"https://{name}.example", {"token": name, "logProbability": -0.5}
        stated = {
            "content": {"parts": [{"text": "Rain."}]},
            "citationMetadata": {"citations": [{"uri": url}]},
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": f"{url}/{page}"}} for page in "12"],
                "groundingSupports": [{"segment": {}, "groundingChunkIndices": [1]}],
            },
            "logprobsResult": {"chosenCandidates": [token]},
        }
        return {"candidates": [{**stated, **ended}]}

    data = sse(frame("a"), frame("b"), frame("c", finishReason="STOP"))
    reader = outbound("gemini", "generate_content", "").stream(SENT, FRAME_MAX)
    streamed = [event.citation.url for event in reader.read(data) if isinstance(event, Cited)]
    (answer,) = outbound("gemini", "generate_content", "").reply(whole_of("gemini", data), SENT).answers
    text = answer.blocks[-1]
    assert isinstance(text, Text)
    assert sorted(one.url for one in text.citations) == sorted(streamed)
    assert len(streamed) == 6
    assert [one.token for one in answer.logprobs] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("chat", b"data: [DONE]\n\n"),
        ("chat", sse(*chat_stream("stop")[:1])),
        ("chat", sse({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c"}]}}]})),
        ("messages", b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        ("messages", sse(*messages_stream("end_turn")[:-1])),
        ("messages", sse(*half_of_a_call("tool_use"))),
        ("messages", sse(*messages_stream("end_turn")[:1], {"type": "error", "error": {"message": "x"}})),
        ("responses", sse({"type": "response.completed"})),
        ("responses", sse({"type": "error", "message": "x"})),
        ("gemini", sse(gemini_stream("STOP")[0])),
        ("ollama", b'{"message":{"content":"a"},"done":false}\n'),
        ("ollama", b'{"error":"x"}\n'),
    ],
)
def test_what_breaks_or_says_an_error_comes_to_nothing(kind: str, data: bytes) -> None:
    with pytest.raises((GatewayError, ReportedError)):
        whole_of(kind, data)


def test_what_never_comes_in_pieces_is_not_gathered() -> None:
    assert gathering("embeddings", Losses(), lines=False, frame_max=FRAME_MAX) is None
    assert gathering("messages", Losses(), lines=True, frame_max=FRAME_MAX) is None
