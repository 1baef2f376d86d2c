"""The audit trail: with its deed or not at all, and every way of tampering with it shows (D78, D79)."""

import asyncio
import dataclasses
import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.audit import (
    ORIGIN,
    TOMBSTONE,
    Anchor,
    AuditRow,
    Deed,
    Finding,
    append,
    heads,
    stored_rows,
    verify,
    verify_stored,
)
from storage.canonical_json import canonical_json
from storage.connection import Connection
from storage.database import EVERY_TENANT, Database, connected
from tests.postgres import Stored

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEED = Deed(
    "human", "owner-1", "tenant.create", "a", tenant="a", request_id="r-1", details={"after": {"id": "a"}}
)


async def _chain(database: Database, count: int = 6, tenant: str = "a") -> list[AuditRow]:
    for number in range(count):
        async with database.admin.transaction(tenant) as connection:
            await append(connection, dataclasses.replace(DEED, tenant=tenant, action=f"deed {number}"), AT)
    async with database.reads.transaction(tenant) as connection:
        return [row async for row in stored_rows(connection, tenant)]


async def _findings(connection: Connection, tenant: str = "a", *anchors: Anchor) -> list[Finding]:
    return [finding async for finding in verify_stored(connection, tenant, anchors)]


async def test_the_row_comes_with_its_deed_or_not_at_all(database: Database) -> None:
    async with database.admin.transaction("a") as connection:
        await connection.execute("INSERT INTO tenants (id) VALUES ('a')")
        head = await append(connection, DEED, AT)
    with pytest.raises(KeyError):
        async with database.admin.transaction("a") as connection:
            await connection.execute("UPDATE tenants SET name = 'changed'")
            await append(connection, DEED, AT)
            raise KeyError("after it")
    with pytest.raises(Exception, match="violates check constraint"):
        async with database.admin.transaction("a") as connection:
            await connection.execute("UPDATE tenants SET name = 'changed'")
            await append(connection, dataclasses.replace(DEED, actor_kind="ghost"), AT)  # type: ignore[arg-type]
    async with database.reads.transaction("a") as connection:
        assert await connection.fetchval("SELECT name FROM tenants") == ""
        assert await heads(connection) == [head]
        row = await connection.fetchrow("SELECT * FROM audit_log")
        assert row is not None
        told = ("actor_kind", "actor", "action", "object", "outcome", "request_id", "at")
        assert [row[name] for name in told] == [
            "human", "owner-1", "tenant.create", "a", "done", "r-1", "2026-11-21T12:00:00.000000+00:00",
        ]  # fmt: skip
        assert await _findings(connection, "a", head) == []


async def test_many_writers_make_one_chain_each(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await append(connection, dataclasses.replace(DEED, tenant=("a", "b", "*")[number % 3]), AT)

    await asyncio.gather(*(write(number) for number in range(30)))
    async with database.reads.transaction(EVERY_TENANT) as connection:
        anchors = await heads(connection)
        assert sorted((anchor.tenant, anchor.seq) for anchor in anchors) == [("*", 10), ("a", 10), ("b", 10)]
        for tenant in ("*", "a", "b"):
            assert await _findings(connection, tenant, *anchors) == []


async def test_nothing_stored_can_be_changed_or_taken_away(stored: Stored, database: Database) -> None:
    await _chain(database, 2)
    statements = (
        "UPDATE audit_log SET body = body",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log CASCADE",
        "UPDATE audit_details SET details = ''",
        "TRUNCATE audit_details",
        "DELETE FROM audit_details WHERE tenant = 'a'",
    )
    for statement in (*statements, "SELECT erase_audit_details('a')"):
        with pytest.raises(Exception, match=r"permission denied|append-only|only a deleted tenant"):
            async with database.admin.transaction("a") as connection:
                await connection.execute(statement)
    async with connected(stored.owner) as owner:
        for statement in statements:
            with pytest.raises(Exception, match="append-only"):
                async with owner.transaction():
                    await owner.execute("SELECT set_config('app.tenant', '*', true)")
                    await owner.execute(statement)


async def test_a_row_that_does_not_continue_the_chain_is_not_taken(database: Database) -> None:
    rows = await _chain(database, 2)
    body = rows[1].body.replace('"seq":2', '"seq":3')
    last = rows[1].hash
    forged = {
        "another hash": (body, last, bytes(32)),
        "another predecessor": (body, bytes(32), hashlib.sha256(bytes(32) + body.encode()).digest()),
        "a gap": (gap := body.replace('"seq":3', '"seq":9'), last, hashlib.sha256(last + gap.encode()).digest()),
        "a beginning of its own": (
            new := body.replace('"seq":3', '"seq":0'), ORIGIN, hashlib.sha256(ORIGIN + new.encode()).digest(),
        ),
    }  # fmt: skip
    for case, values in forged.items():
        with pytest.raises(Exception, match="does not continue its chain"):
            async with database.admin.transaction("a") as connection:
                await connection.execute(
                    "INSERT INTO audit_log (body, prev_hash, hash) VALUES ($1, $2, $3)", *values
                )
        assert case


def _remade(row: AuditRow, before: bytes, **changes: str) -> AuditRow:
    """`row` with other words and a hash that fits them: by someone who knows how the chain is made."""
    body = row.body
    for old, new in changes.items():
        body = body.replace(old.replace("_", " "), new)
    return dataclasses.replace(
        row, body=body, prev_hash=before, hash=hashlib.sha256(before + body.encode()).digest()
    )


async def test_every_tampering_shows(database: Database) -> None:
    rows = await _chain(database)
    anchor = Anchor("a", 6, rows[5].hash)
    assert list(verify(rows, "a", [anchor])) == []

    def found(tampered: list[AuditRow], *anchors: Anchor) -> list[tuple[str, int]]:
        return [(finding.kind, finding.seq) for finding in verify(tampered, "a", anchors)]

    altered = dataclasses.replace(rows[2], body=rows[2].body.replace("deed 2", "deed 9"))
    assert found([*rows[:2], altered, *rows[3:]]) == [("altered", 3)]
    with_hash = _remade(rows[2], rows[2].prev_hash, deed_2="deed 9")
    assert found([*rows[:2], with_hash, *rows[3:]]) == [("rewritten", 4)]
    details = dataclasses.replace(rows[2], details=(rows[2].details or "") + " ")
    assert found([*rows[:2], details, *rows[3:]]) == [("altered", 3)]
    stripped = dataclasses.replace(rows[2], salt=None, details=None)
    assert found([*rows[:2], stripped, *rows[3:]]) == [("stripped", 3)]
    assert found([*rows[:2], *rows[3:]]) == [("missing", 3)]
    assert found(rows[1:]) == [("missing", 1)]
    assert found([rows[0], rows[2], rows[1], *rows[3:]]) == [("missing", 2), ("reordered", 2)]
    assert found([*rows[:3], rows[2], *rows[3:]]) == [("reordered", 3)]
    stranger = dataclasses.replace(rows[2], seq=7)
    assert found([*rows, stranger])[0][1] == 7
    of_another = [
        dataclasses.replace(row, body=row.body.replace('"tenant":"a"', '"tenant":"b"')) for row in rows
    ]
    assert len(found(of_another)) == 6

    # A chain that ends early, or was written anew from the start, is whole in itself: only the anchor tells.
    assert found(rows[:4]) == []
    assert found(rows[:4], anchor) == [("truncated", 6)]
    assert found([], anchor) == [("truncated", 6)]
    anew, before = [], ORIGIN
    for row in rows:
        anew.append(_remade(row, before, deed_0="deed 9"))
        before = anew[-1].hash
    assert found(anew) == []
    assert found(anew, anchor) == [("rewritten", 6)]


@pytest.mark.parametrize(
    ("attack", "first"),
    [
        ("DELETE FROM audit_details WHERE seq > 3; DELETE FROM audit_log WHERE seq > 3", 4),
        ("DELETE FROM audit_details; DELETE FROM audit_log", 1),
    ],
    ids=["cut", "written anew"],
)
async def test_what_is_written_after_a_cut_does_not_make_the_chain_whole_again(
    stored: Stored, database: Database, attack: str, first: int
) -> None:
    """Each head is kept as the gateway does it: of the rows that were cut off, and of those in their place."""
    kept = [Anchor(row.tenant, row.seq, row.hash) for row in await _chain(database, 5)]
    async with connected(stored.superuser) as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(attack)
    after = await _chain(database, 7)
    kept += [Anchor(row.tenant, row.seq, row.hash) for row in after[first - 1 :]]
    async with database.reads.transaction("a") as reading:
        found = await _findings(reading, "a", *kept)
    assert [(finding.kind, finding.seq) for finding in found] == [
        ("rewritten", seq) for seq in range(first, 6)
    ]


async def test_tampering_behind_the_triggers_shows(stored: Stored, database: Database) -> None:
    await _chain(database, 5)
    async with database.reads.transaction("a") as reading:
        [anchor] = await heads(reading)
    attacks = {
        "UPDATE audit_log SET body = replace(body, 'deed 2', 'deed 9') WHERE seq = 3": [("altered", 3)],
        "DELETE FROM audit_details WHERE seq = 2; DELETE FROM audit_log WHERE seq = 2": [("missing", 2)],
        "DELETE FROM audit_details WHERE seq > 3; DELETE FROM audit_log WHERE seq > 3": [("truncated", 5)],
        "UPDATE audit_details SET details = '{}' WHERE seq = 4": [("altered", 4)],
        "DELETE FROM audit_details WHERE seq = 4": [("stripped", 4)],
    }
    async with connected(stored.superuser) as connection:
        for attack, expected in attacks.items():
            with pytest.raises(KeyError):
                async with connection.transaction():
                    await connection.execute("SET LOCAL session_replication_role = replica")
                    await connection.execute(attack)
                    found = await _findings(connection, "a", anchor)
                    assert [(finding.kind, finding.seq) for finding in found] == expected, attack
                    raise KeyError("and take it back")


async def test_details_left_behind_by_a_cut_are_named_and_can_be_put_right(
    stored: Stored, database: Database
) -> None:
    await _chain(database, 5)
    async with database.reads.transaction("a") as reading:
        [anchor] = await heads(reading)
    async with connected(stored.superuser) as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("DELETE FROM audit_log WHERE seq > 3")
        found = [(one.kind, one.seq) for one in await _findings(connection, "a", anchor)]
        assert found == [("truncated", 5), ("orphaned", 4), ("orphaned", 5)]
    with pytest.raises(Exception, match="duplicate key"):
        await _chain(database, 1)
    [told] = re.findall(
        r"```sql\n(BEGIN;.*?audit_details.*?)```", Path("docs/admin.md").read_text(), re.DOTALL
    )
    async with connected(stored.superuser) as connection:
        await connection.execute(told)
        assert [one.kind for one in await _findings(connection, "a", anchor)] == ["truncated"]
    assert [row.seq for row in await _chain(database, 1)] == [1, 2, 3, 4]


async def test_a_deleted_tenants_details_go_and_the_chain_stays(database: Database) -> None:
    async with database.admin.transaction("a") as connection:
        await connection.execute("INSERT INTO tenants (id, state) VALUES ('a', 'deleted')")
    await _chain(database, 3)
    await _chain(database, 1, "b")
    async with database.admin.transaction("a") as connection:
        assert await connection.fetchval("SELECT erase_audit_details('a')") == 3
        assert {finding.kind for finding in await _findings(connection, "a")} == {"stripped"}
        await append(connection, dataclasses.replace(DEED, action=TOMBSTONE, details={"after": {}}), AT)
    async with database.reads.transaction(EVERY_TENANT) as connection:
        left = await connection.fetch("SELECT tenant, seq FROM audit_details ORDER BY tenant")
        assert [tuple(row.values()) for row in left] == [("a", 4), ("b", 1)]
        rows = [row async for row in stored_rows(connection, "a")]
        assert [row.details for row in rows] == [None, None, None, '{"after":{}}']
        assert await _findings(connection, "a") == []
    rows[3] = dataclasses.replace(rows[3], salt=None, details=None)  # which was not erased with the tenant
    assert list(verify(rows, "a")) == [Finding("stripped", "a", 4)]


async def test_odd_texts_are_written_all_the_same(database: Database) -> None:
    odd = 'nul \0 quote " \\ line\n lone \ud800 astral \U0001f600'
    deed = dataclasses.replace(
        DEED, actor=odd, action="x" * 10_000, outcome="denied", details={odd: [odd, 2**70, 0.1, None, True]}
    )
    async with database.admin.transaction("a") as connection:
        await append(connection, deed, AT)
        await append(connection, dataclasses.replace(deed, details={"much": "y" * 1_000_000}), AT)
        assert await _findings(connection) == []
        assert "left_out" in await connection.fetchval("SELECT details FROM audit_details WHERE seq = 2")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), JSON))
def test_canonical_json_does_not_depend_on_the_order(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert canonical_json(value) == canonical_json(turned)
    canonical_json(value).encode()


def test_canonical_json_sorts_as_the_standard_says() -> None:
    """The example of RFC 8785 §3.2.3: by UTF-16, where the astral one comes before U+FB33."""
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical_json(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]
    with pytest.raises(TypeError):
        canonical_json({"when": AT})
