"""Anthropic's own SDK as the judge of what is written for its callers."""

from collections.abc import Iterator

import orjson
from anthropic._streaming import SSEDecoder
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.parsed_message import ParsedMessage
from pydantic import TypeAdapter

_EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def whole(reply: object) -> Message:
    """A reply as the SDK has it; raises where it has a field of another type."""
    return Message.model_validate(reply, strict=True)


def stream_events(data: bytes) -> Iterator[RawMessageStreamEvent]:
    """The events that reach a program; raises for one that the SDK does not know."""
    for event in SSEDecoder().iter_bytes(iter((data,))):
        if event.event == "ping":
            continue
        assert event.event is not None, "the SDK would pass over it"
        assert event.event == orjson.loads(event.data)["type"]
        yield _EVENT.validate_python(orjson.loads(event.data), strict=True)


def accumulated(data: bytes) -> Message:
    """The message that the SDK has at the end of a stream."""
    snapshot: ParsedMessage[None] | None = None
    buffers: dict[int, bytes] = {}
    last = ""
    for event in stream_events(data):
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
        last = event.type
    assert last == "message_stop"
    assert snapshot is not None
    return snapshot
