"""`/admin-keys`: who may use this API, besides the key that the gateway is started with. For owners alone."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gateway.api.resources.references import check_moment, refuse_past
from gateway.api.rest import etag
from gateway.api.rest.admin_keys import KEYS_MAX, AdminKeys
from gateway.api.rest.answer import Answer, Problem, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.collection import Collection, Document, Kind, document_of
from gateway.api.rest.operation import PAGING, Done, Operation
from gateway.api.rest.principal import OWNS, TAKEN
from gateway.api.rest.schemas import MOMENT_OR_NULL, SHOWN, STAMPED, TEXT, TEXT_OR_NULL, listed, resource
from gateway.api.rest.stored import Column, Table
from gateway.settings.places import Findings
from gateway.settings.schema_admin import AdminKeyBody
from keys.digest import Peppers
from keys.tenant_key import mint
from storage.connection import Connection
from storage.reads import ReadRouter

_TABLE = Table(
    "admin_keys",
    (
        Column("id"),
        Column("role"),
        Column("kind"),
        Column("expires_at", "timestamptz"),
        Column("tail", settable=False),
        Column("digest", "bytea", settable=False),
        Column("pepper_version", settable=False),
        Column("revoked_at", "timestamptz", settable=False),
    ),
)
_READ_ONLY = {"tail": TEXT, "revoked_at": MOMENT_OR_NULL, **STAMPED}
_SHOWN_ONCE = {**_READ_ONLY, "secret": TEXT_OR_NULL, "secret_shown": SHOWN}
_HIDDEN = frozenset({"digest", "pepper_version"})


def operations(
    reads: ReadRouter | None, keys: AdminKeys, peppers: Peppers, now: Callable[[], datetime]
) -> list[Operation]:
    return _AdminKeys(reads, keys, peppers, now).operations()


class _AdminKeys(Collection):
    def __init__(
        self, reads: ReadRouter | None, keys: AdminKeys, peppers: Peppers, now: Callable[[], datetime]
    ) -> None:
        self._keys = keys
        self._peppers = peppers
        self._now = now
        kind = Kind(
            noun="admin-key",
            plural="admin-keys",
            table=_TABLE,
            body=AdminKeyBody,
            shown=_shown,
            check=_check,
            read_only=_READ_ONLY,
        )
        super().__init__(kind, reads)

    def operations(self, one: str = "{id}") -> list[Operation]:
        path, schema = "/admin/v1/admin-keys", resource(AdminKeyBody, _READ_ONLY)
        return [
            Operation(
                method="GET", path=path, name="admin-keys.list", summary="List admin keys.",
                roles=OWNS, read=self.page, answer=listed(schema), parameters=PAGING,
            ),
            Operation(
                method="POST", path=path, name="admin-keys.create",
                summary="Make an admin key; its value is shown once.", roles=OWNS, change=self.create,
                body=AdminKeyBody, answer=resource(AdminKeyBody, _SHOWN_ONCE),
                status=201, repeatable=True,
            ),
            Operation(
                method="GET", path=f"{path}/{one}", name="admin-keys.read", summary="Read an admin key.",
                roles=OWNS, read=self.read, answer=schema,
            ),
            Operation(
                method="DELETE", path=f"{path}/{one}", name="admin-keys.revoke", summary="End an admin key.",
                roles=OWNS, change=self.delete, answer=schema,
            ),
        ]  # fmt: skip

    async def create(self, ask: Ask, connection: Connection) -> Done:
        document = document_of(ask.section(AdminKeyBody))
        await self._checked(connection, document)
        refuse_past(document["expires_at"], "expires_at", self._now())
        if document["id"] in TAKEN:
            raise Problem(409, f"{document['id']} is {TAKEN[document['id']]}.")
        count = "SELECT count(*) FROM admin_keys WHERE revoked_at IS NULL"
        if await connection.fetchval(count) >= KEYS_MAX:
            raise Problem(409, f"There are {KEYS_MAX} already: revoke some.")
        value = mint(f"admin{secrets.token_hex(4)}").reveal()
        made = self._peppers.current.digest(value)
        row = await _TABLE.add(
            connection,
            {**document, "digest": made.value, "pepper_version": made.version, "tail": value[-4:]},
        )
        if row is None:
            raise Problem(409, "There is an admin key of that id already.")
        done = self._done(self.answer(row), None, row)
        headers = {**done.answer.headers, "location": f"/admin/v1/admin-keys/{row['id']}"}
        answer = Answer({**_shown(row), "secret": value, "secret_shown": "now"}, 201, headers)
        kept = Answer({**_shown(row), "secret": None, "secret_shown": "already"}, 201, headers)
        return self._then_known(replace(done, answer=answer, kept=kept))

    async def delete(self, ask: Ask, connection: Connection) -> Done:
        row = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, row["version"])
        if row["revoked_at"] is not None:
            return self._done(self.answer(row), row, row)
        return self._then_known(await self.put(connection, row, {"revoked_at": self._now()}))

    def _then_known(self, done: Done) -> Done:
        """Here at once, and only then answered. Before the commit the keys would be read as they were, and kept."""

        async def then() -> Answer:
            self._keys.forget()
            return done.answer

        return replace(done, then=then)


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _HIDDEN}


async def _check(_: Connection, document: Document, findings: Findings) -> None:
    check_moment(document["expires_at"], ("expires_at",), findings)
