"""The one listener before both models: texts become vectors here, all else is the chat model's own server's."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_models import chat, embedding
from local_models.embedding import EmbeddingModel, TooLongError, Vector
from local_models.relay import Relay


class InvalidError(ValueError):
    """What is wrong with a request, and the field that is."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def application(embeddings: EmbeddingModel, chat_url: str) -> Starlette:
    """Of the OpenAI API: `/v1/models`, `/v1/embeddings`, and what the server at `chat_url` answers."""
    relay = Relay(chat_url)
    one_at_a_time = ThreadPoolExecutor(1, "embeddings")

    async def models(_: Request) -> JSONResponse:
        listed = [
            {"id": name, "object": "model", "owned_by": "local"} for name in (chat.NAME, embedding.NAME)
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def embed(request: Request) -> Response:
        try:
            asked = await request.json()
            texts, as_text = _texts(asked), _encoding(asked)
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(one_at_a_time, embeddings.embed, texts)
        except InvalidError as error:
            return _refused(str(error), error.field)
        except TooLongError as error:
            return _refused(str(error), "input")
        except ValueError:
            return _refused("is not JSON", None)
        data = [
            {"object": "embedding", "index": index, "embedding": _written(vector, as_text)}
            for index, vector in enumerate(made.vectors)
        ]
        usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
        return JSONResponse({"object": "list", "model": embedding.NAME, "data": data, "usage": usage})

    routes = [
        Route("/v1/models", models),
        Route("/v1/embeddings", embed, methods=["POST"]),
        Route("/{path:path}", relay.answer, methods=["GET", "POST"]),
    ]
    return Starlette(routes=routes, lifespan=relay.lifespan)


def _texts(asked: Any) -> list[str]:
    given = asked.get("input") if isinstance(asked, dict) else None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidError("input", "must be a text or a list of texts")
    return texts


def _encoding(asked: dict[str, Any]) -> bool:
    """Whether vectors are written as base64, which is what SDKs ask for; raises InvalidError."""
    if asked.get("dimensions") is not None:
        raise InvalidError("dimensions", "this model's vectors have one size only")
    encoding = asked.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise InvalidError("encoding_format", "must be float or base64")
    return encoding == "base64"


def _written(vector: Vector, as_text: bool) -> str | list[float]:
    if as_text:
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers


def _refused(message: str, field: str | None) -> JSONResponse:
    error = {"message": message, "type": "invalid_request_error", "param": field, "code": None}
    return JSONResponse({"error": error}, status_code=400)
