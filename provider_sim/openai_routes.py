"""OpenAI's endpoints, by path without `/v1`."""

from provider_sim import openai_chat, openai_completions, openai_embeddings
from provider_sim.call import Endpoint

OPENAI_EXACT: dict[tuple[str, str], Endpoint] = {
    ("POST", "/chat/completions"): Endpoint(
        "chat.completions", "openai", openai_chat.respond, openai_chat.read, "json"
    ),
    ("POST", "/completions"): Endpoint(
        "completions", "openai", openai_completions.respond, openai_completions.read, "json"
    ),
    ("POST", "/embeddings"): Endpoint(
        "embeddings", "openai", openai_embeddings.respond, openai_embeddings.read, "json"
    ),
}
OPENAI_PATTERNS: list[tuple[str, str, Endpoint]] = []
