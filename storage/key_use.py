"""When tenant keys were last used: one statement for all of a minute.

When the database is away it is the caller's to come again; nothing else is lost than how recent a moment is.
"""

from collections.abc import Mapping
from datetime import datetime

from storage.database import EVERY_TENANT, Database

# Only of keys that are (still) here; others on other workers may have been later.
_WRITE = """
INSERT INTO tenant_key_use AS known (tenant, key, last_used_at)
SELECT k.tenant, k.id, used.at
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS used (tenant, id, at)
JOIN tenant_keys k ON k.tenant = used.tenant AND k.id = used.id
ORDER BY k.tenant, k.id
ON CONFLICT (tenant, key) DO UPDATE SET last_used_at = greatest(known.last_used_at, excluded.last_used_at)
"""


async def write_key_use(database: Database, used: Mapping[tuple[str, str], datetime]) -> None:
    """`used`: by tenant and id when. Raises as transactions do."""
    tenants, ids = [tenant for tenant, _ in used], [id_ for _, id_ in used]
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await connection.execute(_WRITE, tenants, ids, list(used.values()))
