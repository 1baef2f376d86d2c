"""The audit trail: hash-chained rows, one chain a tenant and one ('*') for the gateway as a whole.

`append` writes in the caller's transaction: the deed and its row happen together or not at all, so without the
database there is no deed. A row's hash is SHA-256 over the hash before it and the row's canonical JSON. What has
changed (`details`) stands beside the chain, which holds its salted hash: it can be erased with its tenant, whose
deletion (`TOMBSTONE`) is then a row of the chain.

A chain by itself does not show that its end was cut off or that all of it was written anew: for that `heads` are
kept outside the database (anchors) and handed to `verify`.
"""

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from storage.canonical_json import canonical_json
from storage.connection import Connection

#: The chain of what concerns no single tenant.
GATEWAY = "*"
#: The actor of what nobody asked for by a key.
SYSTEM = "gateway"
#: What stands before the first row.
ORIGIN = bytes(32)
#: With the chain's name as the second number: advisory locks of two numbers are a space of their own.
_LOCK = 0x6B617A65
_TEXT_MAX = 512
_DETAILS_BYTES_MAX = 256 * 1024
_BATCH_ROWS = 500
_BARE_MAX = 1000
_ORPHANS = """
SELECT d.seq FROM audit_details d LEFT JOIN audit_log a USING (tenant, seq)
WHERE d.tenant = $1 AND a.seq IS NULL ORDER BY d.seq LIMIT $2
"""
_ORPHANS_MAX = 1000

#: The action with which a tenant's chain says that the details before it were erased.
TOMBSTONE = "tenants.delete"

ActorKind = Literal["human", "service", "system"]
#: What is not the database's to do has two rows: `begun`, and how it ended; without the second nobody knows.
Outcome = Literal["done", "denied", "begun", "failed"]


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did, or was refused, what. `details` (before, after) hold no secret."""

    actor_kind: ActorKind
    actor: str
    action: str
    object: str
    outcome: Outcome = "done"
    tenant: str = GATEWAY
    request_id: str | None = None
    source: str | None = None  # address
    method: str | None = None  # how the actor was known
    reason: str | None = None
    details: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """As it is stored."""

    tenant: str
    seq: int
    body: str
    prev_hash: bytes
    hash: bytes
    salt: bytes | None = None
    details: str | None = None  # None: there were none, or they were erased


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of a chain at some time, kept outside the database."""

    tenant: str
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a chain: altered | missing | reordered | truncated | rewritten; stripped: a row's details
    are gone, and no deletion of its tenant explains it; orphaned: the row of details is gone; dropped: a table of
    the trail is."""

    kind: str
    tenant: str
    seq: int

    def __str__(self) -> str:
        return f"{self.kind}: chain {self.tenant}, row {self.seq}"


async def append(connection: Connection, deed: Deed, at: datetime) -> Anchor:
    """Writes the row into the caller's transaction and returns the chain's new head.

    Last thing in it: nobody else can write to the chain until the transaction ends.
    """
    # In every isolation but read committed the head could be an old one; the primary key then refuses the row.
    await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK, deed.tenant)
    head = await connection.fetchrow(
        "SELECT seq, hash FROM audit_log WHERE tenant = $1 ORDER BY seq DESC LIMIT 1", deed.tenant
    )
    seq, before = (1, ORIGIN) if head is None else (head["seq"] + 1, head["hash"])
    salt, details = secrets.token_bytes(16), None
    if deed.details is not None:
        details = canonical_json(deed.details)
        if len(details.encode()) > _DETAILS_BYTES_MAX:
            details = canonical_json({"left_out": "too large", "sha256": _sha256(details.encode()).hex()})
    body = _body(deed, seq, at, None if details is None else _details_hash(salt, details))
    row_hash = _row_hash(before, body)
    await connection.execute(
        "INSERT INTO audit_log (body, prev_hash, hash) VALUES ($1, $2, $3)", body, before, row_hash
    )
    if details is not None:
        await connection.execute(
            "INSERT INTO audit_details (tenant, seq, salt, details) VALUES ($1, $2, $3, $4)",
            deed.tenant, seq, salt, details,
        )  # fmt: skip
    return Anchor(deed.tenant, seq, row_hash)


async def heads(connection: Connection) -> list[Anchor]:
    """Of every chain that the transaction may see: what is to be anchored."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (tenant) tenant, seq, hash FROM audit_log ORDER BY tenant, seq DESC"
    )
    return [Anchor(row["tenant"], row["seq"], row["hash"]) for row in rows]


async def stored_rows(connection: Connection, tenant: str, after: int = 0) -> AsyncIterator[AuditRow]:
    """A chain from the database, in order, a batch at a time."""
    while True:
        rows = await connection.fetch(
            "SELECT a.tenant, a.seq, a.body, a.prev_hash, a.hash, d.salt, d.details"
            " FROM audit_log a LEFT JOIN audit_details d USING (tenant, seq)"
            " WHERE a.tenant = $1 AND a.seq > $2 ORDER BY a.seq LIMIT $3",
            tenant, after, _BATCH_ROWS,
        )  # fmt: skip
        for row in rows:
            yield AuditRow(**dict(row))
        if len(rows) < _BATCH_ROWS:
            return
        after = rows[-1]["seq"]


class Verification:
    """Looks at a chain row by row; `findings` of a row, and of the end."""

    def __init__(self, tenant: str, anchors: Iterable[Anchor] = ()) -> None:
        self._tenant = tenant
        # All that were kept of a row: after a cut, what is written next is anchored under the same number again.
        self._anchors: dict[int, set[bytes]] = {}
        for anchor in anchors:
            if anchor.tenant == tenant:
                self._anchors.setdefault(anchor.seq, set()).add(anchor.hash)
        self._seq = 0
        self._hash = ORIGIN
        self._bare: list[int] = []  # rows whose details are not there, which a tombstone to come may explain
        self._buried = tenant == GATEWAY  # the gateway is never deleted

    def look(self, row: AuditRow) -> Iterator[Finding]:
        """What is wrong with `row`, in this place. Goes on from what it says, so that one fault is one finding."""
        if row.seq <= self._seq:
            yield Finding("reordered", self._tenant, row.seq)
        elif row.seq > self._seq + 1:
            for seq in range(self._seq + 1, min(row.seq, self._seq + 101)):
                yield Finding("missing", self._tenant, seq)
        elif row.prev_hash != self._hash:
            yield Finding("rewritten", self._tenant, row.seq)
        said = self._said(row)
        if said is None:
            yield Finding("altered", self._tenant, row.seq)
        else:
            self._look_for_details(row, said)
        if self._anchors.get(row.seq, set()) - {row.hash}:
            yield Finding("rewritten", self._tenant, row.seq)
        if row.seq > self._seq:
            self._seq, self._hash = row.seq, row.hash

    def end(self) -> Iterator[Finding]:
        """What is wrong with where it ends, and with all of it."""
        for seq in self._bare:
            yield Finding("stripped", self._tenant, seq)
        last = max(self._anchors, default=0)
        if last > self._seq:
            yield Finding("truncated", self._tenant, last)

    def _look_for_details(self, row: AuditRow, said: dict[str, Any]) -> None:
        """The first deletion of the tenant explains what is missing before it, and nothing after it."""
        if not self._buried and (said.get("action"), said.get("outcome")) == (TOMBSTONE, "done"):
            self._buried = True
            self._bare.clear()
        if row.details is None and said.get("details") is not None and len(self._bare) < _BARE_MAX:
            self._bare.append(row.seq)

    def _said(self, row: AuditRow) -> dict[str, Any] | None:
        """What it says, if it is what its hash was made of and stands under its own name and number."""
        if _row_hash(row.prev_hash, row.body) != row.hash:
            return None
        try:
            said: dict[str, Any] = json.loads(row.body)
        except ValueError:
            return None
        if said.get("tenant") != self._tenant or said.get("seq") != row.seq:
            return None
        if row.details is None:
            return said
        whole = row.salt is not None and said.get("details") == _details_hash(row.salt, row.details)
        return said if whole else None


def verify(rows: Iterable[AuditRow], tenant: str, anchors: Iterable[Anchor] = ()) -> Iterator[Finding]:
    """What is wrong with the chain of `tenant`, given from its beginning in the order in which it is stored."""
    verification = Verification(tenant, anchors)
    for row in rows:
        yield from verification.look(row)
    yield from verification.end()


async def verify_stored(
    connection: Connection, tenant: str, anchors: Iterable[Anchor] = ()
) -> AsyncIterator[Finding]:
    """The same of what the database holds, without ever holding more than a batch."""
    verification = Verification(tenant, anchors)
    async for row in stored_rows(connection, tenant):
        for finding in verification.look(row):
            yield finding
    for finding in verification.end():
        yield finding
    for orphan in await connection.fetch(_ORPHANS, tenant, _ORPHANS_MAX):
        yield Finding("orphaned", tenant, orphan["seq"])


async def is_there(connection: Connection) -> bool:
    """Whether there are the tables of the trail."""
    query = "SELECT to_regclass('audit_log') IS NOT NULL AND to_regclass('audit_details') IS NOT NULL"
    found: bool = await connection.fetchval(query)
    return found


async def chain_names(connection: Connection) -> set[str]:
    """Of every chain of which the transaction sees a row, or what is left of one."""
    rows = await connection.fetch("SELECT tenant FROM audit_log UNION SELECT tenant FROM audit_details")
    return {row["tenant"] for row in rows}


def _body(deed: Deed, seq: int, at: datetime, details: str | None) -> str:
    said: dict[str, object] = {
        "tenant": deed.tenant, "seq": seq, "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_kind": deed.actor_kind, "actor": deed.actor[:_TEXT_MAX], "action": deed.action[:_TEXT_MAX],
        "object": deed.object[:_TEXT_MAX], "outcome": deed.outcome,
    }  # fmt: skip
    for name in ("request_id", "source", "method", "reason"):
        value = getattr(deed, name)
        if value is not None:
            said[name] = value[:_TEXT_MAX]
    if details is not None:
        said["details"] = details
    return canonical_json(said)


def _row_hash(before: bytes, body: str) -> bytes:
    return _sha256(before + body.encode())


def _details_hash(salt: bytes, details: str) -> str:
    return _sha256(salt + details.encode()).hex()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
