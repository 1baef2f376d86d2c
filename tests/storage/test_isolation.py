"""Row-level security: attempts of one tenant to see or touch another's rows, and of code that forgot the tenant."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from storage.audit import Deed, append
from storage.database import EVERY_TENANT, Database, connected
from storage.isolation import weaknesses
from storage.partitions import make_ahead
from tests.postgres import Stored, migrated
from tests.storage.rows import TODAY, usage_row, write_usage
from tests.storage.servers import RunningPostgres

#: Every relation with rows of tenants, and the column that says whose.
TENANT_TABLES = {
    "tenants": "id",
    "tenant_keys": "tenant",
    "tenant_key_use": "tenant",
    "budgets": "tenant",
    "budget_scopes": "tenant",
    "usage_log": "tenant",
    "budget_accounts": "tenant",
    "budget_balances": "tenant",
    "audit_log": "tenant",
    "audit_details": "tenant",
    "idempotent_answers": "tenant",
}
SHARED_TABLES = ("admin_keys", "pools", "budget_slices", "workers", "spool_cursors")


async def _fill(stored: Stored) -> None:
    """Rows of tenants `a` and `b` in every table."""
    async with connected(stored.owner) as owner:
        await make_ahead(owner, "usage_log", TODAY)
    async with connected(stored.application) as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', '*', true)")
        for number, tenant in enumerate(("a", "b")):
            digest, one = bytes([number]) * 32, f"secret of {tenant}"
            for statement, values in (
                ("INSERT INTO tenants (id, name) VALUES ($1, $2)", [one]),
                ("INSERT INTO tenant_keys (tenant, id, digest) VALUES ($1, 'web', $2)", [digest]),
                ("INSERT INTO tenant_key_use VALUES ($1, 'web', now())", []),
                (
                    "INSERT INTO budgets (tenant, id, period, limit_nusd) VALUES ($1, 'of-' || $1, 'day', 1)",
                    [],
                ),
                ("INSERT INTO budget_accounts VALUES ('of-' || $1, 'p', $1, 9, 'hard', 5)", []),
                ("INSERT INTO budget_posted SELECT 'of-' || $1, 'p', 'w', 3", []),
                (
                    "INSERT INTO idempotent_answers"
                    " (tenant, principal, key, request_digest, holder, expires_at, body)"
                    " VALUES ($1, 'web', 'k', $2, 'w', now() + '1 day', $3)",
                    [digest, one.encode()],
                ),
            ):
                await connection.execute(statement, tenant, *values)
            await write_usage(connection, [usage_row(f"request-{tenant}", tenant=tenant)])
            deed = Deed("human", "someone", "tenant.create", tenant, tenant=tenant, details={"name": one})
            await append(connection, deed, datetime(2026, 11, 21, tzinfo=UTC))
        await connection.execute(
            "INSERT INTO providers (id, dialect, base_url) VALUES ('p', 'openai', 'https://x')"
        )
        await connection.execute("INSERT INTO pools (id, provider, tenants) VALUES ('k', 'p', '{a,b}')")


@pytest.fixture(scope="module")
def stored(postgres: RunningPostgres) -> Stored:
    """One for all tests here: none leaves anything in it."""

    async def make() -> Stored:
        made = await migrated(postgres)
        await _fill(made)
        return made

    return asyncio.run(make())


async def test_each_sees_its_own_rows_and_no_others(database: Database) -> None:
    for tenant, other in (("a", "b"), ("b", "a")):
        async with database.reads.transaction(tenant) as connection:
            for table, column in TENANT_TABLES.items():
                seen = await connection.fetch(f"SELECT DISTINCT {column}::text AS whose FROM {table}")
                assert [row["whose"] for row in seen] == [tenant], table
            for table in SHARED_TABLES:
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
            assert await connection.fetchval("SELECT count(*) FROM tenants WHERE id = $1", other) == 0
    async with database.reads.transaction(EVERY_TENANT) as connection:
        for table, column in TENANT_TABLES.items():
            assert await connection.fetchval(f"SELECT count(DISTINCT {column}::text) FROM {table}") == 2, (
                table
            )


async def test_a_tenants_balances_are_as_everybody_else_sees_them(database: Database) -> None:
    """What was posted to its own accounts it sees, and to no others."""
    balances = "SELECT posted_nusd, reserved_nusd, remaining_nusd FROM budget_balances WHERE tenant = 'a'"
    for seen_by in (EVERY_TENANT, "a"):
        async with database.reads.transaction(seen_by) as connection:
            assert tuple(await connection.fetchrow(balances)) == (3, 2, 4), seen_by
    async with database.reads.transaction("a") as connection:
        accounts = await connection.fetch("SELECT account FROM budget_posted")
        assert [row["account"] for row in accounts] == ["of-a"]
    with pytest.raises(Exception, match="row-level security"):
        async with database.admin.transaction("a") as connection:
            await connection.execute("INSERT INTO budget_posted VALUES ('of-a', 'p', 'mine', 1)")
    async with database.admin.transaction("a") as connection:
        assert await connection.execute("UPDATE budget_posted SET posted_nusd = 0") == "UPDATE 0"


async def test_without_a_tenant_there_is_an_error_or_nothing(stored: Stored, database: Database) -> None:
    """D21: on a fresh connection, on one that another tenant just used, in and outside a transaction."""
    async with connected(stored.application) as fresh:
        for table in (*TENANT_TABLES, "pools", "budget_posted"):
            with pytest.raises(Exception, match="unrecognized configuration parameter"):
                await fresh.fetch(f"SELECT * FROM {table}")
        async with fresh.transaction():
            await fresh.execute("SELECT set_config('app.tenant', 'a', true)")
            assert await fresh.fetchval("SELECT count(*) FROM tenants") == 1
        for table in (*TENANT_TABLES, *SHARED_TABLES):  # the setting is now empty
            assert await fresh.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    for _ in range(10):
        async with database.reads.transaction("a") as connection:
            assert await connection.fetchval("SELECT count(*) FROM tenants") == 1
        async with database.reads.transaction() as connection:
            for table in (*TENANT_TABLES, *SHARED_TABLES):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_a_session_setting_does_not_outlive_its_user(database: Database) -> None:
    async with database.reads.transaction("a") as connection:
        await connection.execute("SET app.tenant = 'b'")  # a programming error: not local
    for _ in range(5):
        async with database.reads.transaction() as connection:
            assert await connection.fetchval("SELECT count(*) FROM tenants") == 0


async def test_nothing_can_be_written_for_another(database: Database) -> None:
    for statement in (
        "INSERT INTO tenants (id) VALUES ('c')",
        "INSERT INTO tenant_keys (tenant, id, digest) VALUES ('b', 'mine', sha256('x'))",
        "INSERT INTO budgets (id, tenant, period, limit_nusd) VALUES ('x', 'b', 'day', 1)",
        "INSERT INTO budgets (id, tenant, period, limit_nusd) VALUES ('x', '*', 'day', 1)",
        "UPDATE budgets SET tenant = 'b'",
        "INSERT INTO pools (id, provider) VALUES ('mine', 'p')",
        "INSERT INTO workers (name, epoch) VALUES ('w', 1)",
        "INSERT INTO idempotent_answers (tenant, principal, key, request_digest, holder, expires_at)"
        " VALUES ('b', 'p', 'k2', sha256('x'), 'w', now())",
        # Whether the other has it already must not show either.
        "INSERT INTO idempotent_answers (tenant, principal, key, request_digest, holder, expires_at)"
        " VALUES ('b', 'web', 'k', sha256('x'), 'w', now())",
    ):
        with pytest.raises(Exception, match="row-level security"):
            async with database.admin.transaction("a") as connection:
                await connection.execute(statement)


async def test_changing_or_deleting_anothers_rows_hits_nothing(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.admin.transaction("a") as connection:
            assert await connection.execute("UPDATE tenants SET name = 'mine' WHERE id = 'b'") == "UPDATE 0"
            assert await connection.execute("UPDATE tenants SET name = 'mine'") == "UPDATE 1"
            assert await connection.execute("DELETE FROM idempotent_answers") == "DELETE 1"
            assert await connection.execute("DELETE FROM budgets WHERE tenant = 'b'") == "DELETE 0"
            raise KeyError("and take it back")


async def test_copy_and_functions_see_no_more(database: Database) -> None:
    async with database.reads.transaction("a") as connection:
        copied: list[bytes] = []

        async def take(data: bytes) -> None:
            copied.append(data)

        copy = connection.copy_from_query  # type: ignore[attr-defined]
        await copy("SELECT * FROM tenants", output=take)
        text = b"".join(copied)
        assert b"secret of a" in text and b"secret of b" not in text
        with pytest.raises(Exception, match="permission denied"):
            async with connection.transaction():
                await connection.execute("COPY tenants TO '/tmp/stolen'")


async def test_partitions_have_no_side_door(database: Database) -> None:
    for partition in ("usage_log_2026_11", "usage_log_default"):
        with pytest.raises(Exception, match="permission denied"):
            async with database.reads.transaction("a") as connection:
                await connection.fetch(f"SELECT * FROM {partition}")


async def test_errors_tell_nothing_of_anothers_rows(database: Database) -> None:
    """Casts that show what they could not read, and divisions that fail on a row, meet own rows only."""
    leaks = (
        "SELECT name::int FROM tenants",
        "SELECT 1 / (CASE WHEN name LIKE 'secret of b%' THEN 0 ELSE 1 END) FROM tenants",
        "SELECT (encode(body, 'escape'))::int FROM idempotent_answers",
    )
    for query in leaks:
        try:
            async with database.reads.transaction("a") as connection:
                await connection.fetch(query)
        except Exception as error:
            assert "secret of b" not in f"{error} {getattr(error, 'detail', '')}"
            assert "division by zero" not in str(error)


async def test_statistics_tell_nothing_of_anothers_rows(stored: Stored, database: Database) -> None:
    async with connected(stored.superuser) as connection:
        await connection.execute("ANALYZE")
    async with database.reads.transaction("a") as connection:
        shown = await connection.fetch("SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats")
        assert "secret of" not in json.dumps([str(dict(row)) for row in shown])
        plan = await connection.fetch("EXPLAIN SELECT * FROM tenants")
        assert "secret" not in str(plan)


async def test_the_application_cannot_lift_its_bounds(database: Database) -> None:
    for statement in (
        "ALTER TABLE tenants NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_tenant ON tenants",
        "CREATE POLICY all_of_it ON tenants USING (true)",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "SET ROLE kaze_owner",
        "SET SESSION AUTHORIZATION kaze_owner",
        "CREATE TABLE mine (n int)",
        "ALTER TABLE tenants OWNER TO CURRENT_USER",
        "DROP TABLE tenants",
        "TRUNCATE idempotent_answers",
        "SELECT protect('providers', 'id', 'SELECT')",
        "UPDATE usage_log SET cost_nusd = 0",
        "DELETE FROM usage_log",
        "DELETE FROM schema_migrations",
    ):
        with pytest.raises(Exception, match=r"permission denied|must be owner"):
            async with database.admin.transaction(EVERY_TENANT) as connection:
                await connection.execute(statement)
    async with database.reads.transaction("a") as connection:
        await connection.execute("SET LOCAL row_security = off")
        with pytest.raises(Exception, match="would be affected by row-level security"):
            async with connection.transaction():
                await connection.fetch("SELECT * FROM tenants")


async def test_the_owner_is_bound_too(stored: Stored, database: Database) -> None:
    async with connected(stored.owner) as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', 'a', true)")
        assert await connection.fetchval("SELECT array_agg(id::text) FROM tenants") == ["a"]


async def test_the_catalogue_shows_no_weakness(stored: Stored, database: Database) -> None:
    """D20, and that the look at the catalogue finds what it is for."""
    async with connected(stored.application) as connection:
        assert await weaknesses(connection) == []
    async with connected(stored.superuser) as connection:
        assert "the role kaze_admin passes over row-level security" in await weaknesses(connection)
        with pytest.raises(KeyError):
            async with connection.transaction():
                await connection.execute("CREATE TABLE forgotten (tenant text)")
                await connection.execute("ALTER TABLE budgets NO FORCE ROW LEVEL SECURITY")
                await connection.execute("ALTER VIEW budget_balances RESET (security_invoker)")
                await connection.execute("CREATE POLICY open ON tenants USING (true)")
                await connection.execute("CREATE TABLE mine (n int); ALTER TABLE mine OWNER TO kaze_app")
                await connection.execute("SET LOCAL ROLE kaze_app")
                assert sorted(await weaknesses(connection)) == [
                    "budget_balances: has its owner's rights (no security_invoker)",
                    "budgets: row-level security is not forced",
                    "forgotten: has no row-level security",
                    "tenants: its policy open lets everything through",
                    "the application's role owns what it may then lay open (mine): name their owner in"
                    " database_owner, and in database a role that owns nothing",
                ]
                raise KeyError("and take it back")
