"""What `llm-comply` finds wrong or advises against, and is so for a reason: `docs/conformance.md` shows these."""

from typing import NamedTuple


class Advised(NamedTuple):
    suite: str
    behind: tuple[str, ...]
    check: str
    reason: str


ADVISED = (
    Advised(
        "open-responses", ("anthropic", "gemini", "ollama"), "compact-response",
        "Only OpenAI compacts, into what only OpenAI can read; of others it cannot be asked (404).",
    ),
    Advised(
        "openai-chat", ("ollama",), "chat-reasoning-summary",
        "Ollama counts thoughts among what it says and tells no number of theirs.",
    ),
    Advised(
        "google-genai", ("ollama",), "google-thinking",
        "The same: there is no `thoughtsTokenCount` to tell. The thoughts are there.",
    ),
    Advised(
        "anthropic", ("openai",), "anth-thinking-display",
        "OpenAI's chat completions never show thoughts; their number is told. By responses they come.",
    ),
    Advised("google-genai", ("openai",), "google-thinking", "The same."),
)  # fmt: skip

REFUSED = (
    Advised(
        "open-responses", ("anthropic",), "assistant-phase",
        "It begins with an assistant's words; Anthropic takes no conversation that no user began (400), and one is "
        "made up only where `lenient` allows it.",
    ),
)  # fmt: skip


def refused(suite: str, behind: str) -> set[str]:
    """The checks that fail."""
    return {row.check for row in REFUSED if row.suite == suite and behind in row.behind}


def advised(suite: str, behind: str) -> set[str]:
    """The checks that warn."""
    return {row.check for row in ADVISED if row.suite == suite and behind in row.behind}


def rows() -> list[str]:
    """Of the page's tables."""
    return [
        f"| {row.suite} | {', '.join(row.behind)} | `{row.check}` | {row.reason} |"
        for row in (*REFUSED, *ADVISED)
    ]
