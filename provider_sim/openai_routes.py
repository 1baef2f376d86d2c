"""OpenAI's endpoints, by path without `/v1`. `{}` stands for one path segment."""

from collections.abc import Callable

from provider_sim import (
    openai_batches,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_files,
    openai_media,
    openai_models,
    openai_responses,
    rerank,
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
    ("POST", "/responses/compact"): _asks(
        "responses.compact", openai_responses.compact, openai_responses.read
    ),
    ("POST", "/rerank"): _asks("rerank", rerank.respond, rerank.read),
    ("GET", "/models"): _does("models", openai_models.listing),
    ("POST", "/moderations"): _does("moderations", openai_media.moderations, "json"),
    ("POST", "/images/generations"): _does("images.generations", openai_media.images, "json"),
    ("POST", "/images/edits"): _does("images.edits", openai_media.images, "form"),
    ("POST", "/images/variations"): _does("images.variations", openai_media.images, "form"),
    ("POST", "/audio/speech"): _does("audio.speech", openai_media.speech, "json"),
    ("POST", "/audio/transcriptions"): _does("audio.transcriptions", openai_media.transcription, "form"),
    ("POST", "/audio/translations"): _does("audio.translations", openai_media.transcription, "form"),
    ("POST", "/files"): _does("files.create", openai_files.create, "form"),
    ("GET", "/files"): _does("files.list", openai_files.listing),
    ("POST", "/uploads"): _does("uploads.create", openai_files.create_upload, "json"),
    ("POST", "/batches"): _does("batches.create", openai_batches.create, "json"),
    ("GET", "/batches"): _does("batches.list", openai_batches.listing),
}
OPENAI_PATTERNS: list[tuple[str, str, Endpoint]] = [
    ("GET", "/responses/{}", _does("responses.retrieve", openai_responses.retrieve)),
    ("DELETE", "/responses/{}", _does("responses.delete", openai_responses.delete)),
    ("POST", "/responses/{}/cancel", _does("responses.cancel", openai_responses.cancel)),
    ("GET", "/responses/{}/input_items", _does("responses.input_items", openai_responses.input_items)),
    ("GET", "/models/{}", _does("models.retrieve", openai_models.retrieve)),
    ("DELETE", "/models/{}", _does("models.delete", openai_models.delete)),
    ("GET", "/files/{}", _does("files.retrieve", openai_files.retrieve)),
    ("DELETE", "/files/{}", _does("files.delete", openai_files.delete)),
    ("GET", "/files/{}/content", _does("files.content", openai_files.content)),
    ("POST", "/uploads/{}/parts", _does("uploads.parts", openai_files.add_part, "form")),
    ("POST", "/uploads/{}/complete", _does("uploads.complete", openai_files.complete_upload, "json")),
    ("POST", "/uploads/{}/cancel", _does("uploads.cancel", openai_files.cancel_upload)),
    ("GET", "/batches/{}", _does("batches.retrieve", openai_batches.retrieve)),
    ("POST", "/batches/{}/cancel", _does("batches.cancel", openai_batches.cancel)),
]
