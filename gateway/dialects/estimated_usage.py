"""What a caller is told that a reply used where its provider does not tell: the gateway's own count.

The input is what was estimated of the request, the output a token for every four letters (wire reference §3.3). The
books have a finer count of their own.
"""

from collections.abc import Callable

from gateway.chat import ChatReply
from gateway.chat_events import CallPiece, Event, RefusalPiece, TextPiece, ThinkingPiece
from gateway.dialects.whole_as_stream import events_of
from gateway.exchange import Usage
from gateway.record import replace

_LETTERS = 4  # of a token


def estimated_usage(input_tokens: int, letters: int) -> Usage:
    return Usage(input_tokens, -(-letters // _LETTERS), source="estimated")


def letters_of(event: Event) -> int:
    """How much of an answer an event says."""
    if isinstance(event, TextPiece | ThinkingPiece | RefusalPiece):
        return len(event.text)
    return len(event.arguments) if isinstance(event, CallPiece) else 0


def with_usage(reply: ChatReply, input_tokens: Callable[[], int]) -> ChatReply:
    """The same reply where its provider told what it used."""
    if reply.usage.source != "none":
        return reply
    letters = sum(letters_of(event) for event in events_of(reply))
    return replace(reply, usage=estimated_usage(input_tokens(), letters))
