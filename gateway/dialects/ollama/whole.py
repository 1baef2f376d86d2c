"""Lines of Ollama's as the reply that they come to: texts in pieces, and the last line with all the rest."""

from gateway.chat import Json, JsonObject
from gateway.dialects.said_fields import answer_object, answer_objects, answer_word, dicts

_TEXTS = ("content", "thinking")


class OllamaGathered:
    __slots__ = ("_calls", "_last", "_logprobs", "_message", "_texts")

    def __init__(self) -> None:
        self._last: JsonObject = {}
        self._message: JsonObject = {}
        self._texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
        self._calls: list[Json] = []
        self._logprobs: list[Json] = []

    def take(self, event: JsonObject) -> None:
        """Raises GatewayError for what is no such line."""
        message = answer_object(event, "message")
        for name in _TEXTS:
            self._texts[name].append(answer_word(message, name))
        self._calls += answer_objects(message, "tool_calls")
        self._logprobs += dicts(event.get("logprobs"))
        self._message |= message
        self._last = event

    def whole(self) -> JsonObject:
        texts: JsonObject = {name: "".join(said) for name, said in self._texts.items() if any(said)}
        message: JsonObject = {**self._message, "content": "", **texts}
        if self._calls:
            message["tool_calls"] = self._calls
        logprobs: JsonObject = {"logprobs": self._logprobs} if self._logprobs else {}
        return {**self._last, "message": message, **logprobs}
