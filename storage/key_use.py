"""When tenant keys were last used: one statement for all of a minute.

When the database is away it is the caller's to come again; nothing else is lost than how recent a moment is.
"""

from collections.abc import Sequence
from datetime import datetime

from storage.database import EVERY_TENANT, Database

# Only of keys that are (still) here; others on other workers may have been later.
_WRITE = """
INSERT INTO tenant_key_use AS known (tenant, key, last_used_at)
SELECT k.tenant, k.id, $3
FROM unnest($1::text[], $2::text[]) AS used (tenant, id)
JOIN tenant_keys k ON k.tenant = used.tenant AND k.id = used.id
ORDER BY k.tenant, k.id
ON CONFLICT (tenant, key) DO UPDATE SET last_used_at = greatest(known.last_used_at, excluded.last_used_at)
"""


async def write_key_use(database: Database, keys: Sequence[tuple[str, str]], at: datetime) -> None:
    """`keys` by tenant and id. Raises as transactions do."""
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await connection.execute(_WRITE, [tenant for tenant, _ in keys], [id_ for _, id_ in keys], at)
