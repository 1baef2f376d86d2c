"""Neutral events as Anthropic's stream (wire reference §2.2, Stream).

What always holds: at most one block is open; indices go up from 0 without a gap; a block is its start, its pieces
and its stop; what ends the message is said once, after the last block, with all that was used. So whatever is said
while a call is open that has not ended waits, in its order, until it has: calls whose pieces come interleaved are
written one after the other. A call ends when its reader says so, at the latest with the answer. An answer that
ended as if it were whole has whole calls: the caller's tool would run with what Anthropic's SDKs make of half of
one's arguments.
"""

from collections.abc import Iterable

from gateway.chat import Answer, JsonObject, Signature, Thinking
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
    ThinkingPiece,
    ThinkingSigned,
)
from gateway.dialects.json_text import read_json
from gateway.dialects.messages.frames import (
    ARGUMENTS,
    MESSAGE_STOP,
    PING,
    SIGNATURE,
    TEXT,
    THINKING,
    block_delta,
    block_start,
    block_stop,
    message_delta,
    message_start,
)
from gateway.dialects.messages.reply_out import call_block, call_id, message_id, stop_fields, text_block
from gateway.dialects.messages.stops import WHOLE
from gateway.dialects.messages.thoughts import is_sealed, sent_signature, thinking_block
from gateway.dialects.messages.usage_out import usage_object, usage_totals
from gateway.dialects.tool_arguments import INPUT, RAW, arguments_text
from gateway.dialects.translation import Asked
from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.exchange import NO_USAGE, Usage

_TEXT, _THOUGHT, _CALL = "text", "thinking", "tool_use"


class MessagesWriter:
    """Writes one stream, of the first choice."""

    __slots__ = (
        "_arguments", "_asked", "_call", "_index", "_is_plain", "_open", "_out", "_refusal", "_stopped",
        "_unfinished", "_usage", "_waiting",
    )  # fmt: skip
    whole = None

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._out: list[bytes] = []
        self._index = -1  # of the block that is or was open last
        self._open = ""  # its kind, where one is
        self._call = -1  # its call's number, where it is one
        self._is_plain = False  # whether its tool takes plain text
        self._arguments: list[str] = []  # what was said of it
        self._unfinished = False  # whether some call ended before its arguments did
        self._waiting: list[Event] = []
        self._refusal: list[str] = []
        self._stopped = Stopped("stop")
        self._usage: Usage = NO_USAGE

    def write(self, events: Iterable[Event]) -> bytes:
        """Raises GatewayError for an answer that the provider could not finish."""
        for event in events:
            self._take(event)
        written, self._out = b"".join(self._out), []
        return written

    def _take(self, event: Event) -> None:
        match event:
            case Begun():
                self._begin()
            case Counted():
                self._usage = event.usage
            case Over():
                self._end()
            case _ if event.choice:
                pass
            case Stopped():
                self._stopped = event
            case CallPiece() if event.number == self._call:
                self._say_arguments(event.arguments)
            case CallEnded() if event.number == self._call:
                self._close()
                self._say_waiting()
            case _ if self._call >= 0:
                self._waiting.append(event)
            case _:
                self._say(event)

    def _say(self, event: Event) -> None:
        """While no call is open. What is not listed has no place in an answer of Anthropic's."""
        match event:
            case TextPiece(text=text) if text:
                if self._open != _TEXT:
                    self._start(_TEXT, text_block(""))
                self._out.append(block_delta(self._index, TEXT, text))
            case ThinkingPiece(text=text) if text:
                if self._open != _THOUGHT:
                    self._start_thought()
                self._out.append(block_delta(self._index, THINKING, text))
            case ThinkingSigned():
                self._sign_thought(event.signature)
            case CallBegun():
                id_ = call_id(event.id, self._asked, self._index + 1)
                self._start(_CALL, call_block(id_, event.name, {}))
                self._call, self._is_plain, self._arguments = event.number, event.custom, []
            case RefusalPiece():
                self._refusal.append(event.text)
            case Cited():
                self._asked.losses.unread(("citations",))
            case MediaPiece():
                self._asked.losses.unread((event.media.kind,))
            case _:
                pass

    def _begin(self) -> None:
        message: JsonObject = {
            "id": message_id(self._asked),
            "type": "message",
            "role": "assistant",
            "model": self._asked.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": usage_object(Usage(self._asked.input_tokens()), ""),
            "container": None,
        }
        self._out += (message_start(message), PING)

    def _end(self) -> None:
        self._close()
        while self._waiting:
            self._say_waiting()
            self._close()
        stopped = self._stopped
        if self._unfinished and stopped.stop in WHOLE:
            self._asked.losses.unread((RAW,))
            raise GatewayError(
                UPSTREAM_INVALID, "The provider's answer has a call whose arguments are no JSON object."
            )
        answer = Answer((), stopped.stop, stopped.matched, stopped.explanation)
        ends = stop_fields(answer, "".join(self._refusal))
        self._out += (message_delta(ends, usage_totals(self._usage)), MESSAGE_STOP)

    def _sign_thought(self, signature: Signature) -> None:
        if self._open != _THOUGHT:
            alone = Thinking("", signature)
            if is_sealed(alone):
                self._start("redacted_thinking", thinking_block(alone))
                self._close()
                return
            self._start_thought()
        self._close(signature)

    def _say_arguments(self, arguments: str) -> None:
        self._arguments.append(arguments)
        if arguments and not self._is_plain:
            self._out.append(block_delta(self._index, ARGUMENTS, arguments))

    def _say_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._take(event)

    def _start_thought(self) -> None:
        self._start(_THOUGHT, {"type": "thinking", "thinking": "", "signature": ""})

    def _start(self, kind: str, block: JsonObject) -> None:
        self._close()
        self._index += 1
        self._open = kind
        self._out.append(block_start(self._index, block))

    def _close(self, signature: Signature | None = None) -> None:
        """End the open block, if there is one; a thought with its signature, or a mark that it has none."""
        if not self._open:
            return
        if self._open == _THOUGHT:
            self._out.append(block_delta(self._index, SIGNATURE, sent_signature(signature)))
        elif self._call >= 0:
            self._end_call("".join(self._arguments))
        self._out.append(block_stop(self._index))
        self._open, self._call = "", -1

    def _end_call(self, arguments: str) -> None:
        if self._is_plain:
            self._out.append(block_delta(self._index, ARGUMENTS, arguments_text({INPUT: arguments})))
        elif arguments.strip() and not _is_object(arguments):
            self._unfinished = True


def _is_object(arguments: str) -> bool:
    """However deep: the caller reads it."""
    try:
        return type(read_json(arguments)) is dict
    except ValueError:
        return False
