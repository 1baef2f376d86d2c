"""Servers that an earlier gateway, killed outright, left running are ended by the next start, whatever it needs."""

import asyncio
from dataclasses import replace
from pathlib import Path

from gateway.pipeline.shared_ledger import valkey_beside
from gateway.serving.database import DIRECTORY, DatabaseBeside
from gateway.serving.ledger import ValkeyBeside
from gateway.settings.server import DatabaseStore
from storage.embedded_postgres import EmbeddedPostgres
from tests.clock import LoopClock
from tests.settings.loading import VALID, load_text


async def test_a_start_that_needs_none_ends_what_is_left(made: Path, tmp_path: Path) -> None:
    data_dir = made.parent
    made.rename(data_dir / DIRECTORY)
    settings = replace(load_text(VALID, tmp_path), data_dir=data_dir, database=DatabaseStore("none"))
    assert settings.ledger.kind == "memory"
    postgres, valkey = EmbeddedPostgres(data_dir / DIRECTORY), valkey_beside(settings)
    await asyncio.gather(postgres.start(), valkey.start())
    for server in (postgres, valkey):
        assert server._keeper is not None
        server._keeper.cancel()  # as if their gateway had been killed
    assert postgres._process is not None and valkey._process is not None
    await DatabaseBeside(settings, LoopClock()).start()
    await ValkeyBeside(settings).start()
    assert await valkey._process.wait() == 0
    assert await asyncio.to_thread(postgres._process.wait) == 0
