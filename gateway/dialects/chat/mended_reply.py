"""What a compatible provider says in its own way, as OpenAI says it: replies that callers of the same dialect get.

Everything else of a reply stays as the provider wrote it. Thoughts are copied to `reasoning_content`, parts become
text, calls get ids and indices, words for why it ended are OpenAI's, and usage counts what OpenAI's counts. An
answer that ended by an error is none.
"""

from collections.abc import Iterable

from gateway.chat import Json, JsonObject
from gateway.chat_events import CallBegun, CallPiece, Event
from gateway.dialects.chat.called import Calls, call_id
from gateway.dialects.chat.called_stream import CalledStream
from gateway.dialects.chat.finish import FINISH, stop_of
from gateway.dialects.chat.quirks import Quirks
from gateway.dialects.chat.reasoning import plain_thought
from gateway.dialects.chat.spoken import texts_of, unread_parts
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.said_fields import count, dicts, inside, word
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.errors import ReportedError

_OWN_WORDS = frozenset({*FINISH.values(), "function_call"})
_AS_CALLED = Sent("", {})
_SHOWN = "reasoning_content"


class Mender:
    """Of one reply, whole or streamed; `losses` hears of parts that are no text."""

    __slots__ = ("_begun", "_calls", "_choices", "_losses", "_quirks")

    def __init__(self, quirks: Quirks, losses: Losses) -> None:
        self._quirks = quirks
        self._losses = losses
        self._calls = Calls(_AS_CALLED)
        self._begun = False
        self._choices: dict[int, CalledStream] = {}

    def concerns(self, text: bytes) -> bool:
        """Whether a reply, or a frame of one, may have to be changed."""
        return any(text.find(word) >= 0 for word in self._quirks.odd_words)

    def whole(self, body: bytes) -> bytes:
        """Raises ReportedError for an answer that is none."""
        reply = read_object(body) if self.concerns(body) else None
        if reply is None:
            return body
        self._calls.begin(reply)
        changed = _mend_usage(reply)
        for choice in dicts(reply.get("choices")):
            message = inside(choice, "message")
            changed |= self._mend_texts(message)
            calls = dicts(message.get("tool_calls"))
            for place, call in enumerate(calls):
                if not call_id(call):
                    call["id"] = self._calls.made_id()
                    changed = True
                if self._quirks.odd_calls:
                    changed |= _mend_call(call, place)
            changed |= _mend_finish(reply, choice, calls=bool(calls))
        return json_bytes(reply) if changed else body

    def event(self, event: JsonObject) -> bool:
        """Mend one of a stream; whether there was anything to. Raises ReportedError for one that says it failed."""
        if error := inside(event, "x_groq").get("error"):
            raise ReportedError(json_bytes({"error": error}))
        changed = _mend_usage(event)
        for choice in dicts(event.get("choices")):
            delta = inside(choice, "delta")
            changed |= self._mend_texts(delta)
            if self._quirks.odd_calls and delta.get("tool_calls"):
                delta["tool_calls"] = self._called(event, count(choice, "index"), delta)
                changed = True
            begun = self._choices.get(count(choice, "index"))
            changed |= _mend_finish(event, choice, calls=begun is not None and begun.begun > 0)
        return changed

    def _mend_texts(self, said: JsonObject) -> bool:
        """Of a message or delta; whether there was anything to mend."""
        content, thought = said.get("content"), plain_thought(said)
        if isinstance(content, list):
            self._losses.unread(unread_parts(content))
            pieces = [*texts_of(content)]
            said["content"] = "".join(text for is_thought, text in pieces if not is_thought)
            thought = thought or "".join(text for is_thought, text in pieces if is_thought)
        elif not thought or said.get(_SHOWN):
            return False
        if thought:
            said[_SHOWN] = thought
        return True

    def _called(self, event: JsonObject, index: int, delta: JsonObject) -> list[Json]:
        """The same entries, as a stream of OpenAI's would have them."""
        if not self._begun:
            self._begun = True
            self._calls.begin(event)
        stream = self._choices.get(index)
        if stream is None:
            stream = self._choices[index] = CalledStream(self._calls, index)
        unknown = [entry for entry in dicts(delta.get("tool_calls")) if stream.unread(entry)]
        return [*_entries(stream.take(delta)), *unknown]


def _entries(events: Iterable[Event]) -> list[Json]:
    entries: list[Json] = []
    for event in events:
        if isinstance(event, CallBegun):
            function: JsonObject = {"name": event.name, "arguments": ""}
            entries.append({"index": event.number, "id": event.id, "type": "function", "function": function})
        elif isinstance(event, CallPiece):
            entries.append({"index": event.number, "function": {"arguments": event.arguments}})
    return entries


def _mend_call(call: JsonObject, place: int) -> bool:
    """Of a whole reply; whether there was anything to mend. An index is nothing that it must have there."""
    mended = {"type": call.get("type") or "function"}
    if "index" in call:
        mended["index"] = place
    changed = any(call.get(name) != value for name, value in mended.items())
    call.update(mended)
    return changed


def _mend_finish(reply: JsonObject, choice: JsonObject, *, calls: bool) -> bool:
    if error := choice.get("error"):
        raise ReportedError(json_bytes({"error": error}))
    finish = word(choice, "finish_reason")
    if not finish or finish in _OWN_WORDS:
        return False
    stop = stop_of(finish, calls)
    if stop == "error":
        raise ReportedError(json_bytes({"error": reply.get("error") or {"code": finish}}))
    choice["finish_reason"] = FINISH[stop]
    return True


def _mend_usage(reply: JsonObject) -> bool:
    """The output includes what was thought, the cached tokens stand where OpenAI has them."""
    reported, changed = inside(reply, "usage"), False
    meant = usage_of(reply)
    if meant.source == "none":
        return False
    if reported.get("completion_tokens") not in (None, meant.output):
        reported["completion_tokens"] = meant.output
        changed = True
    details = inside(reported, "prompt_tokens_details")
    if meant.cache_read and not details.get("cached_tokens"):
        reported["prompt_tokens_details"] = {**details, "cached_tokens": meant.cache_read}
        changed = True
    return changed
