"""Digests written anew under the present pepper, as who presents a key is the only one who can have them made.

A digest that is another one meanwhile, or gone, is left alone. Each change is a row of the audit trail, whose new
head is given to `anchored` once it is committed. When the database is away it is the caller's to come again.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import islice

from storage.audit import GATEWAY, SYSTEM, Anchor, Deed, append
from storage.database import EVERY_TENANT, Database

#: Keys a transaction: their audit rows hold up other writers of these chains.
_AT_ONCE = 100
_ACTION = "keys.rehash"
Anchored = Callable[[Anchor], Awaitable[None]]
_PRESENT = """
UPDATE tenant_keys AS k SET digest = made.digest, pepper_version = $3
FROM unnest($1::bytea[], $2::bytea[]) AS made (former, digest)
WHERE k.digest = made.former RETURNING k.tenant, k.id
"""
_ENDING = """
UPDATE former_key_values AS k SET digest = made.digest
FROM unnest($1::bytea[], $2::bytea[]) AS made (former, digest)
WHERE k.digest = made.former RETURNING k.tenant, k.key AS id
"""
_ADMIN = "UPDATE admin_keys SET digest = $2, pepper_version = $3 WHERE digest = $1 RETURNING id"


async def write_digests(
    database: Database, made: Mapping[bytes, bytes], pepper_version: str, at: datetime, anchored: Anchored
) -> None:
    """Those of tenant keys: `made` by the former digest. Raises as transactions do."""
    pairs = iter(made.items())
    while part := list(islice(pairs, _AT_ONCE)):
        former, digests = [one for one, _ in part], [one for _, one in part]
        async with database.admin.transaction(EVERY_TENANT) as connection:
            rows = await connection.fetch(_PRESENT, former, digests, pepper_version)
            rows += await connection.fetch(_ENDING, former, digests)
            # In one order everywhere, as each holds its chain until the end.
            heads = {
                tenant: await append(connection, _deed(f"key/{tenant}:{key}", tenant), at)
                for tenant, key in sorted({(row["tenant"], row["id"]) for row in rows})
            }
        for head in heads.values():
            await anchored(head)


async def write_admin_digest(
    database: Database, former: bytes, digest: bytes, pepper_version: str, at: datetime, anchored: Anchored
) -> None:
    """That of an admin key. Raises as transactions do."""
    async with database.admin.transaction(EVERY_TENANT) as connection:
        id_ = await connection.fetchval(_ADMIN, former, digest, pepper_version)
        if id_ is None:
            return
        head = await append(connection, _deed(f"admin-key/{id_}"), at)
    await anchored(head)


def _deed(of: str, tenant: str = GATEWAY) -> Deed:
    return Deed("system", SYSTEM, _ACTION, of, tenant=tenant, reason="it was known by the pepper before")
