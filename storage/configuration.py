"""The configuration in the database: all of it as it was at one moment, with the number it has there.

When the database is away, or the tables are not there yet, the error passes to the caller, who keeps what it has.
"""

from dataclasses import dataclass

from storage.connection import Connection, Row
from storage.database import EVERY_TENANT, Database

#: Rows for which the caller's loop is held up at a time.
_AT_ONCE = 250
_TENANTS = "SELECT id, weight, models::text, fetch_urls, state FROM tenants ORDER BY id"
_KEYS = """
SELECT k.tenant, id, digest, pepper_version, former, former_until,
    priority, priority_max, limits::text, models, endpoints, addresses::text[], expires_at, revoked_at
FROM tenant_keys k
LEFT JOIN (
    SELECT tenant, key, array_agg(digest ORDER BY until) AS former, array_agg(until ORDER BY until) AS former_until
    FROM former_key_values WHERE until > now() GROUP BY tenant, key
) AS f ON f.tenant = k.tenant AND f.key = k.id
WHERE (revoked_at IS NULL OR revoked_at > now()) AND (expires_at IS NULL OR expires_at > now())
ORDER BY k.tenant, id"""
_PROVIDERS = """
SELECT id, dialect, base_url, flavour, local, apis, insecure_http, api_version, egress_proxy, egress_proxy_auth,
    ca_file, echo_model
FROM providers ORDER BY id"""
_POOLS = """
SELECT id, provider, secret, tenants, limits::text, model_limits::text, burst_s, models, weight, state
FROM pools ORDER BY id"""
_MODELS = "SELECT id, targets, overflow, hint FROM models ORDER BY id"
_BUDGETS = "SELECT id, tenant, key, period, anchor_day, limit_nusd, enforce FROM budgets ORDER BY id"


@dataclass(frozen=True, slots=True, eq=False)
class StoredConfiguration:
    """Rows by table. Keys that have ended are not among them, nor values of keys."""

    generation: int
    tenants: tuple[Row, ...] = ()
    tenant_keys: tuple[Row, ...] = ()
    providers: tuple[Row, ...] = ()
    pools: tuple[Row, ...] = ()
    models: tuple[Row, ...] = ()
    budgets: tuple[Row, ...] = ()


async def read_configuration(database: Database) -> StoredConfiguration:
    """Everything, in one snapshot of the database. Raises as its transactions do."""
    async with database.reads.transaction(
        EVERY_TENANT, isolation="repeatable_read", readonly=True
    ) as connection:
        return StoredConfiguration(
            await connection.fetchval("SELECT number FROM generation"),
            await _rows(connection, _TENANTS),
            await _rows(connection, _KEYS),
            await _rows(connection, _PROVIDERS),
            await _rows(connection, _POOLS),
            await _rows(connection, _MODELS),
            await _rows(connection, _BUDGETS),
        )


async def _rows(connection: Connection, query: str) -> tuple[Row, ...]:
    return tuple([row async for row in connection.cursor(query, prefetch=_AT_ONCE)])
