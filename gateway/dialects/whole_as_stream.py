"""A whole reply as the events of a stream: for upstreams that would not stream where the caller does.

The reverse is `whole_of_stream`.
"""

from collections.abc import Iterator

from gateway.chat import Block, ChatReply, Logprob, Media, Refusal, Text, Thinking, ToolCall
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
    RefusalPiece,
    Stopped,
    TextPiece,
    TextSigned,
    ThinkingPiece,
    ThinkingSigned,
)


def events_of(reply: ChatReply) -> Iterator[Event]:
    """What a stream of the same reply would have said."""
    yield Begun(reply.id, reply.model, reply.created)
    for choice, answer in enumerate(reply.answers):
        logprobs, calls = answer.logprobs, 0
        for block in answer.blocks:
            yield from said(block, choice, calls, logprobs)
            if isinstance(block, Text) and block.text:
                logprobs = ()  # they are of all texts together, and go with the first
            calls += isinstance(block, ToolCall)
        yield Stopped(answer.stop, answer.matched, answer.explanation, choice)
    yield Counted(reply.usage, reply.tier)
    yield Over()


def said(block: Block, choice: int, number: int, logprobs: tuple[Logprob, ...]) -> Iterator[Event]:
    """What a stream says of a block; `number` is that of a call, `logprobs` those of a text."""
    match block:
        case Text():
            if block.text:
                yield TextPiece(block.text, choice, logprobs)
            for citation in block.citations:
                yield Cited(citation, choice)
            if block.signature is not None:
                yield TextSigned(block.signature, choice)
        case Refusal():
            yield RefusalPiece(block.text, choice)
        case Thinking():
            if block.text:
                yield ThinkingPiece(block.text, choice)
            if block.signature is not None:
                yield ThinkingSigned(block.signature, choice)
        case ToolCall():
            yield CallBegun(number, block.id, block.name, block.custom, block.signature, choice)
            if block.arguments:
                yield CallPiece(number, block.arguments, choice)
            yield CallEnded(number, choice)
        case Media():
            yield MediaPiece(block, choice)
