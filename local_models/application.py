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

    def __init__(self, field: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.field = field
        self.status = status


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
            asked = await _asked(request, embedding.NAME)
            _check_dimensions(asked)
            texts, as_text = _texts(asked), _as_text(asked)
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(one_at_a_time, embeddings.embed, texts)
        except TooLongError as error:
            raise InvalidError("input", str(error)) from error
        data = [
            {"object": "embedding", "index": index, "embedding": _written(vector, as_text)}
            for index, vector in enumerate(made.vectors)
        ]
        usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
        return JSONResponse({"object": "list", "model": embedding.NAME, "data": data, "usage": usage})

    async def talk(request: Request) -> Response:
        await _asked(request, chat.NAME)
        return await relay.answer(request)

    routes = [
        Route("/v1/models", models),
        Route("/v1/embeddings", embed, methods=["POST"]),
        Route("/v1/{path:path}", talk, methods=["POST"]),
        Route("/{path:path}", relay.answer, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={InvalidError: _refused}, lifespan=relay.lifespan)


async def _asked(request: Request, model: str) -> dict[str, Any]:
    """The body; raises InvalidError, too where it is for another model than `model`."""
    try:
        asked = await request.json()
    except ValueError as error:
        raise InvalidError("", "the body is not JSON") from error
    if not isinstance(asked, dict):
        raise InvalidError("", "the body is no object")
    if asked.get("model", model) != model:
        raise InvalidError("model", f"only {model} answers this", 404)
    return asked


def _texts(asked: dict[str, Any]) -> list[str]:
    given = asked.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidError("input", "must be a text or a list of texts")
    return texts


def _check_dimensions(asked: dict[str, Any]) -> None:
    if asked.get("dimensions") is not None:
        raise InvalidError("dimensions", "this model's vectors have one size only")


def _as_text(asked: dict[str, Any]) -> bool:
    """Whether vectors are written as base64, which is what SDKs ask for."""
    encoding = asked.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise InvalidError("encoding_format", "must be float or base64")
    return encoding == "base64"


def _written(vector: Vector, as_text: bool) -> str | list[float]:
    if as_text:
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, InvalidError)
    code = "model_not_found" if error.status == 404 else None
    said = {
        "message": str(error),
        "type": "invalid_request_error",
        "param": error.field or None,
        "code": code,
    }
    return JSONResponse({"error": said}, status_code=error.status)
