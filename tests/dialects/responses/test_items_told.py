"""Each part of a Responses stream is told once, wherever its server says it: to who asked for a stream and to who
did not."""

from typing import Any

import pytest

from gateway.chat import Refusal, Text, Thinking, ToolCall
from gateway.dialects.json_text import read_object
from gateway.dialects.losses import Losses
from gateway.dialects.openai_stream import ResponsesStream
from gateway.dialects.responses.dialect import ResponsesOut
from gateway.dialects.translation import Sent
from gateway.dialects.whole_as_stream import events_of
from gateway.dialects.whole_of_stream import gathering
from gateway.errors import GatewayError
from tests.dialects.gathered import Gathered
from tests.gateway.provider_answers import frames_of

SENT = Sent("/responses", {}, streams=True)
_MAX = 1 << 20


def ended(*items: Any, **more: Any) -> Any:
    said = {"id": "resp_1", "status": "completed", "output": list(items), "usage": {"input_tokens": 1}}
    return {"type": "response.completed", "response": {**said, **more}}


def delta(kind: str, said: str, **place: Any) -> Any:
    return {"type": f"response.{kind}.delta", "delta": said, **place}


def done(kind: str, **fields: Any) -> Any:
    return {"type": f"response.{kind}.done", **fields}


def item(state: str, one: Any, index: int | None = None) -> Any:
    place = {} if index is None else {"output_index": index}
    return {"type": f"response.output_item.{state}", "item": one, **place}


def message(*parts: Any, **more: Any) -> Any:
    return {"type": "message", "role": "assistant", "content": list(parts), **more}


def text(said: str, *notes: Any) -> Any:
    return {"type": "output_text", "text": said, "annotations": list(notes)}


def call(id_: str, arguments: str = '{"x":1}', name: str = "f") -> Any:
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}


def thought(*summary: str, **more: Any) -> Any:
    parts = [{"type": "summary_text", "text": one} for one in summary]
    return {"type": "reasoning", "summary": parts, **more}


NOTE = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1}
NO = {"type": "refusal", "refusal": "no"}
AT_0, AT_1 = {"output_index": 0}, {"output_index": 1}
A_TO = {"output_index": 0, "content_index": 0}
C = ("c", '{"x":1}')
D = ("d", '{"x":1}')
#: (what is said, "" without any; refusals; thoughts; calls, sources, seals)
Row = tuple[str, str, str, list[tuple[str, str]], int, list[str]]


def said(
    text: str = "", *, no: str = "", thought: str = "", calls: Any = (), notes: int = 0, seals: Any = ()
) -> Row:
    return text, no, thought, list(calls), notes, list(seals)


STREAMS: dict[str, tuple[list[Any], Row]] = {
    "two parts, each when it is done": (
        [
            done("output_text", text="A", **A_TO),
            done("output_text", text="B", output_index=0, content_index=1),
        ],
        said("AB"),
    ),
    "a part in pieces, another when it is done": (
        [delta("output_text", "A", **A_TO), done("output_text", text="B", output_index=0, content_index=1)],
        said("AB"),
    ),
    "a part in pieces, another with its item": (
        [delta("output_text", "A", **A_TO), item("done", message(text("A"), text("B")), 0)],
        said("AB"),
    ),
    "a part in pieces, another with the end": (
        [delta("output_text", "A", **A_TO), ended(message(text("A"), text("B")))],
        said("AB"),
    ),
    "the same text twice": (
        [delta("output_text", "A", **A_TO), ended(message(text("A"), text("A")))],
        said("AA"),
    ),
    "a part that is numbered otherwise": (
        [delta("output_text", "A", output_index=0, content_index=3), ended(message(text("A")))],
        said("A"),
    ),
    "pieces that are parts of one": (
        [delta("output_text", one, output_index=0, content_index=n) for n, one in enumerate("ABC")]
        + [item("done", message(text("ABC")), 0)],
        said("ABC"),
    ),
    "the half in pieces, all when it is done": (
        [delta("output_text", "Ra", **A_TO), done("output_text", text="Rain.", **A_TO)],
        said("Rain."),
    ),
    "spaces that are cut off in the end": (
        [delta("output_text", "A ", **A_TO), ended(message(text("A")))],
        said("A "),
    ),
    "ids that are others in every event": (
        [
            item("added", message(id="m1"), 0),
            delta("output_text", "A", item_id="m2", **A_TO),
            delta("output_text", "B", item_id="m3", **A_TO),
            item("done", message(text("AB"), id="m4"), 0),
            ended(message(text("AB"), id="m5")),
        ],
        said("AB"),
    ),
    "two summaries, each when it is done": (
        [
            done("reasoning_summary_text", text="A", output_index=0, summary_index=0),
            done("reasoning_summary_text", text="B", output_index=0, summary_index=1),
        ],
        said(thought="A\n\nB"),
    ),
    "a summary, and what it was with the end": (
        [delta("reasoning_summary_text", "A", output_index=0, summary_index=0), ended(thought("A", "B"))],
        said(thought="A\n\nB"),
    ),
    "a thought that is a summary in the end": (
        [delta("reasoning_text", "A", **A_TO), item("done", thought("A"), 0)],
        said(thought="A"),
    ),
    "a text of no place, a call when it is done": (
        [delta("output_text", "A"), item("done", call("c"))],
        said("A", calls=[C]),
    ),
    "a text of no place, a call with the end": (
        [delta("output_text", "A"), ended(message(text("A")), call("c"))],
        said("A", calls=[C]),
    ),
    "a text of no place, only a call with the end": (
        [delta("output_text", "A"), ended(call("c"))],
        said("A", calls=[C]),
    ),
    "two calls of no place": (
        [item("done", call("c")), item("done", call("d")), ended(call("c"), call("d"))],
        said(calls=[C, D]),
    ),
    "two calls of no place, in pieces": (
        [
            item("added", call("c", "")),
            delta("function_call_arguments", '{"x":1}'),
            item("done", call("c")),
            item("added", call("d", "")),
            delta("function_call_arguments", '{"x":1}'),
            item("done", call("d")),
        ],
        said(calls=[C, D]),
    ),
    "two calls of one place": (
        [item("done", call("c"), 0), item("done", call("d"), 0), ended(call("c"), call("d"))],
        said(calls=[C, D]),
    ),
    "two calls of one id": (
        [item("done", call("c"), 0), item("done", call("c", "{}", "g"), 1)],
        said(calls=[C, ("c", "{}")]),
    ),
    "two calls of one id, with the end": ([ended(call("c"), call("c", "{}"))], said(calls=[C, ("c", "{}")])),
    "a call after a thought that the end leaves out": (
        [
            item("done", thought("A", id="r"), 0),
            item("added", {**call("c", ""), "id": "fc"}, 1),
            delta("function_call_arguments", '{"x":1}', item_id="fc", **AT_1),
            ended({**call("c"), "id": "fc"}),
        ],
        said(thought="A", calls=[C]),
    ),
    "a call with another id in the end": (
        [item("done", call("c"), 0), ended(call("q"))],
        said(calls=[C]),
    ),
    "a call that is opened with all of it": ([item("added", call("c"), 0)], said(calls=[C])),
    "a call that is opened with a mark in its place": (
        [item("added", call("c", "{}"), 0), delta("function_call_arguments", '{"x":1}', **AT_0)],
        said(calls=[C]),
    ),
    "half of the arguments, all when they are done": (
        [
            item("added", call("c", ""), 0),
            delta("function_call_arguments", '{"x"', **AT_0),
            done("function_call_arguments", arguments='{"x":1}', **AT_0),
            item("done", call("c"), 0),
        ],
        said(calls=[C]),
    ),
    "half of the arguments, all with the item": (
        [
            item("added", call("c", ""), 0),
            delta("function_call_arguments", '{"x"', **AT_0),
            item("done", call("c"), 0),
        ],
        said(calls=[C]),
    ),
    "arguments that are spaced otherwise": (
        [
            item("added", call("c", ""), 0),
            delta("function_call_arguments", '{"x":1}', **AT_0),
            item("done", call("c", '{"x": 1 }'), 0),
        ],
        said(calls=[C]),
    ),
    "sources with the item": (
        [delta("output_text", "A", **A_TO), item("done", message(text("A", NOTE)), 0)],
        said("A", notes=1),
    ),
    "sources that were told": (
        [
            delta("output_text", "A", **A_TO),
            {"type": "response.output_text.annotation.added", "annotation": NOTE, **A_TO},
            ended(message(text("A", NOTE, NOTE))),
        ],
        said("A", notes=2),
    ),
    "a refusal with the end": (
        [delta("output_text", "A", **A_TO), ended(message(text("A"), NO))],
        said("A", no="no"),
    ),
    "a seal with the end": (
        [
            delta("reasoning_summary_text", "A", **AT_0),
            item("done", thought("A", id="r"), 0),
            ended(thought("A", id="r", encrypted_content="sealed")),
        ],
        said(thought="A", seals=["sealed"]),
    ),
    "a seal with the item": (
        [
            delta("reasoning_summary_text", "A", **AT_0),
            item("done", thought("A", encrypted_content="sealed"), 0),
            ended(thought("A", encrypted_content="sealed")),
        ],
        said(thought="A", seals=["sealed"]),
    ),
}


def _whole(events: list[Any]) -> list[Any]:
    return events if events[-1]["type"] == "response.completed" else [*events, ended()]


def _blocks(gathered: Gathered) -> Row:
    (answer,) = gathered.reply().answers
    assert answer.stop == (
        "tool_calls" if any(isinstance(one, ToolCall) for one in answer.blocks) else "stop"
    )
    texts, refusals, thoughts = (
        "".join(one.text for one in answer.blocks if isinstance(one, kind))
        for kind in (Text, Refusal, Thinking)
    )
    calls = [(one.id, one.arguments) for one in answer.blocks if isinstance(one, ToolCall)]
    notes = sum(len(one.citations) for one in answer.blocks if isinstance(one, Text))
    marks = [one.signature for one in answer.blocks if isinstance(one, Thinking)]
    return texts, refusals, thoughts, calls, notes, [one.data for one in marks if one is not None]


def _streamed(events: list[Any]) -> Gathered:
    reader, gathered = ResponsesOut().stream(SENT, _MAX), Gathered()
    for event in (*reader.read(b"".join(frames_of("", events)[1])), *reader.finish()):
        gathered.take(event)
    return gathered


def _unasked(events: list[Any]) -> Gathered:
    into, gathered = gathering("responses", Losses(), lines=False, frame_max=_MAX), Gathered()
    assert into is not None
    into.read(b"".join(frames_of("", events)[1]))
    body = read_object(into.whole())
    assert body is not None
    for event in events_of(ResponsesOut().reply(body, SENT)):
        gathered.take(event)
    return gathered


@pytest.mark.parametrize("name", STREAMS)
def test_all_of_it_is_told_once(name: str) -> None:
    events, expected = STREAMS[name]
    assert _blocks(_streamed(_whole(events))) == expected


#: Who did not ask for a stream gets it as the end has it.
_OTHER_IN_THE_END = {
    "spaces that are cut off in the end": said("A"),
    "a call with another id in the end": said(calls=[("q", '{"x":1}')]),
    "arguments that are spaced otherwise": said(calls=[("c", '{"x": 1 }')]),
}


@pytest.mark.parametrize("name", STREAMS)
def test_and_gathered_once(name: str) -> None:
    events, expected = STREAMS[name]
    assert _blocks(_unasked(_whole(events))) == _OTHER_IN_THE_END.get(name, expected)


@pytest.mark.parametrize("read", [_streamed, _unasked])
def test_arguments_that_are_others_in_the_end_are_no_call(read: Any) -> None:
    told = [item("added", call("c", ""), 0), delta("function_call_arguments", '{"y"', **AT_0)]
    with pytest.raises(GatewayError) as caught:
        read([*told, done("function_call_arguments", arguments='{"x":1}', **AT_0), ended()])
    assert caught.value.condition.code == "upstream_invalid_response"


def test_a_text_that_is_another_in_the_end_is_named() -> None:
    read = _streamed([delta("output_text", "A", **A_TO), ended(message(text("B")))])
    assert (_blocks(read)[0], read.reply().unread) == ("A", ("message",))


@pytest.mark.parametrize("read", [_streamed, _unasked])
@pytest.mark.parametrize("status", [None, "completed", "incomplete"])
def test_that_it_is_incomplete_is_told_by_the_event(read: Any, status: str | None) -> None:
    last = {**ended(message(text("A")), status=status), "type": "response.incomplete"}
    (answer,) = read([last]).reply().answers
    assert answer.stop == "length"


@pytest.mark.parametrize("read", [_streamed, _unasked])
def test_that_it_failed_is_told_by_its_status(read: Any) -> None:
    failed = ended(status="failed", error={"code": "server_error", "message": "broke"})
    with pytest.raises(GatewayError, match="broke"):
        read([delta("output_text", "A", **A_TO), failed])


def test_items_of_other_kinds_are_gathered_in_their_places() -> None:
    into = gathering("responses", Losses(), lines=False, frame_max=_MAX)
    assert into is not None
    search = {"type": "web_search_call", "id": "ws"}
    told = [item("done", thought("A", id="r")), item("done", search), item("done", message(text("A")))]
    into.read(b"".join(frames_of("", [*told, ended()])[1]))
    body: Any = read_object(into.whole())
    assert [one["type"] for one in body["output"]] == ["reasoning", "web_search_call", "message"]


@pytest.mark.parametrize("status", ["in_progress", "queued", "cancelled"])
def test_a_response_that_is_not_finished_is_no_stream_that_completes(status: str) -> None:
    with pytest.raises(GatewayError, match=status):
        ResponsesStream().frames_of({"output": [message(text("A"))], "status": status})
