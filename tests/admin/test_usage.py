"""Usage: sums by group, choice and span; every record, streamed; nothing of a query is SQL."""

import csv
import io
import json
from datetime import date

import pytest

from storage.database import EVERY_TENANT
from tests.admin.conftest import Admin
from tests.storage.rows import usage_row, write_usage

SPAN = "from=2026-10-01&to=2026-12-01"


async def used(admin: Admin, count: int = 1) -> None:
    """Three tenants, two days; `count` records of each."""
    rows = [
        usage_row(f"{tenant}-{day}-{number}", tenant=tenant, day=date(2026, 11, day), cost=cost)
        for tenant, cost in (("a", 1), ("b", 10), ("c", 100))
        for day in (2, 3)
        for number in range(count)
    ]
    async with admin.database.flushes.transaction(EVERY_TENANT) as connection:
        await write_usage(connection, rows)


async def test_sums_by_group(admin: Admin) -> None:
    await used(admin, 2)
    by_tenant = (await admin.get(f"/usage?{SPAN}"))["data"]
    assert [(row["tenant"], row["requests"], row["cost_nusd"]) for row in by_tenant] == [
        ("a", 4, 4), ("b", 4, 40), ("c", 4, 400)
    ]  # fmt: skip
    by_day = (await admin.get(f"/usage?{SPAN}&group_by=day,tenant&tenant=b"))["data"]
    assert [(row["day"], row["tenant"], row["cost_nusd"]) for row in by_day] == [
        ("2026-11-02", "b", 20), ("2026-11-03", "b", 20)
    ]  # fmt: skip
    one_day = (await admin.get("/usage?from=2026-11-02&to=2026-11-03&group_by=month"))["data"]
    assert [(row["month"], row["cost_nusd"]) for row in one_day] == [("2026-11-01", 222)]
    (by_price,) = (await admin.get(f"/usage?{SPAN}&group_by=price_version,tier"))["data"]
    assert (by_price["price_version"], by_price["tier"], by_price["requests"]) == ("1", "", 12)
    assert (await admin.get("/usage?from=2025-01-01&to=2025-02-01"))["data"] == []


async def test_a_correction_costs_and_is_no_request(admin: Admin) -> None:
    await used(admin)
    correction = (
        'INSERT INTO usage_log SELECT (jsonb_populate_record(l, \'{"number": 1, "cost_nusd": -4}\')).*'
        " FROM usage_log l WHERE l.tenant = 'b' AND l.day = '2026-11-02'"
    )
    async with admin.database.flushes.transaction(EVERY_TENANT) as connection:
        await connection.execute(correction)
    (row,) = (await admin.get(f"/usage?{SPAN}&tenant=b"))["data"]
    assert (row["requests"], row["cost_nusd"]) == (2, 16)


async def test_groups_go_on_where_they_stopped(admin: Admin) -> None:
    await used(admin)
    seen = []
    after: str | None = ""
    while after is not None:
        page = await admin.get(f"/usage?{SPAN}&group_by=tenant,day&limit=4&after={after}")
        seen += [(row["tenant"], row["day"][-1]) for row in page["data"]]
        after = page["next"]
    assert seen == [(tenant, day) for tenant in "abc" for day in "23"]


@pytest.mark.parametrize(
    "query",
    [
        "group_by=tenant;drop table tenants", "group_by=tenant,tenant", "group_by=", "group_by=cost_nusd",
        "from=yesterday", "from=2026-02-30", "from=2026-11-02&to=2026-11-01", "from=1900-01-01", "after=x",
        "tenant=a&tenant=b", "where=true",
    ],
)  # fmt: skip
async def test_what_is_no_report_is_refused(admin: Admin, query: str) -> None:
    assert (await admin.ask("GET", f"/usage?{query}")).status_code == 400


async def test_every_record_is_exported(admin: Admin) -> None:
    await used(admin, 400)  # more than one step
    lines = (await admin.ask("GET", f"/usage/export?{SPAN}")).text.splitlines()
    records = [json.loads(line) for line in lines]
    assert len({record["request_id"] for record in records}) == len(records) == 2400
    assert sum(record["cost_nusd"] for record in records) == 800 * 111
    reply = await admin.ask("GET", f"/usage/export?{SPAN}&format=csv&tenant=c")
    assert reply.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert (len(rows), rows[0]["tenant"], rows[0]["cost_nusd"]) == (800, "c", "100")
    assert (await admin.ask("GET", "/usage/export?format=xlsx")).status_code == 400


async def test_no_cell_is_a_formula(admin: Admin) -> None:
    async with admin.database.flushes.transaction(EVERY_TENANT) as connection:
        await write_usage(connection, [{**usage_row("r"), "model": "=1+2", "pool": "+x", "provider": "ok"}])
    [row] = csv.DictReader(io.StringIO((await admin.ask("GET", f"/usage/export?{SPAN}&format=csv")).text))
    assert (row["model"], row["pool"], row["provider"]) == ("'=1+2", "'+x", "ok")
