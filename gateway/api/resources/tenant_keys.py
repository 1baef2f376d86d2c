"""`/tenants/{id}/keys` and `/keys/{id}`: what callers present. A value is shown once, when it is made.

A key is named `tenant:key`, or by its id alone where only one tenant has one of that id.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from gateway.api.resources.configured import Configured
from gateway.api.resources.former_values import end_present, with_former
from gateway.api.resources.references import References, check_moment, refuse_past
from gateway.api.rest import etag
from gateway.api.rest.answer import Answer, Problem, Row
from gateway.api.rest.ask import Ask, refuse_any
from gateway.api.rest.collection import Collection, Document, Kind, document_of, of_file, page_of
from gateway.api.rest.operation import PAGING, Done, Operation
from gateway.api.rest.principal import CHANGES, READS
from gateway.api.rest.schemas import (
    FLAG,
    MOMENT_OR_NULL,
    SHOWN,
    STAMPED,
    TEXT,
    TEXT_OR_NULL,
    WHOLE,
    listed,
    resource,
)
from gateway.api.rest.stored import Column, Table
from gateway.settings.apis import APIS
from gateway.settings.places import Findings
from gateway.settings.schema_admin import KeyBody, NewKeyBody, RotateBody
from gateway.settings.snapshot import RANKS
from keys.digest import Peppers
from keys.scope import parse_network
from keys.strength import KEY_CHARS_MIN, weakness
from keys.tenant_key import mint
from storage.connection import Connection
from storage.database import EVERY_TENANT
from storage.reads import Read, ReadRouter

_TABLE = Table(
    "tenant_keys",
    (
        Column("tenant"),
        Column("id"),
        Column("priority"),
        Column("priority_max"),
        Column("limits", "jsonb"),
        Column("models", "text[]"),
        Column("endpoints", "text[]"),
        Column("addresses", "cidr[]"),
        Column("expires_at", "timestamptz"),
        Column("tail", settable=False),
        Column("digest", "bytea", settable=False),
        Column("pepper_version", settable=False),
        Column("revoked_at", "timestamptz", settable=False),
    ),
    ("tenant", "id"),
)
_READ_ONLY = {
    "tenant": TEXT,
    "tail": TEXT,
    "old_until": MOMENT_OR_NULL,
    "old_values": WHOLE,
    "revoked_at": MOMENT_OR_NULL,
    "last_used_at": MOMENT_OR_NULL,
    **STAMPED,
}
#: Never leave the database.
_HIDDEN = frozenset({"digest", "pepper_version"})
_OF_A_NEW_ONE: Row = {"last_used_at": None, "old_until": None, "old_values": 0}
_SHOWN_ONCE = {**_READ_ONLY, "secret": TEXT_OR_NULL, "secret_is_new": FLAG, "secret_shown": SHOWN}
#: Whose a value is or was.
_OWNER = """
SELECT tenant, id AS key FROM tenant_keys WHERE digest = ANY ($1::bytea[])
UNION ALL SELECT tenant, key FROM former_key_values WHERE digest = ANY ($1::bytea[])
UNION ALL SELECT '*', id FROM admin_keys WHERE digest = ANY ($1::bytea[])
LIMIT 1
"""
_ID_SIGNS = re.compile(r"[a-z0-9]")


def operations(
    reads: ReadRouter | None,
    references: References,
    configured: Callable[[], Configured],
    peppers: Peppers,
    taken: frozenset[bytes],
    now: Callable[[], datetime],
) -> list[Operation]:
    """`taken` are digests that no tenant key may have: the admin key's."""
    return _TenantKeys(reads, references, configured, peppers, taken, now).operations()


class _TenantKeys(Collection):
    def __init__(
        self,
        reads: ReadRouter | None,
        references: References,
        configured: Callable[[], Configured],
        peppers: Peppers,
        taken: frozenset[bytes],
        now: Callable[[], datetime],
    ) -> None:
        self._references = references
        self._configured = configured
        self._peppers = peppers
        self._taken = taken
        self._now = now
        kind = Kind(
            noun="key",
            plural="keys",
            table=_TABLE,
            body=KeyBody,
            shown=_shown,
            check=_check,
            chain=lambda row: str(row["tenant"]),
            read_only=_READ_ONLY,
        )
        super().__init__(kind, reads)

    def operations(self, one: str = "{id}") -> list[Operation]:
        of_tenant, key = "/admin/v1/tenants/{id}/keys", f"/admin/v1/keys/{one}"
        schema, once = resource(KeyBody, _READ_ONLY), resource(KeyBody, _SHOWN_ONCE)
        return [
            Operation(
                method="GET", path=of_tenant, name="keys.list", summary="List the keys of a tenant.",
                roles=READS, read=self.page, answer=listed(schema), parameters=PAGING,
            ),
            Operation(
                method="POST", path=of_tenant, name="keys.create", summary="Make a key; its value is shown once.",
                roles=CHANGES, change=self.create, body=NewKeyBody, answer=once, status=201, repeatable=True,
            ),
            Operation(
                method="GET", path=key, name="keys.read", summary="Read a key: never its value.",
                roles=READS, read=self.read, answer=schema,
            ),
            Operation(
                method="PATCH", path=key, name="keys.change", summary="Change a key.",
                roles=CHANGES, change=self.change, body=KeyBody, partial=True, answer=schema, versioned=True,
            ),
            Operation(
                method="POST", path=f"{key}/rotate", name="keys.rotate",
                summary="Give a key another value, shown once; those before are good for a while.",
                roles=CHANGES, change=self._rotate, body=RotateBody, answer=once, repeatable=True,
            ),
            *(
                Operation(
                    method=method, path=path, name=name, summary="End a key, everywhere within 5 s.",
                    roles=CHANGES, change=self._revoke, answer=schema,
                )
                for method, path, name in (
                    ("POST", f"{key}/revoke", "keys.revoke"), ("DELETE", key, "keys.delete")
                )
            ),
        ]  # fmt: skip

    async def page(self, ask: Ask) -> Answer:
        tenant = ask.path["id"]
        limit, after = ask.page()
        database = self.database_for(Read.ADMIN_LIST)
        async with database.admin.transaction(EVERY_TENANT, readonly=True) as connection:
            if await self._references.tenant_state(connection, tenant, stays=False) is None:
                raise Problem(404, "There is no such tenant.")
            rows = await _TABLE.page(connection, limit + 1, after, "tenant = $3", tenant)
            rows = await self._told(connection, rows)
        return Answer(page_of([_shown(row) for row in rows], self._configured().keys(tenant), limit, after))

    async def create(self, ask: Ask, connection: Connection) -> Done:
        tenant = ask.path["id"]
        state = await self._references.tenant_state(connection, tenant)
        if state is None:
            raise Problem(404, "There is no such tenant.")
        if state == "deleted":
            raise Problem(409, "This tenant is deleted.")
        document = document_of(ask.section(NewKeyBody))
        given = document.pop("secret")
        await self._checked(connection, document)
        refuse_past(document["expires_at"], "expires_at", self._now())
        key_id = document["id"] or secrets.token_hex(6)
        if key_id in self._configured().keys(tenant):
            raise of_file("key")
        value = _value(key_id, given)
        await self._refuse_taken(connection, value)
        row = await _TABLE.add(
            connection, {**document, "tenant": tenant, "id": key_id, **self._digested(value)}
        )
        if row is None:  # of that value only one that is made at this moment
            raise Problem(409, "There is a key of that id, or of that value, already.")
        done = self._with_value(row, None, value, given is None)
        headers = {**done.answer.headers, "location": f"/admin/v1/keys/{tenant}:{key_id}"}
        return _created(done, headers)

    async def read(self, ask: Ask) -> Answer:
        tenant, _, key_id = ask.path["id"].partition(":")
        entry = self._configured().keys(tenant).get(key_id)
        return await super().read(ask) if entry is None else Answer(entry)

    async def found(self, connection: Connection, ask: Ask, *, lock: bool = False) -> Row:
        tenant, colon, key_id = ask.path["id"].partition(":")
        if not colon:
            key_id = tenant
            owners = await connection.fetch("SELECT tenant FROM tenant_keys WHERE id = $1 LIMIT 2", key_id)
            if len(owners) > 1:
                raise Problem(409, "Several tenants have a key of that id: name it tenant:key.")
            tenant = owners[0]["tenant"] if owners else ""
        row = await _TABLE.one(connection, tenant, key_id, lock=lock)
        if row is None:
            if key_id in self._configured().keys(tenant):
                raise of_file("key")
            raise Problem(404, "There is no such key.")
        [row] = await self._told(connection, [row])
        return row

    async def change(self, ask: Ask, connection: Connection) -> Done:
        _unrevoked(await self.found(connection, ask, lock=True))
        return await super().change(ask, connection)

    def patched(self, row: Row, patch: Mapping[str, Any]) -> Document:
        document = super().patched(row, patch)
        if "expires_at" in patch:  # what a key that ended is besides can be changed
            refuse_past(document["expires_at"], "expires_at", self._now())
        return document

    async def put(self, connection: Connection, before: Row, values: Row) -> Done:
        row = await _TABLE.put(connection, [str(before["tenant"]), str(before["id"])], values)
        [after] = await self._told(connection, [row])
        return self._done(self.answer(after), before, after)

    async def _rotate(self, ask: Ask, connection: Connection) -> Done:
        before = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, before["version"])
        _unrevoked(before)
        ends = before["expires_at"]
        if ends is not None and datetime.fromisoformat(str(ends)) <= self._now():
            raise Problem(
                409, f"This key ended at {ends}, and so would its new value: change expires_at first."
            )
        wanted = ask.section(RotateBody)
        value = _value(str(before["id"]), wanted.secret)
        await self._refuse_taken(connection, value, before)
        await end_present(connection, before, timedelta(seconds=wanted.overlap_s), self._now())
        row = await _TABLE.put(connection, [str(before["tenant"]), str(before["id"])], self._digested(value))
        [after] = await self._told(connection, [row])
        return self._with_value(after, before, value, wanted.secret is None)

    async def _told(self, connection: Connection, rows: list[Row]) -> list[Row]:
        return await with_former(connection, await _with_use(connection, rows), self._now())

    async def _revoke(self, ask: Ask, connection: Connection) -> Done:
        before = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, before["version"])
        if before["revoked_at"] is not None:
            return self._done(self.answer(before), before, before)
        return await self.put(connection, before, {"revoked_at": self._now()})

    async def _refuse_taken(self, connection: Connection, value: str, key: Row | None = None) -> None:
        """Also what a key had, or had until it was revoked: who still presents it must not be somebody else.

        `key` is the one that is to have it now.
        """
        made = [one.value for one in self._peppers.digests(value)]
        owner = await connection.fetchrow(_OWNER, made)
        if (
            owner is not None
            and key is not None
            and (owner["tenant"], owner["key"]) == (key["tenant"], key["id"])
        ):
            raise Problem(422, "The new value is one that the key had before.")
        in_force = self._configured().snapshot.tenant_keys
        if owner is not None or any(one in self._taken or one in in_force for one in made):
            raise Problem(409, "There is a key of that value already.")

    def _digested(self, value: str) -> Row:
        made = self._peppers.current.digest(value)
        # Of a value of the caller's own nothing is shown that may be all too much of it.
        return {"digest": made.value, "pepper_version": made.version, "tail": value[-4:]}

    def _with_value(self, row: Row, before: Row | None, value: str, is_new: bool) -> Done:
        done = self._done(self.answer(row), before, row)
        said = {**_shown(row), "secret_is_new": is_new}
        shown = ("now", "already") if is_new else ("never", "never")
        body = {**said, "secret": value if is_new else None, "secret_shown": shown[0]}
        answer = Answer(body, headers=done.answer.headers)
        kept = Answer({**said, "secret": None, "secret_shown": shown[1]}, headers=done.answer.headers)
        return Done(answer, done.object, done.tenant, done.before, done.after, kept)


def _created(done: Done, headers: dict[str, str]) -> Done:
    assert done.kept is not None
    answer = Answer(done.answer.body, 201, headers)
    return Done(
        answer, done.object, done.tenant, done.before, done.after, Answer(done.kept.body, 201, headers)
    )


def _shown(row: Row) -> Row:
    return {**_OF_A_NEW_ONE, **{name: value for name, value in row.items() if name not in _HIDDEN}}


async def _with_use(connection: Connection, rows: list[Row]) -> list[Row]:
    used = await connection.fetch(
        "SELECT tenant, key, last_used_at FROM tenant_key_use"
        " JOIN unnest($1::text[], $2::text[]) AS asked (t, k) ON tenant = t AND key = k",
        [row["tenant"] for row in rows], [row["id"] for row in rows],
    )  # fmt: skip
    last = {(one["tenant"], one["key"]): one["last_used_at"].isoformat() for one in used}
    return [{**row, "last_used_at": last.get((row["tenant"], row["id"]))} for row in rows]


def _unrevoked(row: Row) -> None:
    if row["revoked_at"] is not None:
        raise Problem(409, "This key is revoked.")


def _value(key_id: str, given: str | None) -> str:
    if given is None:
        return mint("".join(_ID_SIGNS.findall(key_id))).reveal()
    findings = Findings(None)
    weak = weakness(given, KEY_CHARS_MIN)
    if weak is not None:
        findings.add(("secret",), weak)
    refuse_any(findings)
    return given


async def _check(_: Connection, document: Document, findings: Findings) -> None:
    if RANKS[document["priority"]] < RANKS[document["priority_max"]]:
        findings.add(("priority",), f"is more urgent than priority_max, which is {document['priority_max']}")
    if document["endpoints"] != ["*"]:
        for index, name in enumerate(document["endpoints"]):
            if name not in APIS:
                findings.add(("endpoints", index), f"no such API; known: {', '.join(sorted(APIS))}")
    for index, text in enumerate(document["addresses"]):
        try:
            parse_network(text)
        except ValueError:
            findings.add(("addresses", index), "must be an address, or address/bits with no bit beyond them")
    check_moment(document["expires_at"], ("expires_at",), findings)
