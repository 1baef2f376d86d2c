"""Migrations: in order, once, whole, under a lock, and refused where code and database do not fit."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.audit import Deed, append
from storage.database import connected
from storage.migrate import Migration, SchemaError, load, migrate, pending
from storage.postgres_cluster import APPLICATION
from tests.postgres import Stored

FIRST = Migration(1, "first", "CREATE TABLE one (n int); INSERT INTO one VALUES (1);")
SECOND = Migration(2, "second", "INSERT INTO one VALUES (2); CREATE TABLE two (n int);")


async def test_applied_once_in_order(empty: Stored) -> None:
    async with connected(empty.owner) as connection:
        assert await pending(connection, [FIRST, SECOND]) == [FIRST, SECOND]
        assert await migrate(connection, APPLICATION, [FIRST]) == [FIRST]
        assert await pending(connection, [FIRST, SECOND]) == [SECOND]
        assert await migrate(connection, APPLICATION, [FIRST, SECOND]) == [SECOND]
        assert await migrate(connection, APPLICATION, [FIRST, SECOND]) == []
        assert await connection.fetchval("SELECT array_agg(n ORDER BY n) FROM one") == [1, 2]


async def test_many_workers_at_once_apply_each_once(empty: Stored) -> None:
    async def worker() -> list[Migration]:
        async with connected(empty.owner) as connection:
            return await migrate(connection, APPLICATION, [FIRST, SECOND])

    done = await asyncio.gather(*(worker() for _ in range(6)))
    assert sorted(migration.number for applied in done for migration in applied) == [1, 2]


async def test_a_failing_one_leaves_nothing(empty: Stored) -> None:
    broken = Migration(2, "second", "CREATE TABLE half (n int); SELECT 1/0;")
    async with connected(empty.owner) as connection:
        with pytest.raises(Exception, match="division by zero"):
            await migrate(connection, APPLICATION, [FIRST, broken])
        assert await connection.fetchval("SELECT to_regclass('half')") is None
        assert await pending(connection, [FIRST, SECOND]) == [SECOND]
        assert await migrate(connection, APPLICATION, [FIRST, SECOND]) == [SECOND]


async def test_a_newer_database_is_refused(empty: Stored) -> None:
    async with connected(empty.owner) as connection:
        await migrate(connection, APPLICATION, [FIRST, SECOND])
        for look in (migrate(connection, APPLICATION, [FIRST]), pending(connection, [FIRST])):
            with pytest.raises(SchemaError, match="newer than this gateway, which does not know 0002_second"):
                await look


async def test_a_changed_or_missing_old_one_is_refused(empty: Stored) -> None:
    changed = Migration(1, "first", FIRST.sql + " ")
    async with connected(empty.owner) as connection:
        await migrate(connection, APPLICATION, [FIRST, SECOND])
        with pytest.raises(SchemaError, match="0001_first was applied with another content"):
            await migrate(connection, APPLICATION, [changed, SECOND])
        await connection.execute("DELETE FROM schema_migrations WHERE number = 1")
        with pytest.raises(SchemaError, match="has 0002_second but not number 0001"):
            await migrate(connection, APPLICATION, [FIRST, SECOND])


@pytest.mark.parametrize(
    "names", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["0001_a.sql", "0001_b.sql"]]
)
def test_gaps_and_twins_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(SchemaError, match="should"):
        load(tmp_path)


def test_strange_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "1_first.sql").write_text("SELECT 1")
    with pytest.raises(SchemaError, match="not named like"):
        load(tmp_path)


async def test_values_that_keys_had_outlive_the_change_of_where_they_are_kept(empty: Stored) -> None:
    """0009: what was promised of a value before holds, also over an upgrade in the middle of it."""
    known = load()
    async with connected(empty.owner) as connection:
        await migrate(connection, APPLICATION, known[:8])
        await connection.execute("SELECT set_config('app.tenant', '*', false)")
        await connection.execute("""
            INSERT INTO tenants (id) VALUES ('a');
            INSERT INTO tenant_keys (tenant, id, digest, old_digest, old_until) VALUES
                ('a', 'rotated', sha256('new'), sha256('old'), '2030-01-01Z'),
                ('a', 'other', sha256('o'), NULL, NULL);
        """)
        await migrate(connection, APPLICATION, known)
        rows = await connection.fetch(
            "SELECT key, digest = sha256('old') AS its, until FROM former_key_values"
        )
        assert [tuple(row.values()) for row in rows] == [("rotated", True, datetime(2030, 1, 1, tzinfo=UTC))]


async def test_whose_a_budget_is_outlives_it_also_when_it_is_of_before(empty: Stored) -> None:
    """0017."""
    known = load()
    async with connected(empty.owner) as connection:
        await migrate(connection, APPLICATION, known[:16])
        await connection.execute("SELECT set_config('app.tenant', '*', false)")
        await connection.execute(
            "INSERT INTO budgets (id, tenant, key, period, limit_nusd) VALUES ('b', 'a', 'web', 'day', 1)"
        )
        await migrate(connection, APPLICATION, known)
        await connection.execute("DELETE FROM budgets")
        [row] = await connection.fetch("SELECT * FROM budget_scopes")
        assert tuple(row.values()) == ("b", "a", "web")


async def test_whose_a_budget_was_that_is_long_gone_the_audit_trail_says(empty: Stored) -> None:
    """0018: where the name was one scope's all along, and the trail still has it."""
    known, at = load(), datetime(2030, 1, 1, tzinfo=UTC)
    made = (("one", "web"), ("one", "web"), ("two", "web"), ("two", None), ("all", None), ("erased", None))
    async with connected(empty.owner) as connection:
        await migrate(connection, APPLICATION, known[:17])
        await connection.execute("SELECT set_config('app.tenant', '*', false)")
        for name, key in made:
            details = None if name == "erased" else {"after": {"id": name, "tenant": "a", "key": key}}
            deed = Deed("human", "op", "budgets.create", f"budget/{name}", tenant="a", details=details)
            async with connection.transaction():
                await append(connection, deed, at)
        await connection.execute(
            "INSERT INTO budget_accounts (account, period, tenant, limit_nusd, enforce)"
            " SELECT name, 'total', 'a', 1, 'hard' FROM unnest($1::text[]) AS name",
            sorted({name for name, _ in made}),
        )
        await migrate(connection, APPLICATION, known)
        rows = await connection.fetch("SELECT * FROM budget_scopes ORDER BY budget")
        assert [tuple(row.values()) for row in rows] == [("all", "a", None), ("one", "a", "web")]


async def test_a_change_of_the_configuration_is_counted_and_told(stored: Stored) -> None:
    heard: list[str] = []
    async with connected(stored.owner) as listener, connected(stored.application) as connection:
        await listener.add_listener("kaze_generation", lambda *told: heard.append(told[-1]))
        before = await connection.fetchval("SELECT number FROM generation")
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', '*', true)")
            await connection.execute("INSERT INTO tenants (id) VALUES ('a')")
            await connection.execute("INSERT INTO models (id, targets) VALUES ('smart', '{openai/gpt}')")
        assert await connection.fetchval("SELECT number FROM generation") == before + 2
        while len(heard) < 2:
            await asyncio.sleep(0.01)
        assert [int(number) for number in heard] == [before + 1, before + 2]
        with pytest.raises(Exception, match="permission denied"):
            await connection.execute("UPDATE generation SET number = 1")


async def test_what_may_not_be_stored(stored: Stored) -> None:
    async with connected(stored.owner) as connection:
        for statement in (
            "INSERT INTO tenants (id) VALUES ('')",
            "INSERT INTO tenants (id) VALUES ('*')",
            "INSERT INTO tenants (id) VALUES ('A')",
            "INSERT INTO pools (id, provider, secret) VALUES ('p', 'x', 'sk-literal')",
            "INSERT INTO tenant_keys (tenant, id, digest) VALUES ('t', 'k', 'short')",
            "INSERT INTO budgets (id, tenant, period, limit_nusd) VALUES ('b', 't', 'day', -1)",
            "INSERT INTO budgets (id, tenant, key, period, limit_nusd) VALUES ('b', '*', 'k', 'day', 1)",
        ):
            with pytest.raises(Exception, match="violates check constraint"):
                async with connection.transaction():
                    await connection.execute("SELECT set_config('app.tenant', '*', true)")
                    await connection.execute(statement)
