"""How a caller's API reaches a provider: in its own words, bytes as they are, or translated into which of its APIs.

Only what is configured decides here (dialect, `apis`, what is known of the model); a request's own needs may still
send it to another of the provider's APIs (`responses.bridge`).
"""

from collections.abc import Set

from gateway.capabilities import Capabilities
from gateway.dialects.embeddings.gemini import BATCH_MAX
from gateway.embedding import INPUTS_MAX
from gateway.record import Record

_OPENAI = frozenset({"openai", "azure"})
#: Which dialects have an API as the caller writes it. Compatible servers may offer Anthropic's as well.
_SPOKEN_BY = {
    "messages": _OPENAI | {"anthropic"},
    "count_tokens": frozenset({"anthropic"}),
    "generate_content": frozenset({"gemini"}),
    "embeddings": _OPENAI,
    "embed_content": frozenset({"gemini"}),
    "count_content": frozenset({"gemini"}),
    "chat": _OPENAI,
    "completions": _OPENAI | {"ollama"},
    "compaction": _OPENAI,
}
_USUAL = _OPENAI | {"ollama"}
#: What a provider calls an API of its own that callers know under another name.
_OFFERED_AS = {"embed_content": "embeddings", "count_content": "count_tokens", "compaction": "responses"}
#: The callers' APIs that are conversations, and what of a dialect's they can be translated to, best first.
CONVERSATIONS = frozenset({"chat", "completions", "responses", "messages", "generate_content"})
_CONVERSES_BY = {
    "openai": ("chat", "responses"),
    "azure": ("chat", "responses"),
    "anthropic": ("messages",),
    "gemini": ("generate_content",),
    "ollama": ("chat",),
}
#: What asks how many tokens a request has, and by what those are asked who count; for others it is estimated.
_COUNTS = frozenset({"count_tokens", "count_content"})
_COUNTED_BY = {"anthropic": "count_tokens", "gemini": "count_content"}
#: The conversations that it is asked of.
COUNTED = {"count_tokens": "messages", "count_content": "generate_content"}
_ESTIMATED = "estimate"
EMBEDDINGS = frozenset({"embeddings", "embed_content"})
#: The dialects that have them, and how many texts one request takes there, whatever the model.
_TEXTS_MAX = {"openai": INPUTS_MAX, "azure": INPUTS_MAX, "gemini": BATCH_MAX, "ollama": INPUTS_MAX}


class Passage(Record, frozen=True):
    """`native`: as the caller wrote it, with nothing but its model's name changed. `api` is the provider's.

    `bridged`: some requests must take the provider's `responses` instead. `texts_max`: more texts than so many are
    embedded in several requests; 0: all go in one.
    """

    native: bool
    api: str
    bridged: bool = False
    texts_max: int = 0

    @property
    def estimates(self) -> bool:
        """Nobody is asked: the provider does not count."""
        return self.api == _ESTIMATED

    @property
    def talks(self) -> str:
        """The API whose requests it counts, of one that counts."""
        return COUNTED[self.api]


def passage(asked: str, dialect: str, offered: Set[str], can: Capabilities) -> Passage | None:
    """For the caller's API `asked` at a provider of `dialect` that offers these APIs; None: there is no way."""
    spoken = dialect in _SPOKEN_BY.get(asked, _USUAL) and _OFFERED_AS.get(asked, asked) in offered
    if asked in EMBEDDINGS:
        has_them = "embeddings" in offered and dialect in _TEXTS_MAX
        return _embeds(spoken, asked, dialect, can) if has_them else None
    bridged = (
        dialect in _OPENAI
        and "responses" in offered
        and not (can.chat_ok and can.chat_tools_ok and can.chat_tools_effort and can.chat_tools_unsaid)
    )
    if spoken and not (asked == "chat" and bridged and not can.chat_ok):
        return Passage(True, asked, bridged and asked == "chat")
    if asked in CONVERSATIONS:
        for api in _CONVERSES_BY.get(dialect, ()):
            if api in offered and (api != "chat" or can.chat_ok or dialect == "ollama"):
                return Passage(False, api, bridged and api == "chat")
    if asked not in _COUNTS:
        return None
    counts = dialect in _COUNTED_BY and "count_tokens" in offered
    return Passage(False, _COUNTED_BY[dialect] if counts else _ESTIMATED)


def _embeds(spoken: bool, asked: str, dialect: str, can: Capabilities) -> Passage:
    """Google's callers keep to Google's bound; OpenAI's may bring more than a compatible server takes."""
    most = min(max(1, can.embedding_batch_max), _TEXTS_MAX[dialect])
    if spoken and (asked == "embed_content" or most == INPUTS_MAX):
        return Passage(True, asked)
    return Passage(False, "embeddings", texts_max=most)
