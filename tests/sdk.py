"""Clients of official SDKs, as tenants of a gateway under test; they ask once unless told otherwise."""

from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.running import TENANT_KEY, RunningGateway


def openai_client(gateway: RunningGateway, key: str = TENANT_KEY, **options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, **{"max_retries": 0} | options)


def anthropic_client(gateway: RunningGateway, key: str = TENANT_KEY, **options: Any) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=gateway.url, api_key=key, **{"max_retries": 0} | options)
