"""A tenant key's own limits as the official Anthropic SDK sees them.

The data plane lists models for it; messages it does not serve yet, so the test itself mounts an exchange in that
dialect where the SDK asks for it. What is answered well is then no message, but heads and refusals are what they
will be.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic

from gateway.api.protocol import bounded_protocol
from gateway.api.routes import JSON
from gateway.serving.listener import Listener
from tests.clock import passes, standing
from tests.gateway.test_tenant_limits import limited, used
from tests.running import TENANT_KEY, ProviderSim, RunningGateway

ASKED: Any = {"model": "smart", "max_tokens": 50}
HELLO: Any = [{"role": "user", "content": "Say hello. [[sim:input=20 output=10]]"}]


@asynccontextmanager
async def messages_of(gateway: RunningGateway) -> AsyncIterator[AsyncAnthropic]:
    """A client of a listener on which every request is a chat in Anthropic's dialect."""
    pipeline, inference = gateway.app.pipeline, gateway.app.data.inference

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        connection = scope["kaze.connection"]
        prepare = partial(inference.from_json, JSON["/chat/completions"], receive, connection)
        await pipeline.run(connection, scope["headers"], "chat", "anthropic", prepare)

    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(16)
    listener = Listener(serve, sock, protocol=bounded_protocol(gateway.settings.snapshot.bounds))
    listener.open()
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    try:
        async with AsyncAnthropic(base_url=url, api_key=TENANT_KEY, max_retries=0) as client:
            yield client
    finally:
        closing = asyncio.ensure_future(listener.close(1.0))
        while not closing.done():
            await passes(0.1)
        await closing


def told(headers: Any) -> dict[str, str]:
    return {
        name.removeprefix("anthropic-ratelimit-"): value
        for name, value in headers.items()
        if "ratelimit" in name
    }


def limits_and_rests(headers: Any) -> dict[str, tuple[str, str]]:
    found = told(headers)
    return {
        name.removesuffix("-limit"): (value, found[name.removesuffix("-limit") + "-remaining"])
        for name, value in found.items()
        if name.endswith("-limit")
    }


async def test_answers_have_anthropics_names(sim: ProviderSim) -> None:
    limits = {"rpm": 9, "itpm": 5_000, "otpm": 900, "tpm": 7_000}
    async with limited(sim, **limits) as gateway, messages_of(gateway) as client:
        with standing():
            raw = await client.messages.with_raw_response.create(messages=HELLO, **ASKED)
            assert limits_and_rests(raw.headers) == {
                "requests": ("9", "8"),
                "tokens": ("900", "890"),  # the most restrictive of the three
                "input-tokens": ("5000", "4980"),
                "output-tokens": ("900", "890"),
            }
            now = datetime.fromtimestamp(gateway.app.ledger_time.now() / 1000, UTC)
            for name in ("requests", "tokens", "input-tokens", "output-tokens"):
                left = datetime.fromisoformat(told(raw.headers)[f"{name}-reset"]) - now
                assert timedelta(seconds=60) <= left <= timedelta(seconds=62), name
            async with AsyncAnthropic(base_url=gateway.url, api_key=TENANT_KEY) as other:
                listed = await other.models.with_raw_response.list()
                assert limits_and_rests(listed.headers)["requests"] == ("9", "8")
                with pytest.raises(anthropic.NotFoundError) as unknown:
                    await other.models.retrieve("nothing")
                assert limits_and_rests(unknown.value.response.headers)["requests"] == ("9", "8")


async def test_refused_and_let_in_when_it_was_told(sim: ProviderSim) -> None:
    async with limited(sim, rpm=1) as gateway, messages_of(gateway) as client:
        with standing():
            await client.messages.with_raw_response.create(messages=HELLO, **ASKED)
            await passes(20)
            with pytest.raises(anthropic.RateLimitError) as caught:
                await client.messages.create(messages=HELLO, **ASKED)
            error, headers = caught.value, caught.value.response.headers
            assert error.body == {
                "type": "error",
                "error": {
                    "type": "rate_limit_error",
                    "message": "Rate limit reached for key 'web' on requests per minute: limit 1, used 1. "
                    f"Please try again in {int(headers['retry-after-ms']) / 1000:g} s.",
                },
                "request_id": headers["request-id"],
            }
            assert limits_and_rests(headers) == {"requests": ("1", "0")}
            await passes(int(headers["retry-after-ms"]) / 1000)
            raw = await client.messages.with_raw_response.create(messages=HELLO, **ASKED)
            assert raw.status_code == 200


async def test_more_than_a_limit_is_too_large(sim: ProviderSim) -> None:
    async with limited(sim, itpm=90) as gateway, messages_of(gateway) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.create(messages=[{"role": "user", "content": "lighthouse " * 400}], **ASKED)
        assert (caught.value.status_code, caught.value.type) == (413, "request_too_large")
        assert used(gateway) == {"itpm": 0}
