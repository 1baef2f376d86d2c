"""The messages of a caller's chat completions request, as instructions and turns."""

from collections.abc import Callable

from gateway.chat import Block, JsonObject, Refusal, Text, Thinking, ToolCall, ToolResult, Turn
from gateway.dialects.chat.parts_in import ASSISTANT_PARTS, INSTRUCTION_PARTS, USER_PARTS, read_content
from gateway.dialects.chat.reasoning import GIVEN_BACK, thoughts_of
from gateway.dialects.chat.signatures import thought_signature
from gateway.dialects.json_fields import (
    mapping,
    missing,
    objects,
    one_of,
    path,
    required_mapping,
    required_text,
    text,
    wrong_value,
)
from gateway.dialects.losses import Losses
from gateway.errors import UNSUPPORTED_PARAMETER, GatewayError
from gateway.record import replace


def read_messages(fields: JsonObject, losses: Losses) -> tuple[tuple[Text, ...], tuple[Turn, ...]]:
    """(the leading instructions, the turns). Raises GatewayError with the caller's path."""
    if fields.get("messages") is None:
        raise missing("messages")
    conversation = _Conversation(losses)
    for message, at in objects(fields, "messages"):
        conversation.take(message, at)
    conversation.end_results()
    if not conversation.system and not conversation.turns:
        raise wrong_value("messages", "must not be empty")
    return tuple(conversation.system), tuple(conversation.turns)


class _Conversation:
    """As far as it was read. Results of tools that follow each other are held until something else comes: they are
    one turn.
    """

    __slots__ = ("_custom", "_functions", "_losses", "_results", "system", "turns")

    def __init__(self, losses: Losses) -> None:
        self.system: list[Text] = []
        self.turns: list[Turn] = []
        self._results: list[tuple[ToolResult, str]] = []
        self._custom: set[str] = set()  # ids of calls of plain-text tools
        self._functions = 0  # calls in the old form, which have no ids
        self._losses = losses

    def take(self, message: JsonObject, at: str) -> None:
        role = required_text(message, "role", at)
        read = _ROLES.get(role)
        if read is None:
            raise wrong_value(path(at, "role"), f"must be one of {', '.join(_ROLES)}")
        if self._results and role not in _ANSWERS:
            self.end_results()
        if message.get("name") and role not in _ANSWERS:
            self._losses.dropped(path(at, "name"))
        read(self, message, at)

    def end_results(self) -> None:
        if self._results:
            blocks = tuple(result for result, _ in self._results)
            self.turns.append(Turn("user", blocks, self._results[0][1]))
            self._results = []

    def instructions(self, message: JsonObject, at: str) -> None:
        said = read_content(message.get("content"), at, INSTRUCTION_PARTS)
        if self.turns:
            self.turns.append(Turn("system", said, at))
        else:
            self.system += said  # type: ignore[arg-type]

    def user(self, message: JsonObject, at: str) -> None:
        self.turns.append(Turn("user", read_content(message.get("content"), at, USER_PARTS), at))

    def assistant(self, message: JsonObject, at: str) -> None:
        if message.get("audio") is not None:
            where = path(at, "audio")
            raise GatewayError(UNSUPPORTED_PARAMETER, f"`{where}` is not known here.", param=where)
        blocks: list[Block] = [*_thoughts(message, at)]
        content = message.get("content")
        if content is not None:
            said = read_content(content, at, ASSISTANT_PARTS)
            signature = thought_signature(message)
            if signature is not None and said and isinstance(said[-1], Text):
                said = (*said[:-1], replace(said[-1], signature=signature))
            blocks += said
        refusal = text(message, "refusal", at)
        if refusal:
            blocks.append(Refusal(refusal))
        for call, where in objects(message, "tool_calls", at):
            blocks.append(self._call(call, where))
        legacy = mapping(message, "function_call", at)
        if legacy is not None:
            blocks.append(_function(legacy, path(at, "function_call"), f"fc_{self._functions}"))
            self._functions += 1
        self.turns.append(Turn("assistant", tuple(blocks), at))

    def tool(self, message: JsonObject, at: str) -> None:
        id_ = required_text(message, "tool_call_id", at)
        self._answer(message, at, id_, text(message, "name", at) or "")

    def function(self, message: JsonObject, at: str) -> None:
        if not self._functions:
            raise wrong_value(path(at, "role"), "must not be function where no function was called")
        self._answer(message, at, f"fc_{self._functions - 1}", required_text(message, "name", at))

    def _answer(self, message: JsonObject, at: str, id_: str, name: str) -> None:
        said = read_content(message.get("content"), at, USER_PARTS)
        result = ToolResult(id_, said, at, name, custom=id_ in self._custom)  # type: ignore[arg-type]
        self._results.append((result, at))

    def _call(self, call: JsonObject, at: str) -> ToolCall:
        id_ = required_text(call, "id", at)
        if one_of(call, "type", ("function", "custom"), at) == "custom":
            inner, where = required_mapping(call, "custom", at), path(at, "custom")
            self._custom.add(id_)
            return ToolCall(
                id_, required_text(inner, "name", where), text(inner, "input", where) or "", where, True
            )
        found = _function(required_mapping(call, "function", at), path(at, "function"), id_)
        signature = thought_signature(call)
        return found if signature is None else replace(found, signature=signature)


def _thoughts(message: JsonObject, at: str) -> tuple[Thinking, ...]:
    found = thoughts_of(message)
    given = next((name for name in GIVEN_BACK if message.get(name)), "") if found else ""
    return tuple(replace(one, at=path(at, given)) for one in found) if given else found


def _function(stated: JsonObject, at: str, id_: str) -> ToolCall:
    return ToolCall(id_, required_text(stated, "name", at), text(stated, "arguments", at) or "", at)


_ROLES: dict[str, Callable[[_Conversation, JsonObject, str], None]] = {
    "system": _Conversation.instructions,
    "developer": _Conversation.instructions,
    "user": _Conversation.user,
    "assistant": _Conversation.assistant,
    "tool": _Conversation.tool,
    "function": _Conversation.function,
}
_ANSWERS = ("tool", "function")
