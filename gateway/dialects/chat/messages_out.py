"""Instructions and turns as the messages of a chat completions request."""

from collections.abc import Iterable, Sequence

from gateway.chat import (
    ChatRequest,
    Json,
    JsonObject,
    Media,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.call_ids import call_id_of, openai_call_id
from gateway.dialects.chat.cache_marks import written_mark
from gateway.dialects.chat.parts_out import media_part
from gateway.dialects.chat.quirks import Quirks
from gateway.dialects.chat.reasoning import detail_of
from gateway.dialects.chat.signatures import write_signature
from gateway.dialects.losses import Losses
from gateway.dialects.operator_note import operator_note
from gateway.dialects.text_document import document_words
from gateway.dialects.tool_arguments import INPUT, arguments_text
from gateway.dialects.tool_failure import FAILED
from gateway.dialects.tool_names import ToolNames
from gateway.errors import UNSUPPORTED_VALUE, GatewayError
from gateway.record import replace

_BETWEEN_INSTRUCTIONS = "\n\n"
_BETWEEN_RESULTS = "\n"
_ELSEWHERE = "[image attached below]"
#: Whose signatures only the dialect that they belong to can bring back.
_BOUND = ("anthropic", "openai", "gemini")


def write_messages(
    request: ChatRequest, model: str, quirks: Quirks, names: ToolNames, losses: Losses, more: str = ""
) -> list[Json]:
    """`more` is one more instruction. Raises GatewayError for what has no counterpart."""
    conversation = _Messages(model, quirks, names, losses)
    system = (*request.system, Text(more)) if more else request.system
    if system:
        conversation.instruct(system)
    for turn in request.turns:
        conversation.take(turn)
    return conversation.out


class _Messages:
    """As far as they are written."""

    __slots__ = ("_instructing", "_losses", "_mark", "_names", "_quirks", "out")

    def __init__(self, model: str, quirks: Quirks, names: ToolNames, losses: Losses) -> None:
        self.out: list[Json] = []
        self._quirks = quirks
        self._names = names
        self._losses = losses
        developer = quirks.developer is not None and quirks.developer.match(model)
        self._instructing = "developer" if developer else "system"
        self._mark = quirks.mark_for(model)

    def instruct(self, texts: tuple[Text, ...]) -> None:
        content: Json
        if self._mark and any(text.cache for text in texts):
            content = [self._part(text) for text in texts]
        else:
            content = _BETWEEN_INSTRUCTIONS.join(text.text for text in texts)
        self.out.append({"role": self._instructing, "content": content})

    def take(self, turn: Turn) -> None:
        if turn.role == "assistant":
            self._assistant(turn)
        elif turn.role == "user":
            self._user(turn)
        elif self._quirks.mid_system:
            self.instruct(_texts(turn))
        else:
            said = _BETWEEN_INSTRUCTIONS.join(text.text for text in _texts(turn))
            self.out.append({"role": "user", "content": operator_note(said)})

    def _user(self, turn: Turn) -> None:
        """Results come first: they answer the turn before."""
        blocks = turn.blocks
        if len(blocks) == 1 and type(blocks[0]) is Text and not (self._mark and blocks[0].cache):
            self.out.append({"role": "user", "content": blocks[0].text})
            return
        attached: list[Json] = []
        said: list[Json] = []
        for block in blocks:
            if isinstance(block, ToolResult):
                attached += self._result(block)
            elif isinstance(block, Text | Media):
                said.append(self._part(block))
            else:
                self._losses.dropped(turn.at)
        parts = attached + said
        if parts or not blocks:
            self.out.append({"role": "user", "content": parts or ""})

    def _result(self, result: ToolResult) -> list[Json]:
        """Write one; what of it can only follow, in the user's turn."""
        texts: list[str] = []
        attached: list[Json] = []
        for block in result.blocks:
            if isinstance(block, Text):
                texts.append(block.text)
            elif block.text:
                texts.append(document_words(block, block.text))
            else:
                texts.append(_ELSEWHERE)
                attached.append(self._part(block))
        content = _BETWEEN_RESULTS.join(texts)
        message: JsonObject = {
            "role": "tool",
            "tool_call_id": self._call_id(result.id),
            "content": FAILED + content if result.is_error else content,
        }
        self.out.append(message)
        return attached

    def _part(self, block: Text | Media) -> Json:
        part: JsonObject = (
            {"type": "text", "text": block.text} if isinstance(block, Text) else media_part(block)
        )
        if self._mark and block.cache:
            part[self._mark] = written_mark(self._mark, block.cache)
        return part

    def _assistant(self, turn: Turn) -> None:
        quirks = self._quirks
        message: JsonObject = {"role": "assistant"}
        texts: list[str] = []
        thoughts: list[Thinking] = []
        calls: list[Json] = []
        signature: Signature | None = None
        for block in turn.blocks:
            if isinstance(block, Text):
                texts.append(block.text)
                signature = block.signature or signature
            elif isinstance(block, Thinking):
                thoughts.append(block)
            elif isinstance(block, ToolCall):
                calls.append(self._call(block))
            elif isinstance(block, Refusal) and quirks.refusals:
                message["refusal"] = block.text
            elif isinstance(block, Refusal):
                texts.append(block.text)
            else:
                self._losses.dropped(block.at or turn.at)
        text = "".join(texts)
        if text or not (calls or "refusal" in message):
            message["content"] = text
        elif quirks.nulls:
            message["content"] = None
        if quirks.gemini_signatures and signature is not None:
            write_signature(message, signature)
        if calls:
            message["tool_calls"] = calls
        if thoughts and quirks.thinking:
            give_back(message, thoughts, quirks.thinking)
        for thought in thoughts:
            if thought.at and not (quirks.thinking and (thought.text or not _is_bound(thought))):
                self._losses.dropped(thought.at)
        self.out.append(message)

    def _call(self, call: ToolCall) -> Json:
        written: JsonObject = {"id": self._call_id(call.id), "type": "function"}
        name = self._names.sent(call.name)
        if call.custom and self._quirks.custom_tools:
            return {**written, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        arguments = arguments_text({INPUT: call.arguments}) if call.custom else call.arguments or "{}"
        written["function"] = {"name": name, "arguments": arguments}
        if self._quirks.gemini_signatures and call.signature is not None:
            write_signature(written, call.signature)
        return written

    def _call_id(self, id_: str) -> str:
        """The same for a call and its result; one that the provider would not take is replaced by its hash."""
        letters = self._quirks.call_id_letters
        return call_id_of(id_, letters) if letters else openai_call_id(id_)


def _texts(turn: Turn) -> tuple[Text, ...]:
    return tuple(block for block in turn.blocks if isinstance(block, Text))


def give_back(message: JsonObject, thoughts: Sequence[Thinking], fields: Iterable[str]) -> None:
    """Give back earlier reasoning where the provider looks for it."""
    text = "".join(thought.text for thought in thoughts)
    for name in fields:
        if name == "reasoning_details":
            own = [_unbound(thought) for thought in thoughts]
            message[name] = [
                detail_of(one, index) for index, one in enumerate(own) if one.text or one.signature
            ]
        elif name == "content" and text:  # Mistral's parts
            said = message.get(name)
            rest: list[Json] = [{"type": "text", "text": said}] if said else []
            message[name] = [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}, *rest]
        elif text:
            message[name] = text


def _unbound(thought: Thinking) -> Thinking:
    return replace(thought, signature=None) if _is_bound(thought) else thought


def _is_bound(thought: Thinking) -> bool:
    return thought.signature is not None and thought.signature.provider in _BOUND


def check_end(request: ChatRequest, prefill: bool) -> bool:
    """Whether the assistant has the last word, so that it goes on from there. Raises GatewayError if it cannot."""
    last = request.turns[-1] if request.turns else None
    if last is None or last.role != "assistant" or any(isinstance(block, ToolCall) for block in last.blocks):
        return False
    if not prefill:
        said = (
            "This model does not go on with a message of the assistant's: the user must have the last word."
        )
        raise GatewayError(UNSUPPORTED_VALUE, said, param=last.at)
    return True
