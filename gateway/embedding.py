"""Neutral nouns of embeddings: what every dialect's request is read into, and what its reply is written from.

A text, or what it is as tokens, gets a vector of numbers; as many vectors come back as texts were sent, in their
order (wire reference §2.8). `at` and `names` are the caller's own words, as in `gateway.chat`.
"""

from gateway.chat import JsonObject
from gateway.exchange import NO_USAGE, Usage
from gateway.record import Record, field, replace

#: How many texts a request may have: OpenAI's bound, which is everybody's here.
INPUTS_MAX = 2048

Input = str | tuple[int, ...]
Vector = tuple[float, ...]


class EmbeddingRequest(Record, frozen=True):
    """`dimensions` None: as many as the model's vectors have. `task` is what they are for, in Google's words
    (`RETRIEVAL_QUERY`), `title` that of the document the texts are of. `others` are fields without a noun here.
    """

    inputs: tuple[Input, ...]
    at: str
    dimensions: int | None = None
    packed: bool = False  # the vectors are answered as base64 of float32, little-endian
    task: str = ""
    title: str = ""
    end_user: str = ""
    others: JsonObject = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def named(self, noun: str) -> str:
        """What the caller calls a parameter."""
        return self.names.get(noun, noun)

    def parts(self, most: int) -> tuple["EmbeddingRequest", ...]:
        """The same in requests of at most so many texts, in order."""
        inputs = self.inputs
        if len(inputs) <= most:
            return (self,)
        return tuple(replace(self, inputs=inputs[at : at + most]) for at in range(0, len(inputs), most))


class EmbeddingReply(Record, frozen=True):
    """A vector for each text, in their order."""

    vectors: tuple[Vector, ...]
    usage: Usage = NO_USAGE
