"""The gateway of a test, asked by each official SDK."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from google import genai
from google.genai.types import HttpOptions
from openai import AsyncOpenAI

from tests.running import TENANT_KEY, RunningGateway
from tests.sdk import anthropic_client, openai_client


@pytest.fixture
async def by_openai(gateway: RunningGateway) -> AsyncIterator[AsyncOpenAI]:
    async with openai_client(gateway) as made:
        yield made


@pytest.fixture
async def by_anthropic(gateway: RunningGateway) -> AsyncIterator[AsyncAnthropic]:
    async with anthropic_client(gateway) as made:
        yield made


@pytest.fixture
async def by_google(gateway: RunningGateway) -> AsyncIterator[Any]:
    client = genai.Client(api_key=TENANT_KEY, http_options=HttpOptions(base_url=gateway.url))
    yield client.aio
    await client.aio.aclose()
