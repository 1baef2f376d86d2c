"""Neutral nouns of a conversation with a model: what every dialect is read into and written from.

One form between N dialects instead of N² converters (wire reference §2.0). Everything is immutable and typed; what
a dialect's JSON says is read into these at its edge and nothing of it travels on, but for JSON that is the caller's
own business (schemas, arguments, fields nobody here understands).

`at` is always the caller's own path of a thing (`messages[3].content[1]`), for errors: only the reader knows it.
"""

from typing import Literal, TypeAlias

from gateway.exchange import NO_USAGE, Usage
from gateway.record import Record, field

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = dict[str, "Json"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Role = Literal["user", "assistant", "system"]
#: How long a provider is asked to keep what stands before the mark: minutes or hours.
CacheTtl = Literal["short", "long"]
#: That one request may ask for: OpenAI's bound of `n`.
ANSWERS_MAX = 128
#: Of an image's `detail`: as it comes.
DETAIL_OF_NOTHING = ("", "auto")
Stop = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "context_window", "pause", "error"
]


class Signature(Record, frozen=True):
    """What a provider wants back, unread and unchanged, with the block that it gave it with."""

    provider: str  # dialect whose models understand it: openai | anthropic | gemini
    data: str
    id: str = ""  # the provider's own of the block, where it has one


class Citation(Record, frozen=True):
    """A source of a text; `start` and `end` are characters in it, 0 and 0 where that is not said."""

    url: str
    title: str = ""
    start: int = 0
    end: int = 0


class Text(Record, frozen=True):
    text: str
    cache: CacheTtl | None = None
    signature: Signature | None = None
    citations: tuple[Citation, ...] = ()


class Media(Record, frozen=True):
    """An image, a sound or a document: exactly one of `data` (base64), `url`, `file_id` and `text` is given."""

    kind: Literal["image", "audio", "document"]
    at: str
    media_type: str = ""  # "" where only a URL or an id is known
    data: str = ""
    url: str = ""
    file_id: str = ""
    text: str = ""  # of a document that is plain text
    name: str = ""  # of a document
    detail: str = ""  # of an image: low | high | original | auto
    cache: CacheTtl | None = None


class ToolCall(Record, frozen=True):
    """`arguments` is the raw JSON text as it was said (maybe empty or broken); of a `custom` tool plain text."""

    id: str
    name: str
    arguments: str
    at: str = ""
    custom: bool = False
    signature: Signature | None = None
    cache: CacheTtl | None = None


class ToolResult(Record, frozen=True):
    """What came of the call `id`. `name` is the tool's where the dialect says it."""

    id: str
    blocks: tuple["Text | Media", ...]
    at: str = ""
    name: str = ""
    is_error: bool = False
    custom: bool = False
    cache: CacheTtl | None = None


class Thinking(Record, frozen=True):
    """A model's reasoning as far as it is shown; with no text and a signature it is sealed (redacted).

    `at` is said of what the caller gives back in so many words, not of text that goes along: who leaves it out says
    so.
    """

    text: str
    signature: Signature | None = None
    at: str = ""


class Refusal(Record, frozen=True):
    text: str


Block: TypeAlias = Text | Media | ToolCall | ToolResult | Thinking | Refusal


class Turn(Record, frozen=True):
    """`system` turns are those behind the leading ones, which are `ChatRequest.system`."""

    role: Role
    blocks: tuple[Block, ...]
    at: str = ""


class Tool(Record, frozen=True):
    """`schema` is a JSON Schema of the arguments; None: it takes none. `custom`: it takes plain text."""

    name: str
    at: str = ""
    description: str = ""
    schema: JsonObject | None = None
    strict: bool | None = None
    custom: bool = False
    grammar: JsonObject | None = None  # of a custom tool
    cache: CacheTtl | None = None


class ToolChoice(Record, frozen=True):
    """`names`: with `required` the one that must be called, or the only ones that may."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


class Format(Record, frozen=True):
    """Of the answer. `schema` where its kind is `schema`."""

    kind: Literal["text", "json", "schema"]
    schema: JsonObject | None = None
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Parameters(Record, frozen=True):
    """None everywhere: the caller did not say. Nothing is ever filled in for a model's own default."""

    max_output: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    choices: int = 1
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    effort: Effort | None = None
    thinking_budget: int | None = None  # tokens; where given, it was said beside or instead of `effort`
    shows_thinking: bool | None = None
    tool_choice: ToolChoice | None = None
    parallel_calls: bool | None = None
    format: Format | None = None
    tier: str | None = None  # auto | default | flex | priority | fast | scale
    end_user: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    cache_key: str | None = None
    auto_cache: CacheTtl | None = None  # the provider is to mark itself what of the request it keeps
    verbosity: str | None = None
    image_out: bool = False  # the answer may have images
    audio_out: JsonObject | None = None  # the answer is to be spoken: voice and format


NO_PARAMETERS = Parameters()


class ChatRequest(Record, frozen=True):
    """`others` are top-level fields without a noun here, as the caller named them: a writer of a dialect that has
    them takes them over, any other drops them with a warning. `names` are the caller's words for `Parameters`,
    where they differ from the noun's: for warnings and errors (`max_output` → `max_completion_tokens`).
    """

    turns: tuple[Turn, ...]
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    parameters: Parameters = NO_PARAMETERS
    stream: bool = False
    others: JsonObject = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    #: Conversations beside `turns` that are asked the same and get answers of their own: prompts of a completion.
    further: tuple[tuple[Turn, ...], ...] = ()

    def named(self, noun: str) -> str:
        """What the caller calls a parameter."""
        return self.names.get(noun, noun)


class Logprob(Record, frozen=True):
    """Of a token that was said; `top` are others that could have been, most likely first."""

    token: str
    logprob: float
    top: tuple["Logprob", ...] = ()


class Answer(Record, frozen=True):
    """One choice of a reply. `matched` is the stop sequence that ended it, where the provider tells."""

    blocks: tuple[Block, ...]
    stop: Stop
    matched: str = ""
    explanation: str = ""  # why it was refused or filtered
    logprobs: tuple[Logprob, ...] = ()


class ChatReply(Record, frozen=True):
    """A whole reply. `id` and `model` are the provider's, `created` seconds since 1970; "" and 0: not said.

    `unread` names what of it has no noun here: kinds of blocks, reasons why it ended.
    """

    answers: tuple[Answer, ...]
    id: str = ""
    model: str = ""
    created: int = 0
    usage: Usage = NO_USAGE
    tier: str = ""
    unread: tuple[str, ...] = ()
