"""What a request asks of a model, whatever dialect it came in."""

from dataclasses import dataclass, field

from provider_sim.message import JsonObject


@dataclass(slots=True)
class Tool:
    """A function the model may call; `schema` is the JSON Schema of its arguments."""

    name: str
    schema: JsonObject
    custom: bool = False
    """True for OpenAI's free-text tools, whose input is a string."""


@dataclass(slots=True)
class Ask:
    """The neutral question. `texts` is everything the model reads, in order; tokens are counted from it."""

    model: str
    last_user: str = ""
    texts: list[str] = field(default_factory=list)
    input_tokens: int = 0
    tools: list[Tool] = field(default_factory=list)
    choice: str = "auto"
    """`auto`, `none`, `required`, or `named` (then `choice_names` says which)."""
    choice_names: list[str] = field(default_factory=list)
    answered: bool = False
    """A tool result has come since the last user message, so it is time to speak."""
    schema: JsonObject | None = None
    json_object: bool = False
    thinking: bool = False
    max_tokens: int | None = None
    stop: list[str] = field(default_factory=list)
    n: int = 1
    stream: bool = False
    generates: bool = True
    """False for embeddings and the like: nothing is composed, and output costs nothing."""

    def material(self) -> bytes:
        """What an answer is drawn from: the model and everything it reads, not the shape of the request."""
        return "\0".join([self.model, *self.texts]).encode("utf-8", "surrogatepass")
