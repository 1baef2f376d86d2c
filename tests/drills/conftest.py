"""A real PostgreSQL that can be cut off from the gateway, or made to fail by who owns it."""

from collections.abc import AsyncIterator

import pytest

from tests.cut_proxy import CutProxy
from tests.postgres import Stored
from tests.storage.servers import RunningPostgres


@pytest.fixture
async def proxy(postgres: RunningPostgres) -> AsyncIterator[CutProxy]:
    async with CutProxy(str(postgres.server.socket_directory / ".s.PGSQL.5432")) as running:
        yield running


@pytest.fixture
def through(proxy: CutProxy, stored: Stored) -> str:
    """By which a gateway reaches the database, until the proxy is cut."""
    account, _, rest = stored.application.partition("@/")
    return f"{account}@127.0.0.1:{proxy.port}/{rest.partition('?')[0]}?sslmode=disable"
