"""What a provider's JSON must have to be an answer, by the path that was asked; the rest of it is not looked at.

For replies that pass unchanged, which are read once, for their usage: what is asked for here is read on the way,
and nothing is built of texts. Translated replies are read by their dialects, which refuse more.
"""

from string import ascii_letters, digits
from typing import Annotated, Any

from gateway.record import JsonReader, Meta, Raw, Record, field

NOTHING = Raw(b"null")
#: What only other values than numbers have: strings, `null` and `true`, `false`, objects.
_NO_NUMBERS = b'"', b"u", b"a", b"{"
#: What a text begins with, and what `null` does.
_TEXT = b'"n'
_FLOAT = 4  # bytes
_BASE64 = (ascii_letters + digits + "+/=").encode()
_Count = Annotated[int, Meta(ge=0)]


class Shape(Record):
    """Of a reply that may be anything."""

    error: Raw = NOTHING

    def is_answer(self) -> bool:
        return True

    def vectors(self) -> int:
        """How many there are, of those that are to have some."""
        return 0


class _Part(Record, gc=False):
    """Of Mistral's messages and of OpenAI's responses."""

    text: Raw = NOTHING


class _Object(Record, gc=False):
    """Its fields are not looked at."""


class _Message(Record, gc=False):
    content: Raw = NOTHING
    tool_calls: list[_Object] | None = None

    def is_said(self) -> bool:
        return _is_text(self.content) or _are_parts(self.content)


class _Choice(Record, gc=False):
    message: _Message | None = None


class Completion(Shape):
    choices: list[_Choice] | None = None

    def is_answer(self) -> bool:
        choices = self.choices or ()
        return bool(choices) and False not in [
            one.message is not None and one.message.is_said() for one in choices
        ]


class _Continuation(Record, gc=False):
    text: str | None = None


class TextCompletion(Shape):
    choices: list[_Continuation] | None = None

    def is_answer(self) -> bool:
        return bool(self.choices) and all(choice.text is not None for choice in self.choices or ())


class _Action(Record):
    type: Any = None


class Item(Record):
    type: Any = None
    action: _Action | None = None


class _OutputItem(Item):
    """Of a message the content is parts; what others have by that name is theirs."""

    content: list[_Part] | dict[str, Raw] | str | None = None

    def is_said(self) -> bool:
        if self.type != "message":
            return type(self.type) is str
        return type(self.content) is list and False not in [_is_text(part.text) for part in self.content]


class ResponseShape(Shape):
    """Of the Responses API: searches are not in its usage, each is an item of what came out."""

    output: list[_OutputItem] | None = None
    status: Any = None

    def is_answer(self) -> bool:
        if self.output is None or self.status == "failed":
            return False
        return False not in [item.is_said() for item in self.output]


class _Block(Record, gc=False):
    type: str
    text: Raw = NOTHING
    input: _Object | None = None


class MessageShape(Shape):
    content: list[_Block] | None = None

    def is_answer(self) -> bool:
        return self.content is not None and False not in [_is_text(block.text) for block in self.content]


class _Vector(Record):
    """Numbers, or base64."""

    embedding: Raw = NOTHING


class Embeddings(Shape):
    data: list[_Vector] | None = None

    def is_answer(self) -> bool:
        return all(_is_vector(bytes(one.embedding)) for one in self.data or ())

    def vectors(self) -> int:
        return len(self.data or ())


class _Values(Record):
    values: Raw = NOTHING


class EmbeddedContent(Shape):
    embedding: _Values | None = None

    def is_answer(self) -> bool:
        return self.embedding is not None and _is_vector(bytes(self.embedding.values))

    def vectors(self) -> int:
        return 1


class EmbeddedContents(Shape):
    embeddings: list[_Values] | None = None

    def is_answer(self) -> bool:
        return all(_is_vector(bytes(one.values)) for one in self.embeddings or ())

    def vectors(self) -> int:
        return len(self.embeddings or ())


class _GooglesPart(Record, gc=False):
    text: Raw = NOTHING
    call: _Object | None = field(default=None, name="functionCall")


class _Content(Record, gc=False):
    parts: list[_GooglesPart] | None = None

    def is_said(self) -> bool:
        return False not in [_is_text(part.text) for part in self.parts or ()]


class _Candidate(Record, gc=False):
    """Of a thought that used up all tokens there is no content."""

    content: _Content | None = None


class _Feedback(Record, gc=False):
    block_reason: str | None = field(default=None, name="blockReason")


class Generated(Shape):
    """Gemini has no candidates for a prompt that it blocks."""

    candidates: list[_Candidate] | None = None
    feedback: _Feedback | None = field(default=None, name="promptFeedback")

    def is_answer(self) -> bool:
        if not self.candidates:
            return self.feedback is not None and bool(self.feedback.block_reason)
        return False not in [one.content is None or one.content.is_said() for one in self.candidates]


class Counted(Shape):
    input_tokens: _Count | None = None

    def is_answer(self) -> bool:
        return self.input_tokens is not None


class CountedContent(Shape):
    total: _Count | None = field(default=None, name="totalTokens")

    def is_answer(self) -> bool:
        return self.total is not None


#: By the path below the provider's base; of all others, nothing is asked but that they are an object.
SHAPES: dict[str, type[Shape]] = {
    "/chat/completions": Completion,
    "/completions": TextCompletion,
    "/responses": ResponseShape,
    "/responses/input_tokens": Counted,
    "/messages": MessageShape,
    "/messages/count_tokens": Counted,
    "/embeddings": Embeddings,
    ":generateContent": Generated,
    ":streamGenerateContent": Generated,
    ":embedContent": EmbeddedContent,
    ":batchEmbedContents": EmbeddedContents,
    ":countTokens": CountedContent,
}


_parts = JsonReader(list[_Part])


def _is_text(value: Raw) -> bool:
    """Or `null`. Its first byte tells; nothing is made of it."""
    return memoryview(value)[0] in _TEXT


def _are_parts(value: Raw) -> bool:
    """Few providers answer in such: they are read for it."""
    try:
        return all(_is_text(part.text) for part in _parts.decode(value))
    except (ValueError, RecursionError):
        return False


def _is_vector(text: bytes) -> bool:
    if text[:1] == b'"':
        letters = text[1:-1].replace(b"\\/", b"/")
        size = len(letters.rstrip(b"=")) * 3 // 4  # in bytes
        return size > 0 and size % _FLOAT == len(letters) % 4 == 0 and not letters.translate(None, _BASE64)
    return (
        text[:1] == b"["
        and text.strip(b"[] \t\r\n") != b""
        and all(text.find(one) < 0 for one in _NO_NUMBERS)
    )
