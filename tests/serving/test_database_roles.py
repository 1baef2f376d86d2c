"""A database of somebody else's, with too few rights and with too many: what is said names the setting."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.serving.database import DatabaseBeside
from gateway.serving.refusal import StartError
from gateway.settings.server import DatabaseStore
from keys.secret import Secret
from tests.clock import LoopClock
from tests.postgres import Stored
from tests.settings.loading import VALID, load_text


def beside(url: str, tmp_path: Path, owner: str | None = None) -> DatabaseBeside:
    store = DatabaseStore("postgresql", Secret(url), owner=None if owner is None else Secret(owner))
    return DatabaseBeside(replace(load_text(VALID, tmp_path), database=store), LoopClock())


async def test_a_role_that_may_not_make_tables_is_told_of_the_owner(empty: Stored, tmp_path: Path) -> None:
    with pytest.raises(
        StartError, match=r"permission denied.* give the URL of one that may as database_owner"
    ):
        await beside(empty.application, tmp_path).start()
    with pytest.raises(StartError, match="role of database_owner"):
        await beside(empty.application, tmp_path, empty.application).start()


async def test_a_role_that_owns_the_tables_is_one_warning(
    stored: Stored, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one_role = beside(stored.owner, tmp_path)
    await one_role.start()
    await one_role.stop()
    [said] = [record.getMessage() for record in caplog.records if "not apart" in record.getMessage()]
    assert "tenants, " in said and "database_owner" in said
