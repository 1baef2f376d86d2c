"""A provider's stream of chat completions as neutral events.

States of the stream: it waits for the first choice (what comes before says nothing: Azure's verdict on the prompt,
comments), it speaks, it is over. Of each choice: it speaks until it has a finish reason; what it says after is told
to be unread.
What ends it is `[DONE]`, or the end of the body once every choice that spoke has finished: some servers leave the
mark out. Usage comes whenever a server likes, and the last report holds. An error is told once what was said before
it was: so what comes out does not depend on how the bytes are cut.
"""

import base64

from gateway.chat import JsonObject
from gateway.chat_events import (
    Begun,
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
    Unread,
)
from gateway.dialects.chat.added_fields import AddedFields
from gateway.dialects.chat.called import Calls
from gateway.dialects.chat.called_stream import CalledStream
from gateway.dialects.chat.finish import is_known, stop_of
from gateway.dialects.chat.reasoning import thoughts_of
from gateway.dialects.chat.reply_in import sound_form
from gateway.dialects.chat.signatures import thought_signature
from gateway.dialects.chat.spoken import (
    citations_of,
    images_of,
    logprobs_of,
    no_completion,
    sound,
    texts_of,
    unread_of,
)
from gateway.dialects.event_cutter import EventCutter, ended_early
from gateway.dialects.json_text import event_object, json_bytes, read_object
from gateway.dialects.said_fields import (
    answer_index,
    answer_object,
    answer_objects,
    answer_word,
    count,
    inside,
    word,
)
from gateway.dialects.tool_arguments import check_inputs
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.errors import GatewayError, ReportedError

_DONE = b"[DONE]"
#: Fields of a delta that say nothing but its text.
_PLAIN = ({"content"}, {"content", "role"})


class ChatReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_calls", "_choices", "_cutter", "_failure", "_form", "_over")

    def __init__(self, sent: Sent, frame_max: int) -> None:
        self._cutter = EventCutter(frame_max)
        self._calls = Calls(sent)
        self._form = sound_form(sent)
        self._begun = False
        self._choices: dict[int, _Choice] = {}
        self._over = False
        self._failure: GatewayError | None = None

    def read(self, data: bytes) -> list[Event]:
        """Raises ReportedError for an error that it brings, GatewayError for what is no such stream: once the
        events before it are given."""
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        try:
            for _, frame in self._cutter.feed(data):
                if self._over:
                    break
                self._frame(frame, events)
        except GatewayError as error:
            self._failure = error
            if not events:
                raise
        return events

    def finish(self) -> list[Event]:
        """Raises GatewayError where it ended too early."""
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        for _, frame in self._cutter.finish():
            if frame != _DONE and read_object(frame) is None:
                break  # a part of one: what it would have said nobody knows
            if not self._over:
                self._frame(frame, events)
        if not self._over:
            if not self._choices or any(not choice.added.finished for choice in self._choices.values()):
                raise ended_early()
            self._end(events)
        return events

    def _frame(self, data: bytes, events: list[Event]) -> None:
        if data == _DONE:
            self._end(events)
            return
        event = event_object(data)
        if event.get("error") or event.get("object") == "error":
            raise ReportedError(data)
        if choices := answer_objects(event, "choices"):
            if not self._begun:
                self._begun = True
                self._calls.begin(event)
                events.append(Begun(word(event, "id"), word(event, "model"), count(event, "created")))
            for choice in choices:
                self._choice(choice, events, data)
        if event.get("usage"):
            self._count(event, event, events)
        elif inner := inside(event, "x_groq"):
            if inner.get("error"):
                raise ReportedError(json_bytes(inner))
            self._count(inner, event, events)

    def _choice(self, stated: JsonObject, events: list[Event], data: bytes) -> None:
        index = answer_index(stated)
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(self._calls, index, self._form)
        is_over = choice.added.finished
        said, unread = choice.added.of(stated)
        if unread:
            events.append(Unread(unread, index))
        if is_over:
            return
        if said:
            choice.say(said, stated, events)
        finish = stated.get("finish_reason")
        if not finish:
            return
        choice.end(events)
        stop = stop_of(finish, choice.calls.begun > 0)
        if stop == "error":
            raise ReportedError(data)
        if not is_known(finish):
            events.append(Unread(("finish_reason",), index))
        check_inputs(choice.calls.has_half, stop)
        matched = word(stated, "stop_reason") if stop == "stop" else ""
        events.append(Stopped(stop, matched, choice=index))

    def _count(self, holder: JsonObject, event: JsonObject, events: list[Event]) -> None:
        usage = usage_of(holder)
        if usage.source != "none":
            events.append(Counted(usage, word(event, "service_tier")))

    def _end(self, events: list[Event]) -> None:
        if not self._choices:
            raise no_completion()
        for index, choice in self._choices.items():
            if not choice.added.finished:  # the stream says itself that it is whole
                choice.end(events)
                events.append(Unread(("finish_reason",), index))
                stop = stop_of(None, choice.calls.begun > 0)
                check_inputs(choice.calls.has_half, stop)
                events.append(Stopped(stop, choice=index))
        events.append(Over())
        self._over = True


class _Choice:
    """One choice while it speaks. A sound is told when it is whole."""

    __slots__ = ("_form", "_index", "_sound", "_thought", "added", "calls")

    def __init__(self, calls: Calls, index: int, form: str) -> None:
        self.calls = CalledStream(calls, index)
        self.added = AddedFields()
        self._index = index
        self._form = form
        self._sound: list[bytes] = []
        self._thought: list[str] = []  # since the last signature

    def say(self, delta: JsonObject, stated: JsonObject, events: list[Event]) -> None:
        index, content = self._index, delta.get("content")
        if type(content) is str and delta.keys() in _PLAIN:
            if content:
                events.append(TextPiece(content, index, logprobs_of(stated)))
            return
        if unread := unread_of(delta):
            events.append(Unread(unread, index))
        self._think(delta, events)
        logprobs = logprobs_of(stated)
        for is_thought, said in texts_of(content):
            if is_thought:
                events.append(ThinkingPiece(said, index))
            else:
                events.append(TextPiece(said, index, logprobs))
                logprobs = ()
        if refusal := answer_word(delta, "refusal"):
            events.append(RefusalPiece(refusal, index))
        events += [Cited(one, index) for one in citations_of(delta)]
        signature = thought_signature(delta)
        if signature is not None:
            events.append(TextSigned(signature, index))
        events += [MediaPiece(one, index) for one in images_of(delta)]
        if audio := inside(delta, "audio"):
            self._hear(audio, events)
        if "tool_calls" in delta:
            events += self.calls.take(delta)
        if legacy := answer_object(delta, "function_call"):
            events += self.calls.take({"tool_calls": [{"index": 0, "function": legacy}]})

    def _think(self, delta: JsonObject, events: list[Event]) -> None:
        """A signature may bring along the text that was said before it."""
        for thought in thoughts_of(delta):
            if thought.text and not (thought.signature and thought.text == "".join(self._thought)):
                self._thought.append(thought.text)
                events.append(ThinkingPiece(thought.text, self._index))
            if thought.signature is not None:
                self._thought = []
                events.append(ThinkingSigned(thought.signature, self._index))

    def end(self, events: list[Event]) -> None:
        """Raises GatewayError for a call of nothing."""
        self.added.finished = True
        if self._sound:
            data = base64.b64encode(b"".join(self._sound)).decode()
            events.append(MediaPiece(sound(data, self._form), self._index))
        events += self.calls.end()

    def _hear(self, audio: JsonObject, events: list[Event]) -> None:
        if said := word(audio, "transcript"):
            events.append(TextPiece(said, self._index))
        if data := word(audio, "data"):
            try:
                self._sound.append(base64.b64decode(data, validate=True))  # each piece is padded for itself
            except ValueError:
                raise no_completion() from None
