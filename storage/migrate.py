"""The schema: numbered plain-SQL files, forward only, each applied once, whole or not at all.

Several workers may start at once: whoever holds the lock applies the next file, the others find it done. A database
that knows more than the code, or whose files were changed after they were applied, is refused. When the database is
away nothing is applied and the error passes to the caller.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.connection import Connection

MIGRATIONS = Path(__file__).with_name("migrations")
#: Advisory locks share one space of numbers; this is the schema's.
LOCK = 0x6B617A65_0001
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql\Z")
_LOCK_S = 60
_STATEMENT_S = 600
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class SchemaError(Exception):
    """The database's schema and this code do not fit; says how."""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.number:04}_{self.name}"


def load(directory: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """The files in order; they must be numbered from 1 without a gap."""
    found: list[Migration] = []
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise SchemaError(f"{path.name} is not named like NNNN_what_it_does.sql")
        found.append(Migration(int(match[1]), match[2], path.read_text()))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise SchemaError(f"{migration} stands where number {expected:04} should")
    return tuple(found)


async def migrate(
    connection: Connection, application: str, migrations: Sequence[Migration] | None = None
) -> list[Migration]:
    """Applies what is missing, by the owner's `connection`, granting to the role `application`; returns it."""
    known = load() if migrations is None else migrations
    applied: list[Migration] = []
    while (migration := await _step(connection, application, known)) is not None:
        applied.append(migration)
    return applied


async def pending(connection: Connection, migrations: Sequence[Migration] | None = None) -> list[Migration]:
    """What `migrate` would apply; raises SchemaError as it would."""
    known = load() if migrations is None else migrations
    async with connection.transaction():
        if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
            return list(known)
        return list(known[await _count_applied(connection, known) :])


async def may_migrate(connection: Connection) -> bool:
    """Whether this role may make tables where `migrate` would."""
    return bool(
        await connection.fetchval(
            "SELECT has_schema_privilege(current_user, to_regnamespace(current_schema()), 'CREATE')"
        )
    )


async def _step(connection: Connection, application: str, known: Sequence[Migration]) -> Migration | None:
    """One transaction: at most one file, under a lock that ends with it, as a transaction pooler needs."""
    async with connection.transaction():
        await connection.execute(
            f"SET LOCAL statement_timeout = '{_STATEMENT_S}s'; SET LOCAL lock_timeout = '{_LOCK_S}s';"
        )
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(_TABLE)
        count = await _count_applied(connection, known)
        if count == len(known):
            return None
        migration = known[count]
        await connection.execute("SELECT set_config('kaze.application', $1, true)", application)
        await connection.execute("SELECT set_config('app.tenant', '*', true)")
        await connection.execute(migration.sql, timeout=_STATEMENT_S)
        await connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
            migration.number, migration.name, migration.checksum,
        )  # fmt: skip
        return migration


async def _count_applied(connection: Connection, known: Sequence[Migration]) -> int:
    """How many of `known` are applied; raises SchemaError when these are not the first of them as they are now."""
    rows = await connection.fetch("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
    for expected, row in enumerate(rows, start=1):
        written = f"{row['number']:04}_{row['name']}"
        if row["number"] != expected:
            raise SchemaError(f"the database has {written} but not number {expected:04}")
        if expected > len(known):
            raise SchemaError(
                f"the database is newer than this gateway, which does not know {written}: upgrade"
            )
        if row["checksum"] != known[expected - 1].checksum:
            raise SchemaError(
                f"{written} was applied with another content than {known[expected - 1]} has now"
            )
    return len(rows)
