"""OpenAI's endpoints, by path without `/v1`. `{}` stands for one path segment."""

from collections.abc import Callable

from provider_sim import (
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_models,
    openai_responses,
)
from provider_sim.ask import Ask
from provider_sim.call import Call, Endpoint
from provider_sim.message import Reply


def _asks(name: str, respond: Callable[[Call], Reply], read: Callable[[Call], Ask]) -> Endpoint:
    """An endpoint that asks a model by JSON."""
    return Endpoint(name, "openai", respond, read, "json")


def _does(name: str, respond: Callable[[Call], Reply], body: str = "none") -> Endpoint:
    return Endpoint(name, "openai", respond, None, body)


OPENAI_EXACT: dict[tuple[str, str], Endpoint] = {
    ("POST", "/chat/completions"): _asks("chat.completions", openai_chat.respond, openai_chat.read),
    ("POST", "/completions"): _asks("completions", openai_completions.respond, openai_completions.read),
    ("POST", "/embeddings"): _asks("embeddings", openai_embeddings.respond, openai_embeddings.read),
    ("POST", "/responses"): _asks("responses", openai_responses.respond, openai_responses.read),
    ("POST", "/responses/input_tokens"): _asks(
        "responses.input_tokens", openai_responses.input_tokens, openai_responses.read_count
    ),
    ("GET", "/models"): _does("models", openai_models.listing),
}
OPENAI_PATTERNS: list[tuple[str, str, Endpoint]] = [
    ("GET", "/responses/{}", _does("responses.retrieve", openai_responses.retrieve)),
    ("DELETE", "/responses/{}", _does("responses.delete", openai_responses.delete)),
    ("POST", "/responses/{}/cancel", _does("responses.cancel", openai_responses.cancel)),
    ("GET", "/responses/{}/input_items", _does("responses.input_items", openai_responses.input_items)),
    ("GET", "/models/{}", _does("models.retrieve", openai_models.retrieve)),
    ("DELETE", "/models/{}", _does("models.delete", openai_models.delete)),
]
