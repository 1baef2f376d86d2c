"""Ollama's /api/embed: spoken by providers only."""

from gateway.capabilities import Capabilities
from gateway.chat import Json, JsonObject
from gateway.dialects.embeddings.seam import texts
from gateway.dialects.embeddings.vectors import checked, read_vector
from gateway.dialects.json_text import json_bytes
from gateway.dialects.losses import Losses
from gateway.dialects.ollama.reply_in import usage_of
from gateway.dialects.translation import Sent
from gateway.embedding import EmbeddingReply, EmbeddingRequest
from gateway.errors import ReportedError

_PASSED = frozenset({"keep_alive"})


class OllamaOut:
    """As providers speak it."""

    __slots__ = ()

    def request(self, request: EmbeddingRequest, model: str, losses: Losses) -> Sent:
        body: JsonObject = {"model": model, "input": list[Json](texts(request)), "truncate": False}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        for noun in ("task", "title"):
            if getattr(request, noun):
                losses.dropped(request.named(noun))
        for name, value in request.others.items():
            if name in _PASSED:
                body[name] = value
            else:
                losses.dropped(name)
        return Sent("/api/embed", body, api="embeddings")

    def reply(self, body: JsonObject, request: EmbeddingRequest, can: Capabilities) -> EmbeddingReply:  # noqa: ARG002
        if body.get("error"):
            raise ReportedError(json_bytes(body))
        found = body.get("embeddings")
        vectors = tuple([read_vector(one) for one in found]) if isinstance(found, list) else ()
        return EmbeddingReply(checked(vectors, request), usage_of(body))
