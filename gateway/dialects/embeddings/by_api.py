"""Which of these speaks to whom: callers on one side, providers on the other."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.dialects.embeddings.gemini import GeminiIn, GeminiOut
from gateway.dialects.embeddings.ollama import OllamaOut
from gateway.dialects.embeddings.openai import OpenAIIn, OpenAIOut
from gateway.dialects.embeddings.seam import EmbeddingInbound, EmbeddingOutbound

_INBOUND: Mapping[str, EmbeddingInbound] = MappingProxyType(
    {
        "/embeddings": OpenAIIn(),
        ":embedContent": GeminiIn(batched=False),
        ":batchEmbedContents": GeminiIn(batched=True),
    }
)
_OPENAI = OpenAIOut()
_OUTBOUND: Mapping[str, EmbeddingOutbound] = MappingProxyType(
    {"openai": _OPENAI, "azure": _OPENAI, "gemini": GeminiOut(), "ollama": OllamaOut()}
)


def embedding_inbound(path: str) -> EmbeddingInbound:
    """What reads a caller's request to the endpoint of that path."""
    return _INBOUND[path]


def embedding_outbound(dialect: str) -> EmbeddingOutbound:
    """What speaks to a provider of that dialect."""
    return _OUTBOUND[dialect]
