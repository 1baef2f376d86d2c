"""`/tenants`: who pays and whose data is apart. One that is deleted leaves a tombstone.

Its personal fields go, in the tenant, the details of its audit chain and the attribution of its usage; its keys
end; sums, usage and chain stay. Erasing the attribution is done after the commit, once every flush has ended that
may not have known of it, and in steps: deleting a deleted tenant once more goes on with what is left.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from gateway.api.resources.configured import Configured
from gateway.api.resources.references import References
from gateway.api.rest import etag
from gateway.api.rest.answer import NO_CONTENT, Answer, Problem, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.collection import Collection, Document, Kind, beside
from gateway.api.rest.operation import Done, Operation
from gateway.api.rest.principal import CHANGES, OWNS
from gateway.api.rest.schemas import STAMPED, resource
from gateway.api.rest.stored import Column, Table
from gateway.settings.places import Findings
from gateway.settings.schema_admin import TenantBody
from storage.audit import GATEWAY
from storage.connection import Connection
from storage.database import EVERY_TENANT, DatabaseAwayError, DatabaseBusyError
from storage.reads import Read, ReadRouter

_TABLE = Table(
    "tenants",
    (
        Column("id"),
        Column("name"),
        Column("weight", "double precision"),
        Column("models", "jsonb"),
        Column("fetch_urls", "boolean"),
        Column("state", settable=False),
    ),
)
_READ_ONLY = {"state": {"enum": ["active", "suspended", "deleted"]}, **STAMPED}
#: Rows of usage in one step, and steps in one request.
_STEP_ROWS = 5000
_STEPS_MAX = 200

log = logging.getLogger(__name__)


def operations(
    reads: ReadRouter | None,
    references: References,
    configured: Callable[[], Configured],
    now: Callable[[], datetime],
) -> list[Operation]:
    return _Tenants(reads, references, configured, now).operations()


class _Tenants(Collection):
    def __init__(
        self,
        reads: ReadRouter | None,
        references: References,
        configured: Callable[[], Configured],
        now: Callable[[], datetime],
    ) -> None:
        self._references = references
        self._now = now
        kind = Kind(
            noun="tenant",
            plural="tenants",
            table=_TABLE,
            body=TenantBody,
            check=self._check,
            chain=lambda row: str(row["id"]),
            read_only=_READ_ONLY,
            in_file=lambda: configured().tenants(),
        )
        self._configured = configured
        super().__init__(kind, reads)

    def operations(self, one: str = "{id}") -> list[Operation]:
        [*usual, deletion] = super().operations(one)
        schema = resource(TenantBody, _READ_ONLY)
        actions = [
            Operation(
                method="POST", path=f"/admin/v1/tenants/{{id}}/{verb}", name=f"tenants.{verb}", summary=summary,
                roles=CHANGES, change=partial(self._becomes, state), answer=schema,
            )
            for verb, state, summary in (
                ("suspend", "suspended", "Refuse all requests of a tenant."),
                ("resume", "active", "Take requests of a tenant again."),
            )
        ]  # fmt: skip
        return [*usual, _for_owners(deletion), *actions]

    async def change(self, ask: Ask, connection: Connection) -> Done:
        self.refuse_of_file(ask.path["id"])
        _alive(await self.found(connection, ask, lock=True))
        return await super().change(ask, connection)

    async def delete(self, ask: Ask, connection: Connection) -> Done:
        self.refuse_of_file(ask.path["id"])
        row = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, row["version"])
        tenant = str(row["id"])
        left = partial(self._erase_attribution, tenant)
        await connection.execute("DELETE FROM budgets WHERE tenant = $1", tenant)
        if row["state"] == "deleted":
            return Done(NO_CONTENT, f"tenant/{tenant}", tenant, after={"repeated": True}, then=left)
        await _leave_pools(connection, tenant)
        revoked = await connection.fetch(
            "UPDATE tenant_keys SET revoked_at = coalesce(least(revoked_at, $2), $2), tail = '', addresses = '{}',"
            " version = version + 1, updated_at = now()"
            " WHERE tenant = $1 RETURNING id",
            tenant, self._now(),
        )  # fmt: skip
        await connection.execute("DELETE FROM tenant_key_use WHERE tenant = $1", tenant)
        await connection.execute("DELETE FROM stored_responses WHERE tenant = $1", tenant)
        await connection.execute(
            "DELETE FROM idempotent_answers WHERE tenant = $1 OR tenant = $2 AND about = $1", tenant, GATEWAY
        )
        await _TABLE.put(connection, [tenant], {"state": "deleted", "name": "", "models": {}})
        erased = await connection.fetchval("SELECT erase_audit_details($1)", tenant)
        after: Row = {"state": "deleted", "keys_revoked": len(revoked), "audit_details_erased": erased}
        return Done(NO_CONTENT, f"tenant/{tenant}", tenant, after=after, then=left)

    async def _becomes(self, state: str, ask: Ask, connection: Connection) -> Done:
        entry = self._configured().tenants().get(ask.path["id"])
        if entry is not None:  # of which the database then knows the state
            await _TABLE.add(connection, {"id": entry["id"], "weight": entry["weight"]})
        row = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, row["version"])
        _alive(row)
        done = await self.put(connection, row, {"state": state})
        return done if entry is None else replace(done, answer=Answer(beside(entry, done.after)))

    async def _erase_attribution(self, tenant: str) -> Answer:
        try:
            if await self._erased(tenant):
                return NO_CONTENT
        except (DatabaseAwayError, DatabaseBusyError) as error:
            log.warning("what tenant %s used is not yet stripped of its attribution: %s", tenant, error)
        detail = (
            "It is deleted, but agents and tasks are not yet erased from all of its usage: delete it again."
        )
        raise Problem(503, detail, headers={"retry-after": "1"})

    async def _erased(self, tenant: str) -> bool:
        """Whether that was all."""
        database = self.database_for(Read.ADMIN)
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await connection.execute("SELECT await_usage_writers()")
        for _ in range(_STEPS_MAX):
            async with database.admin.transaction(EVERY_TENANT) as connection:
                query = "SELECT erase_usage_attribution($1, $2)"
                if await connection.fetchval(query, tenant, _STEP_ROWS) < _STEP_ROWS:
                    return True
        return False

    async def _check(self, connection: Connection, document: Document, findings: Findings) -> None:
        await self._references.routes(connection, document["models"], ("models",), findings)
        for name, targets in document["models"].items():
            await self._references.targets(connection, targets, ("models", name), findings)


def _for_owners(deletion: Operation) -> Operation:
    """What is erased does not come back."""
    return replace(deletion, roles=OWNS, summary="Delete a tenant: a tombstone with its sums stays.")


def _alive(row: Row) -> None:
    if row["state"] == "deleted":
        raise Problem(409, "This tenant is deleted.")


async def _leave_pools(connection: Connection, tenant: str) -> None:
    """Provider keys are for others then; those that are for nobody else must be dealt with first."""
    only = await connection.fetch(
        "SELECT id FROM pools WHERE tenants = ARRAY[$1] ORDER BY id LIMIT 5", tenant
    )
    if only:
        names = ", ".join(row["id"] for row in only)
        raise Problem(409, f"These pools are for this tenant alone, change or delete them first: {names}.")
    await connection.execute(
        "UPDATE pools SET tenants = array_remove(tenants, $1), version = version + 1, updated_at = now()"
        " WHERE $1 = ANY (tenants)",
        tenant,
    )
