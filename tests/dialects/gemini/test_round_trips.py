"""What is written in Gemini's words means the same when it is read again, whole, streamed and cut anywhere."""

from typing import Any

from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import (
    Answer,
    ChatReply,
    ChatRequest,
    Format,
    Media,
    Parameters,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Asked
from gateway.dialects.whole_as_stream import events_of
from gateway.record import replace
from tests.dialects.conversations import answered, later, replies, requests, spoken
from tests.dialects.gathered import Gathered
from tests.dialects.gemini.asked import IN, MAX, NEW, OUT, SENT
from tests.dialects.gemini.sdk import asked_for

CAN = replace(NEW, fetches_urls=True)
SIGNATURES = st.none() | st.uuids().map(lambda one: Signature("gemini", one.hex))
SHOWN = Parameters(shows_thinking=True)
#: What Gemini has no field for.
_LOST = {"end_user": None, "tool_choice": None}


def again(request: ChatRequest) -> ChatRequest:
    """Written for Gemini, and read as if a caller had sent it."""
    sent = OUT.request(request, "m", CAN, Losses())
    return IN.request(sent.body, Losses())


@given(requests(SIGNATURES))
def test_requests(request: ChatRequest) -> None:
    read = again(request)
    assert spoken(without_stand_ins(read)) == [(role, named(block)) for role, block in spoken(request)]
    parameters = request.parameters
    if request.tools:
        assert read.tools and read.parameters.tool_choice == parameters.tool_choice
    assert replace(read.parameters, **_LOST) == replace(parameters, **_LOST)
    assert [(one.name, one.description, one.schema) for one in read.tools] == [
        (one.name, one.description, one.schema) for one in request.tools
    ]


@given(requests(SIGNATURES))
def test_twice_is_once(request: ChatRequest) -> None:
    once = OUT.request(request, "m", CAN, Losses())
    twice = OUT.request(IN.request(once.body, Losses()), "m", CAN, Losses())
    assert twice.body == once.body


def without_stand_ins(request: ChatRequest) -> ChatRequest:
    """Signatures that nobody gave are not among those that come back."""

    def own(block: Any) -> Any:
        signature = getattr(block, "signature", None)
        return replace(block, signature=None) if signature is not None and "=" in signature.data else block

    turns = tuple(replace(turn, blocks=tuple(map(own, turn.blocks))) for turn in request.turns)
    return replace(request, turns=turns)


def named(block: Any) -> Any:
    """Names of files are not told, and what kind they are always is."""
    if isinstance(block, Media):
        return replace(block, name="", media_type=block.media_type or "image/png")
    return block


def _refused(answer: Answer) -> Answer:
    """To Gemini's callers a refusal is a text, and sources come without their places."""
    blocks = tuple(Text(one.text) if isinstance(one, Refusal) else one for one in answer.blocks)
    return replace(
        answer,
        blocks=tuple(
            replace(one, citations=tuple(replace(source, start=0, end=0) for source in one.citations))
            if isinstance(one, Text)
            else one
            for one in blocks
        ),
    )


def expected(reply: ChatReply) -> Any:
    return answered(replace(reply, answers=tuple(map(_refused, reply.answers))))


def uncounted(reply: ChatReply) -> Any:
    """What was written to the cache Gemini does not report."""
    return replace(reply.usage, cache_write=0)


ASKED = Asked(ChatRequest((), parameters=SHOWN), "m", "id1", 1, later)


@given(replies(SIGNATURES, choices_max=3))
def test_replies(reply: ChatReply) -> None:
    read = OUT.reply(IN.reply(reply, ASKED), SENT)
    assert answered(read) == expected(reply)
    assert (read.usage, read.id, read.model) == (uncounted(reply), "id1", "m")


@given(replies(SIGNATURES, choices_max=3), st.data())
def test_streams_however_they_are_cut(reply: ChatReply, data: st.DataObject) -> None:
    frames = IN.stream(ASKED).write(events_of(reply))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(frames)), max_size=20)))
    reader, gathered = OUT.stream(SENT, MAX), Gathered()
    for start, end in zip([0, *cuts], [*cuts, len(frames)], strict=True):
        for event in reader.read(frames[start:end]):
            gathered.take(event)
    for event in reader.finish():
        gathered.take(event)
    read = gathered.reply()
    assert gathered.over
    assert answered(read) == expected(reply)
    assert (read.usage, read.id, read.model) == (uncounted(reply), "id1", "m")


@given(replies(SIGNATURES, choices_max=2))
def test_frames_do_not_depend_on_how_events_came(reply: ChatReply) -> None:
    writer = IN.stream(ASKED)
    apart = b"".join(writer.write([event]) for event in events_of(reply))
    assert apart == IN.stream(ASKED).write(events_of(reply))


FUNCTION = types.FunctionDeclaration(
    name="f",
    parameters=types.Schema(type=types.Type.OBJECT, properties={"a": types.Schema(type=types.Type.INTEGER)}),
)
CALL = types.FunctionCall(id="c1", name="f", args={"a": 1})
CONTENTS = [
    "hi",
    types.Part.from_bytes(data=b"\xff\xd8\xff\xfb", mime_type="image/jpeg"),
    types.Content(role="model", parts=[types.Part(text="hm", thought=True), types.Part(text="hello")]),
    types.Content(role="model", parts=[types.Part(function_call=CALL, thought_signature=b"\xfb\xff")]),
    types.Content(role="user", parts=[types.Part.from_function_response(name="f", response={"result": "x"})]),
]
ANSWERED_AS = types.Schema(type=types.Type.OBJECT, properties={"a_b": types.Schema(type=types.Type.STRING)})
MODE = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
CONFIG = types.GenerateContentConfig(
    system_instruction="be brief",
    temperature=0.5,
    max_output_tokens=9,
    stop_sequences=["END"],
    thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW, include_thoughts=True),
    response_mime_type="application/json",
    response_schema=ANSWERED_AS,
    tools=[types.Tool(function_declarations=[FUNCTION])],
    tool_config=types.ToolConfig(function_calling_config=MODE),
    media_resolution=types.MediaResolution.MEDIA_RESOLUTION_LOW,
)


def test_what_the_sdk_sends_is_read() -> None:
    losses = Losses()
    request = IN.request(asked_for(contents=CONTENTS, config=CONFIG), losses)
    assert (losses.names, request.others) == ((), {})
    assert request.parameters == Parameters(
        max_output=9,
        temperature=0.5,
        stop=("END",),
        effort="low",
        shows_thinking=True,
        tool_choice=ToolChoice("required"),
        format=Format("schema", {"type": "object", "properties": {"a_b": {"type": "string"}}}, "output"),
    )
    assert request.system == (Text("be brief"),)
    (tool,) = request.tools
    assert tool.schema == {"type": "object", "properties": {"a": {"type": "integer"}}}
    said: list[Any] = [block for turn in request.turns for block in turn.blocks]
    assert [type(block) for block in said] == [Text, Media, Thinking, Text, ToolCall, ToolResult]
    assert (said[1].data, said[1].detail) == ("/9j/+w==", "low")
    assert said[4].signature == Signature("gemini", "-_8=")
    assert said[5].id == "c1"
