"""Streams of Gemini's, as recorded, read as neutral events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import ChatRequest, Citation, Logprob, Media, Signature, Tool
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Cited,
    Counted,
    Event,
    MediaPiece,
    Over,
    Stopped,
    TextPiece,
    TextSigned,
    ThinkingPiece,
    ThinkingSigned,
    Unread,
)
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError, ReportedError
from gateway.exchange import Kinds, Usage
from tests.dialects.conversations import PNG
from tests.dialects.gemini.asked import HELLO, MAX, OUT, SENT
from tests.dialects.gemini.recorded import NAMES, recorded


def events(data: bytes, pieces: list[bytes] | None = None, sent: Sent = SENT) -> tuple[list[Event], str]:
    """The events, and how the stream failed: the code, with the error that it brought."""
    reader = OUT.stream(sent, MAX)
    found: list[Event] = []
    try:
        for piece in pieces or [data]:
            found += reader.read(piece)
        found += reader.finish()
    except ReportedError as error:
        return found, json.loads(error.event)["error"]["status"]
    except GatewayError as error:
        return found, error.condition.name
    return found, ""


def frame(*parts: Any, finish: str = "", **more: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, **more}
    if finish:
        candidate["finishReason"] = finish
    return b"data: " + json.dumps({"candidates": [candidate], "responseId": "r"}).encode() + b"\n\n"


def said(*frames: bytes, sent: Sent = SENT) -> list[Event]:
    """Without what every stream begins and ends with."""
    found, failure = events(b"".join(frames), sent=sent)
    assert not failure
    return found[1:-1]


def test_text() -> None:
    assert events(recorded("gemini_text")) == (
        [
            Begun("mMgfaZ2PHo-Gqtsp5tOo0A4", "gemini-2.5-flash"),
            TextPiece("The lighthouse"),
            TextPiece(" of Zürich — “greets”"),
            TextPiece(" you.\n\nAlways. \u2028"),
            Stopped("stop"),
            Counted(Usage(9, 35, reasoning=21, source="provider")),
            Over(),
        ],
        "",
    )


def test_thoughts_signatures_and_parallel_calls() -> None:
    assert events(recorded("gemini_thoughts_and_calls"))[0][1:-2] == [
        ThinkingPiece("**Considering the weather**\n\nTwo places, two calls."),
        TextPiece("Let me look."),
        CallBegun(0, "k3x9a1b2", "get_weather", signature=Signature("gemini", "EtgBCtUBAXLI2nz+sig/1w==")),
        CallPiece(0, '{"place":"Zürich","days":2}'),
        CallEnded(0),
        CallBegun(1, "k3x9a1b3", "get_weather"),
        CallPiece(1, '{"place":"Bern"}'),
        CallEnded(1),
        Stopped("tool_calls"),
    ]


def test_calls_without_ids_get_some_of_their_own() -> None:
    found, _ = events(recorded("gemini_calls_without_ids"))
    begun = [one for one in found if isinstance(one, CallBegun)]
    assert [one.name for one in begun] == ["get_weather", "now"]
    assert [one.id for one in begun] == [f"call_mMgfaZ2PHo-Gqtsp5tOo0A4_{number}" for number in (0, 1)]
    assert CallPiece(1, "{}") in found


def test_calls_without_any_id_differ_from_those_of_other_replies() -> None:
    ids = set()
    for place in ("Bern", "Zürich"):
        call = {"functionCall": {"name": "f", "args": {"place": place}}}
        body = {"candidates": [{"content": {"parts": [call]}, "finishReason": "STOP"}]}
        found, _ = events(b"data: " + json.dumps(body).encode())
        ids |= {one.id for one in found if isinstance(one, CallBegun)}
    assert len(ids) == 2


def test_gem_max_tokens_thinking() -> None:
    assert events(recorded("gemini_max_tokens_thinking"))[0][1:] == [
        Stopped("length"), Counted(Usage(12, 60, reasoning=60, source="provider")), Over(),
    ]  # fmt: skip


def test_gem_blocked_prompt() -> None:
    found, _ = events(recorded("gemini_blocked_prompt"))
    assert found[1] == Stopped("content_filter", explanation="Blocked by provider: PROHIBITED_CONTENT")
    assert found[2:] == [Counted(Usage(14, source="provider")), Over()]


def test_an_answer_that_is_held_back_keeps_what_was_said() -> None:
    assert events(recorded("gemini_safety"))[0][1:3] == [TextPiece("First, take"), Stopped("content_filter")]


def test_sources() -> None:
    assert events(recorded("gemini_citations"))[0][3] == Cited(Citation("https://example.com/hamlet"))


def test_images() -> None:
    found, _ = events(recorded("gemini_image"))
    assert found[2] == MediaPiece(Media("image", "", "image/png", PNG))
    assert found[-2] == Counted(Usage(8, 1294, source="provider", kinds=Kinds(image_out=1290)))


@pytest.mark.parametrize("name", ["gemini_error_in_frame", "gemini_error_bare"])
def test_errors_come_after_what_was_said(name: str) -> None:
    assert events(recorded(name)) == (
        [Begun("mMgfaZ2PHo-Gqtsp5tOo0A4", "gemini-2.5-flash"), TextPiece("The light")], "UNAVAILABLE",
    )  # fmt: skip


def test_errors_may_come_as_a_list_of_one() -> None:
    bare = recorded("gemini_error_bare").rpartition(b"\r\n\r\n")[2]
    assert events(b"[" + bare.strip() + b"\n]\n") == ([], "UNAVAILABLE")


def test_a_model_that_failed_is_no_answer() -> None:
    assert events(recorded("gemini_malformed_call"))[1] == "upstream_invalid_response"
    kept = said(frame({"text": "a"}), frame(finish="OTHER"))
    assert kept == [TextPiece("a"), Unread(("finishReason",)), Stopped("stop")]


def test_a_stream_without_a_finish_is_not_complete() -> None:
    found, failure = events(recorded("gemini_cut_off"))
    assert (len(found), failure) == (3, "upstream_incomplete")
    assert events(b"")[1] == "upstream_incomplete"


def test_what_is_no_stream() -> None:
    assert events(b"data: 5\n\n")[1] == "upstream_invalid_response"
    assert events(b"data: {broken\n\n")[1] == "upstream_invalid_response"
    assert events(frame({"text": "a"}) + b"data: {broken\n\n") == (
        [Begun("r"), TextPiece("a")], "upstream_invalid_response",
    )  # fmt: skip
    assert events(b"data: " + b"x" * (MAX + 1))[1] == "upstream_invalid_response"


def test_signatures_of_texts_and_thoughts() -> None:
    assert said(
        frame({"text": "a", "thought": True, "thoughtSignature": "s1"}),
        frame({"text": "b"}),
        frame({"text": "", "thoughtSignature": "s2"}, finish="STOP"),
    ) == [
        ThinkingPiece("a"), ThinkingSigned(Signature("gemini", "s1")), TextPiece("b"),
        TextSigned(Signature("gemini", "s2")), Stopped("stop"),
    ]  # fmt: skip


def test_several_candidates() -> None:
    first = {"content": {"parts": [{"text": "a"}]}}
    call = {"functionCall": {"name": "f"}}
    second = {"content": {"parts": [call]}, "index": 1, "finishReason": "STOP"}
    both = {"candidates": [first, second]}
    found = said(b"data: " + json.dumps(both).encode() + b"\n\n", frame(finish="MAX_TOKENS"))
    assert found[0] == TextPiece("a")
    assert {one.choice for one in found[1:4]} == {1}  # type: ignore[union-attr]
    assert found[4:] == [Stopped("tool_calls", choice=1), Stopped("length")]


def test_log_probabilities_go_with_the_text() -> None:
    result = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -1}]}],
    }
    found = said(frame({"text": "x", "thought": True}, {"text": "a"}, finish="STOP", logprobsResult=result))
    assert found[1] == TextPiece("a", 0, (Logprob("a", -0.5, (Logprob("b", -1.0),)),))


def test_names_are_restored_and_plain_text_tools_get_their_text() -> None:
    request = ChatRequest(HELLO.turns, tools=(Tool("0 odd", custom=True),))
    sent = Sent("", {}, names={"_0_odd": "0 odd"}, request=request)
    call = {"functionCall": {"name": "_0_odd", "args": {"input": "do it"}, "id": "x"}}
    assert said(frame(call, finish="STOP"), sent=sent)[:2] == [
        CallBegun(0, "x", "0 odd", True), CallPiece(0, "do it"),
    ]  # fmt: skip


@given(st.sampled_from(NAMES), st.data())
def test_slicing_changes_nothing(name: str, data: st.DataObject) -> None:
    whole = recorded(name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert events(whole, pieces) == events(whole)


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_at_a_time(name: str) -> None:
    whole = recorded(name)
    assert events(whole, [bytes([byte]) for byte in whole]) == events(whole)


def test_code_that_ran_stands_on_lines_of_its_own_and_is_told() -> None:
    ran = {"executableCode": {"language": "PYTHON", "code": "1+1"}}
    found = said(frame({"text": "So:"}, ran), frame({"text": "That."}, finish="STOP"))
    assert found == [
        TextPiece("So:"),
        Unread(("executableCode",)),
        TextPiece("\n```python\n1+1\n```\n"),
        TextPiece("That."),
        Stopped("stop"),
    ]
