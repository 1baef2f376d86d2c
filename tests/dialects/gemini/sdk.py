"""The official SDK of Google's, fed with what a caller would get, and asked for what it would send."""

import json
from functools import cache
from typing import Any

import httpx
from google import genai
from google.genai import types


class Sdk:
    """One client for all; whatever it asks, it gets `answer`."""

    def __init__(self) -> None:
        self.answer, self.content_type, self.asked = b"", "", b""
        transport = httpx.Client(transport=httpx.MockTransport(self._handle))
        options = types.HttpOptions(base_url="http://gateway", httpx_client=transport)
        self.models = genai.Client(api_key="k", http_options=options).models

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked = request.content
        return httpx.Response(200, headers={"content-type": self.content_type}, content=self.answer)


@cache
def sdk() -> Sdk:
    return Sdk()


def parsed(body: Any) -> types.GenerateContentResponse:
    """A whole reply as the SDK has it."""
    sdk().answer, sdk().content_type = json.dumps(body).encode(), "application/json"
    return sdk().models.generate_content(model="m", contents="hi")


def streamed(frames: bytes) -> list[types.GenerateContentResponse]:
    """The chunks of a stream as the SDK has them."""
    sdk().answer, sdk().content_type = frames, "text/event-stream"
    return list(sdk().models.generate_content_stream(model="m", contents="hi"))


def asked_for(**arguments: Any) -> dict[str, Any]:
    """The body that the SDK sends for `generate_content`."""
    sdk().answer, sdk().content_type = b'{"candidates":[]}', "application/json"
    sdk().models.generate_content(model="m", **arguments)
    body: dict[str, Any] = json.loads(sdk().asked)
    return body
