"""What an operator does to the configuration in the database, row by row, as the admin API will."""

from datetime import datetime
from typing import Any

from keys.digest import digest
from keys.tenant_key import mint
from storage.database import connected
from tests.running import ENVIRON

PEPPER = ENVIRON["KAZE_KEY_PEPPER"].encode()


class Operator:
    """Each method is one transaction."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    async def do(self, statement: str, *values: object) -> None:
        async with connected(self.dsn) as connection, connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', '*', true)")
            await connection.execute(statement, *values)

    async def asked(self, query: str, *values: object) -> Any:
        async with connected(self.dsn) as connection, connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', '*', true)")
            return await connection.fetchval(query, *values)

    async def tenant(self, id_: str) -> None:
        await self.do("INSERT INTO tenants (id) VALUES ($1)", id_)

    async def key(self, tenant: str, id_: str = "web", *, expires_at: datetime | None = None) -> str:
        """A new key; its value."""
        value = mint(id_).reveal()
        await self.do(
            "INSERT INTO tenant_keys (tenant, id, digest, expires_at) VALUES ($1, $2, $3, $4)",
            tenant,
            id_,
            digest(PEPPER, value),
            expires_at,
        )
        return value

    async def revoke(self, tenant: str, id_: str = "web") -> None:
        await self.do("UPDATE tenant_keys SET revoked_at = now() WHERE tenant = $1 AND id = $2", tenant, id_)

    async def pool(self, id_: str, provider: str = "sim", *, secret: str = "env:KAZE_PROVIDER_KEY") -> None:
        await self.do("INSERT INTO pools (id, provider, secret) VALUES ($1, $2, $3)", id_, provider, secret)

    async def state(self, id_: str, state: str) -> None:
        await self.do("UPDATE pools SET state = $2 WHERE id = $1", id_, state)
