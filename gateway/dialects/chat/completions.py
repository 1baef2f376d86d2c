"""Legacy completions as callers know them: a prompt, said to a chat model by a user (wire reference §2.7)."""

from collections.abc import Iterable

from gateway.chat import ChatReply, ChatRequest, Json, JsonObject, Media, Parameters, Text, Turn
from gateway.chat_events import Begun, Counted, Event, MediaPiece, Over, Stopped, TextPiece
from gateway.dialects.chat.chunks import Chunks
from gateway.dialects.chat.reply_out import finish_word
from gateway.dialects.chat.request_in import asks_usage, read_parameters
from gateway.dialects.chat.table import COMPLETIONS_IN
from gateway.dialects.chat.usage_out import write_usage
from gateway.dialects.json_fields import flag, missing
from gateway.dialects.json_text import json_bytes
from gateway.dialects.known_fields import known_fields, tell_unknown
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Asked
from gateway.errors import UNSUPPORTED_PARAMETER, UNSUPPORTED_VALUE, GatewayError
from gateway.exchange import NO_USAGE

_ID = "cmpl-"
_OBJECT = "text_completion"
_ROWS = {row.field: row for row in COMPLETIONS_IN}
_KNOWN = known_fields(row.field for row in COMPLETIONS_IN)
#: What only models that complete texts know, and the values that ask for nothing.
_REFUSED: tuple[tuple[str, tuple[Json, ...]], ...] = (
    ("suffix", (None, "")),
    ("echo", (None, False)),
    ("best_of", (None, 1)),
    ("logprobs", (None,)),
)
_TEXT = b',"text":%b,"logprobs":null,"finish_reason":null'
_FINISH = b',"text":"","logprobs":null,"finish_reason":%b'


def read_completion(fields: JsonObject, losses: Losses) -> ChatRequest:
    """Raises GatewayError with the caller's path of what a chat model cannot be asked."""
    for name, harmless in _REFUSED:
        if fields.get(name) not in harmless:
            said = f"`{name}` is not known to the model that serves this."
            raise GatewayError(UNSUPPORTED_PARAMETER, said, param=name)
    first, *further = [(Turn("user", (Text(one),), "prompt"),) for one in _prompts(fields.get("prompt"))]
    found, others, names = read_parameters(fields, _ROWS)
    asks_usage(fields)
    tell_unknown(fields, _KNOWN, losses)
    stream = flag(fields, "stream") or False
    parameters = Parameters(**found)  # type: ignore[arg-type]
    return ChatRequest(
        first, parameters=parameters, stream=stream, others=others, names=names, further=tuple(further)
    )


def _prompts(stated: Json) -> list[str]:
    if stated is None:
        raise missing("prompt")
    several = stated if isinstance(stated, list) else [stated]
    prompts = [one for one in several if isinstance(one, str)]
    if not prompts or len(prompts) < len(several):
        said = "`prompt` must be text: the model that serves this takes no tokens."
        raise GatewayError(UNSUPPORTED_VALUE, said, param="prompt")
    return prompts


def write_completion(reply: ChatReply, asked: Asked) -> JsonObject:
    """Raises GatewayError for an answer that ended with an error."""
    choices: list[Json] = []
    for index, answer in enumerate(reply.answers):
        asked.losses.unread(block.kind for block in answer.blocks if isinstance(block, Media))
        text = "".join(block.text for block in answer.blocks if isinstance(block, Text))
        finish = finish_word(answer.stop)
        choices.append({"index": index, "text": text, "logprobs": None, "finish_reason": finish})
    body: JsonObject = {
        "id": _ID + asked.id,
        "object": _OBJECT,
        "created": reply.created or asked.created,
        "model": asked.model,
        "choices": choices,
    }
    if reply.usage.source != "none":
        body["usage"] = write_usage(reply.usage)
    return body


class CompletionWriter:
    """Writes one stream: texts, then what ended each, then usage where it was asked for, then the mark."""

    __slots__ = ("_asked", "_chunks", "_counted", "_stopped")
    whole = None

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._chunks = self._made(asked.created)
        self._counted = Counted(NO_USAGE)
        self._stopped: dict[int, Stopped] = {}

    def write(self, events: Iterable[Event]) -> bytes:
        """Raises GatewayError for an answer that ended with an error."""
        return b"".join([self._frame(event) for event in events])

    def _frame(self, event: Event) -> bytes:
        match event:
            case TextPiece():
                return self._chunks.choice(event.choice, _TEXT % json_bytes(event.text))
            case Begun() if event.created:
                self._chunks = self._made(event.created)
            case Stopped():
                self._stopped[event.choice] = event
            case Counted():
                self._counted = event
            case MediaPiece():
                self._asked.losses.unread((event.media.kind,))
            case Over():
                return self._end()
            case _:
                pass  # a completion is its text
        return b""

    def _end(self) -> bytes:
        frames = [
            self._chunks.choice(index, _FINISH % json_bytes(finish_word(stopped.stop)))
            for index, stopped in sorted(self._stopped.items())
        ]
        return b"".join((*frames, self._chunks.end(self._counted.usage, self._counted.tier)))

    def _made(self, created: int) -> Chunks:
        asked = self._asked
        return Chunks(_ID + asked.id, _OBJECT, created, asked.model, asks_usage(asked.fields))
