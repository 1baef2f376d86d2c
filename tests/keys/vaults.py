"""A source over a test's OpenBao, and what tests of it have in common."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from keys.secrets.reference import Reference, parse
from keys.secrets.source import Fault, FetchError
from keys.secrets.vault import VaultSource
from keys.secrets.vault_login import VaultLogin
from tests.clock import FlowingLoop
from tests.keys.openbao import OpenBao

KEY = parse("vault:secret/llm/openai#key")
ITS_PATH = "secret/data/llm/openai"


@asynccontextmanager
async def vault(
    bao: OpenBao, login: VaultLogin, port: int | None = None, **options: Any
) -> AsyncIterator[VaultSource]:
    source = VaultSource(bao.server(port, **options), login, asyncio.get_running_loop().time, fetch_s=60)
    source.start()
    try:
        yield source
    finally:
        await source.close()


async def fault_of(source: VaultSource, reference: Reference = KEY) -> Fault:
    with pytest.raises(FetchError) as caught:
        await source.fetch(reference)
    return caught.value.fault


def move(seconds: float) -> None:
    cast(FlowingLoop, asyncio.get_running_loop()).move(seconds)
