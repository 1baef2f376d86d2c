"""Requests handed on to another server of this process, and its answers back as they come.

Whoever asked may leave at any time; then the other server is left, too, and stops generating.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse


class Relay:
    """To the server at `url`, while `lifespan` lasts."""

    def __init__(self, url: str) -> None:
        # No limit of time: a small machine may take minutes, and it is for the caller to say when it had enough.
        self._client = httpx2.AsyncClient(base_url=url, timeout=None, trust_env=False)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with self._client:
            yield

    async def answer(self, request: Request) -> Response:
        """Status, media type and body are those of the other server."""
        media = {"content-type": request.headers.get("content-type", "application/json")}
        body = await request.body()
        sent = self._client.build_request(request.method, request.url.path, content=body, headers=media)
        answering = asyncio.create_task(self._client.send(sent, stream=True))
        leaving = asyncio.ensure_future(request.receive())  # after the body nothing else comes
        await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not answering.done():
            answering.cancel()
            return Response(status_code=499)  # to nobody
        reply = answering.result()
        media = {"content-type": reply.headers.get("content-type", "application/json")}
        return StreamingResponse(_bytes(reply), reply.status_code, media)


async def _bytes(reply: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for part in reply.aiter_raw():
            yield part
    finally:
        await reply.aclose()
