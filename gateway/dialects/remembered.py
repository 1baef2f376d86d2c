"""A provider's dialect, listened to for what callers may not bring back of its replies (`replay_memory`)."""

from collections.abc import Callable

from gateway.capabilities import Capabilities
from gateway.chat import ChatReply, ChatRequest, JsonObject, Thinking, ToolCall
from gateway.chat_events import CallBegun, Event, ThinkingPiece, ThinkingSigned
from gateway.dialects.losses import Losses
from gateway.dialects.replay_memory import THOUGHTS_MAX, ReplayMemory, question
from gateway.dialects.translation import Outbound, Sent, StreamReader


class Remembered:
    """An `Outbound` for one request of `owner` to `model`. `now` tells monotonic seconds."""

    __slots__ = ("_memory", "_model", "_now", "_owner", "_request", "_spoken")

    def __init__(
        self,
        spoken: Outbound,
        memory: ReplayMemory,
        owner: str,
        model: str,
        request: ChatRequest,
        now: Callable[[], float],
    ) -> None:
        self._spoken = spoken
        self._memory = memory
        self._owner = owner
        self._model = model
        self._request = request
        self._now = now

    def request(self, request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
        return self._spoken.request(request, model, can, losses)

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        reply = self._spoken.reply(body, sent)
        if any(isinstance(block, ToolCall) for answer in reply.answers for block in answer.blocks):
            self._memory.keep_reply(self._owner, self._model, question(self._request), reply, self._now())
        return reply

    def stream(self, sent: Sent, frame_max: int) -> StreamReader:
        return _Heard(self._spoken.stream(sent, frame_max), self.keep)

    def keep(self, call: ToolCall, thoughts: list[Thinking]) -> None:
        """A call of a streamed reply, and what was thought before it."""
        self._memory.keep(self._owner, self._model, question(self._request), call, thoughts, self._now())


class _Thoughts:
    """Of one choice, since its last call. `said` is of the thought that is not signed yet."""

    __slots__ = ("done", "said", "size")

    def __init__(self) -> None:
        self.done: list[Thinking] = []
        self.said: list[str] = []
        self.size = 0


class _Heard:
    """A `StreamReader` whose calls are told to `keep`, each when it begins."""

    __slots__ = ("_by_choice", "_keep", "_reader")

    def __init__(self, reader: StreamReader, keep: Callable[[ToolCall, list[Thinking]], None]) -> None:
        self._reader = reader
        self._keep = keep
        self._by_choice: dict[int, _Thoughts] = {}

    def read(self, data: bytes) -> list[Event]:
        return self._heard(self._reader.read(data))

    def finish(self) -> list[Event]:
        return self._heard(self._reader.finish())

    def _heard(self, events: list[Event]) -> list[Event]:
        for event in events:
            if isinstance(event, ThinkingPiece | ThinkingSigned | CallBegun):
                self._take(event)
        return events

    def _take(self, event: ThinkingPiece | ThinkingSigned | CallBegun) -> None:
        thoughts = self._by_choice.get(event.choice)
        if thoughts is None:
            thoughts = self._by_choice[event.choice] = _Thoughts()
        if isinstance(event, ThinkingPiece):
            thoughts.size += len(event.text)
            if thoughts.size <= THOUGHTS_MAX:
                thoughts.said.append(event.text)
            return
        signature = event.signature if isinstance(event, ThinkingSigned) else None
        if thoughts.said or signature is not None:
            thoughts.done.append(Thinking("".join(thoughts.said), signature))
            thoughts.said = []
        if isinstance(event, CallBegun):
            if thoughts.size <= THOUGHTS_MAX:
                call = ToolCall(event.id, event.name, "", custom=event.custom, signature=event.signature)
                self._keep(call, thoughts.done)
            self._by_choice[event.choice] = _Thoughts()
