"""Turns as Anthropic's messages (wire reference §2.1).

What always holds of them: the first is a user's, if need be one of ours, and none is empty; user and assistant take
turns; all results of an assistant's calls, one of each, begin the user's message behind it, and nothing else
answers a call. An instruction in the middle has a message of its own where the model knows that, right behind a
user's and before an assistant's or the end; else it is a note among the user's words.
"""

import re

from gateway.capabilities import Capabilities
from gateway.chat import (
    Block,
    Json,
    JsonObject,
    Media,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.json_fields import wrong_value
from gateway.dialects.losses import Losses
from gateway.dialects.messages.cache_marks import FIELD, mark
from gateway.dialects.messages.media_out import media_block
from gateway.dialects.messages.thoughts import own_block
from gateway.dialects.operator_note import operator_note
from gateway.dialects.tool_arguments import arguments_object
from gateway.dialects.tool_names import NameRule, ToolNames
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_OPENING = "(continue)"
#: What stands for the words that a user did not say, that would have the model go on, that a tool did not answer.
_EMPTY, _GO_ON, _NO_RESULT = "(empty)", "Continue.", "no result"
_CALL_IDS = NameRule(256, re.compile(r"[^a-zA-Z0-9_-]"), re.compile(r"[a-zA-Z0-9_-]"))


class _Message:
    """One on the way. `calls` and `results` are by id, with the caller's path of each."""

    __slots__ = ("at", "calls", "parts", "result_ats", "results", "role", "thinks")

    def __init__(self, role: str, at: str) -> None:
        self.role = role
        self.at = at
        self.parts: list[Json] = []
        self.calls: dict[str, str] = {}
        self.results: dict[str, JsonObject] = {}
        self.result_ats: dict[str, str] = {}
        self.thinks = False

    def written(self) -> JsonObject:
        return {"role": self.role, "content": [*self.results.values(), *self.parts]}


class Messages:
    """Those of one request, and what of them matters elsewhere in it.

    `marked`: something is to be cached; `thinks`: some message has a thought of Anthropic's own; `calls_without`:
    the assistant's last has calls and no thought; `prefilled`: the assistant has the last word.
    """

    __slots__ = ("_ids", "_losses", "_names", "_written", "calls_without", "marked", "prefilled", "thinks")

    def __init__(self, turns: tuple[Turn, ...], can: Capabilities, names: ToolNames, losses: Losses) -> None:
        self._names = names
        self._losses = losses
        self._ids = ToolNames(_CALL_IDS, ())
        self.marked = False
        self._written: list[_Message] = []
        for place, turn in enumerate(turns):
            if turn.role == "assistant":
                self._assistant(turn)
            elif turn.role == "user":
                self._user(turn)
            else:
                self._system(turn, can.mid_system and _speaks_next(turns, place))
        self._begin()
        self._end(can)
        self._check(turns)
        said = [one for one in self._written if one.role == "assistant"]
        self.thinks = any(one.thinks for one in said)
        self.calls_without = bool(said and said[-1].calls and not said[-1].thinks)
        self.prefilled = self._written[-1].role == "assistant"

    def json(self) -> list[Json]:
        return [one.written() for one in self._written]

    def _open(self, role: str, at: str) -> _Message:
        if not self._written or self._written[-1].role != role:
            self._written.append(_Message(role, at))
        return self._written[-1]

    def _user(self, turn: Turn) -> None:
        message = self._open("user", turn.at)
        for block in turn.blocks:
            if isinstance(block, ToolResult):
                id_ = self._ids.sent(block.id)
                message.results[id_] = self._result(block, id_)
                message.result_ats[id_] = block.at
            else:
                part = self._part(block)
                if part is not None:
                    message.parts.append(part)

    def _assistant(self, turn: Turn) -> None:
        parts: list[Json] = []
        thoughts: list[Json] = []
        calls: dict[str, str] = {}
        for block in turn.blocks:
            if isinstance(block, Media):
                self._losses.dropped(block.at)
                continue
            part = self._part(block)
            if part is None:
                continue
            if isinstance(block, Thinking):
                thoughts.append(part)
            elif isinstance(block, ToolCall):
                calls[self._ids.sent(block.id)] = block.at
            parts.append(part)
        if not parts:
            return
        if (
            thoughts and parts[0] is not thoughts[0]
        ):  # where they stand behind words, another dialect put them
            parts = [*thoughts, *(part for part in parts if not any(part is one for one in thoughts))]
        message = self._open("assistant", turn.at)
        message.parts += parts
        message.calls |= calls
        message.thinks = message.thinks or bool(thoughts)

    def _system(self, turn: Turn, on_its_own: bool) -> None:
        texts = [block for block in turn.blocks if isinstance(block, Text)]
        before = self._written[-1].role if self._written else ""
        if on_its_own and before in ("user", "system"):
            parts = [part for text in texts if (part := self._part(text)) is not None]
            if parts:
                self._open("system", turn.at).parts += parts
            return
        note = "\n\n".join(text.text for text in texts if text.text.strip())
        if note:
            self._open("user", turn.at).parts.append({"type": "text", "text": operator_note(note)})

    def _part(self, block: Block) -> JsonObject | None:
        """None for what does not go on."""
        part: JsonObject
        match block:
            case Text() | Refusal():
                if not block.text or block.text.isspace():
                    return None
                part = {"type": "text", "text": block.text}
            case Media():
                part = media_block(block, self._losses)
            case ToolCall():
                part = {
                    "type": "tool_use",
                    "id": self._ids.sent(block.id),
                    "name": self._names.sent(block.name),
                    "input": arguments_object(block),
                }
            case Thinking():
                thought = own_block(block)
                if thought is None and block.at:
                    self._losses.dropped(block.at)
                return thought
            case ToolResult():
                return None
        return self._marked(part, block)

    def _result(self, result: ToolResult, id_: str) -> JsonObject:
        part: JsonObject = {"type": "tool_result", "tool_use_id": id_}
        content = [inner for block in result.blocks if (inner := self._part(block)) is not None]
        if content:
            part["content"] = list[Json](content)
        if result.is_error:
            part["is_error"] = True
        return self._marked(part, result)

    def _marked(self, part: JsonObject, block: Block) -> JsonObject:
        ttl = None if isinstance(block, Thinking | Refusal) else block.cache
        if ttl is not None:
            part[FIELD] = mark(ttl)
            self.marked = True
        return part

    def _begin(self) -> None:
        """A conversation that the assistant began: Anthropic takes none without a user's word before it."""
        first = self._written[0] if self._written else None
        if first is not None and first.role == "assistant":
            if not self._losses.bent(first.at):
                raise wrong_value(
                    first.at, "must be a user's: the model that serves this does not begin a conversation"
                )
            opening = _Message("user", first.at)
            opening.parts.append({"type": "text", "text": _OPENING})
            self._written.insert(0, opening)

    def _end(self, can: Capabilities) -> None:
        """The assistant's last words, that the model is to go on from."""
        last = self._written[-1] if self._written else None
        if last is None or last.role != "assistant" or last.calls:
            return
        if not can.prefill:
            if self._losses.bent(last.at):
                self._open("user", last.at).parts.append({"type": "text", "text": _GO_ON})
                return
            raise GatewayError(
                UNSUPPORTED_VALUE,
                f"`{last.at}`: the model that serves this does not go on from words of its own; the conversation "
                "must end with a user's.",
                param=last.at,
            )
        part = last.parts[-1]
        if isinstance(part, dict) and part["type"] == "text":
            text = part["text"]
            assert isinstance(text, str)
            part["text"] = text.rstrip()

    def _check(self, turns: tuple[Turn, ...]) -> None:
        written = self._written
        if not written:
            at = turns[0].at if turns else "messages"
            raise wrong_value(at, "must say something: nothing of the conversation is left")
        before = _Message("system", "")
        for message in written:
            if message.role == "user":
                if not message.parts and not message.results:
                    if not self._losses.bent(message.at):
                        raise wrong_value(message.at, "must have something in it that is not white space")
                    message.parts.append({"type": "text", "text": _EMPTY})
                self._check_results(before, message)
            before = message
        if before.calls:
            last = _Message("user", before.at)
            self._check_results(before, last)
            written.append(last)

    def _check_results(self, asked: _Message, answered: _Message) -> None:
        for id_, at in asked.calls.items():
            if id_ not in answered.results:
                if not self._losses.bent(at):
                    raise wrong_value(at, "has no result in what the user says next")
                answered.results[id_] = {
                    "type": "tool_result", "tool_use_id": id_, "content": _NO_RESULT, "is_error": True,
                }  # fmt: skip
        _check_answers(asked, answered)


def _check_answers(asked: _Message, answered: _Message) -> None:
    for id_, at in answered.result_ats.items():
        if id_ not in asked.calls:
            raise wrong_value(at, "answers no call of the assistant's message before it")


def _speaks_next(turns: tuple[Turn, ...], place: int) -> bool:
    """Whether the assistant does, or nobody any more."""
    for turn in turns[place + 1 :]:
        if turn.role != "system":
            return turn.role == "assistant"
    return True
