"""`/audit`: who did what, newest first; `/audit/verify`: whether the chains are what they were.

Chains are compared with their heads as they were kept outside the database, which must be read before the rows:
a head that came in between would look like an end that was cut off. A chain of which no head was kept is not
whole: nothing would show that it ends too early or was written anew.
"""

import asyncio
import base64
import binascii
from collections.abc import Iterable

from gateway.api.rest.anchors import Anchors
from gateway.api.rest.answer import Answer, Problem, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.json_text import dumps, loads
from gateway.api.rest.operation import PAGING, Operation, Parameter
from gateway.api.rest.principal import READS
from gateway.api.rest.reading import database_for
from gateway.api.rest.schemas import ANYTHING, FLAG, TEXT, WHOLE, fields, listed
from storage.audit import GATEWAY, Anchor, chain_names, is_there, verify_stored
from storage.connection import Connection
from storage.database import EVERY_TENANT
from storage.reads import Read, ReadRouter

_FINDINGS_MAX = 1000
_FILTERS = {
    "tenant": "The chain of a tenant, `*` for the gateway's own.",
    "actor": "Who did it.",
    "action": "What was done, such as `keys.rotate`.",
    "object": "What it was done to, such as `tenant/client-a`.",
    "outcome": "`done` or `denied`; of what is not done in the database first `begun`, then `done` or `failed`.",
    "request_id": "By which request.",
}
_FILTER = {"type": "string", "maxLength": 512}
_ROW = fields({"tenant": TEXT, "seq": WHOLE, "at": TEXT, "actor": TEXT, "action": TEXT, "object": TEXT})
_CHAIN = fields({"tenant": TEXT, "ok": FLAG, "findings": {"type": "array", "items": ANYTHING}})


class Audit:
    """`reads` says which database: what is verified is the primary's, as a replica may be behind the kept heads."""

    def __init__(self, reads: ReadRouter | None, anchors: Anchors) -> None:
        self._reads = reads
        self._anchors = anchors
        self._one_verification = asyncio.Lock()

    def operations(self) -> list[Operation]:
        filters = tuple(Parameter(name, _FILTER, meaning) for name, meaning in _FILTERS.items())
        return [
            Operation(
                method="GET", path="/admin/v1/audit", name="audit.list", summary="Who did what, newest first.",
                roles=READS, read=self._page, answer=listed(_ROW), parameters=(*PAGING, *filters),
            ),
            Operation(
                method="GET", path="/admin/v1/audit/verify", name="audit.verify",
                summary="Whether a row was altered, deleted, moved or cut off.", roles=READS, read=self._verify,
                answer=fields({"ok": FLAG, "chains": {"type": "array", "items": _CHAIN}}),
                parameters=(Parameter("tenant", _FILTER, "Of one chain alone."),),
            ),
        ]  # fmt: skip

    async def _page(self, ask: Ask) -> Answer:
        limit, after = ask.page()
        values: list[object] = [limit + 1, *_cursor(after)]
        where = "true" if not after else "(a.at, a.tenant, a.seq) < ($2, $3, $4)"
        for name in _FILTERS:
            if name in ask.query:
                values.append(ask.query[name])
                where += f" AND a.{name} = ${len(values)}"
        # Without a cursor its three values are there all the same, so that the others keep their places.
        query = (
            "SELECT a.body, d.details FROM audit_log a LEFT JOIN audit_details d USING (tenant, seq)"  # noqa: S608
            f" WHERE {where} AND ($2::text, $3::text, $4::bigint) IS NOT NULL"
            " ORDER BY a.at DESC, a.tenant DESC, a.seq DESC LIMIT $1"
        )
        database = database_for(self._reads, Read.AUDIT)
        async with database.admin.transaction(EVERY_TENANT, readonly=True) as connection:
            rows = [_shown(row["body"], row["details"]) for row in await connection.fetch(query, *values)]
        more = len(rows) > limit
        return Answer({"data": rows[:limit], "next": _after(rows[limit - 1]) if more else None})

    async def _verify(self, ask: Ask) -> Answer:
        database = database_for(self._reads, Read.AUDIT_VERIFY)
        async with self._one_verification:
            anchors = await self._anchors.read()
            async with database.admin.transaction(EVERY_TENANT, readonly=True) as connection:
                there = await is_there(connection)
                names = await chain_names(connection) if there else {GATEWAY}
                chains = [
                    await _verified(connection, tenant, anchors) if there else _dropped(tenant, anchors)
                    for tenant in _chains(names, anchors, ask.query.get("tenant"))
                ]
            # Read once more: of a chain that began meanwhile the head is kept just after its row is there.
            anchored = {anchor.tenant for anchor in await self._anchors.read()}
        chains = [_anchored(chain, chain["tenant"] in anchored) for chain in chains]
        return Answer({"ok": all(chain["ok"] for chain in chains), "chains": chains})


def _chains(names: set[str], anchors: Iterable[Anchor], only: str | None) -> list[str]:
    """Those that there are, and those that there once were."""
    found = names | {anchor.tenant for anchor in anchors}
    if only is not None and only not in found:
        raise Problem(404, "There is no such chain.")
    return sorted(found if only is None else {only})


async def _verified(connection: Connection, tenant: str, anchors: list[Anchor]) -> Row:
    findings: list[Row] = []
    async for finding in verify_stored(connection, tenant, anchors):
        if len(findings) < _FINDINGS_MAX:
            findings.append({"kind": finding.kind, "seq": finding.seq})
    last = _last(tenant, anchors)
    rows = await connection.fetchval("SELECT count(*) FROM audit_log WHERE tenant = $1", tenant)
    return {"tenant": tenant, "ok": not findings, "rows": rows, "anchored": last, "findings": findings}


def _dropped(tenant: str, anchors: list[Anchor]) -> Row:
    """Of a chain without its tables."""
    last = _last(tenant, anchors)
    findings = [{"kind": "dropped", "seq": last or 0}]
    return {"tenant": tenant, "ok": False, "rows": 0, "anchored": last, "findings": findings}


def _last(tenant: str, anchors: list[Anchor]) -> int | None:
    return max((anchor.seq for anchor in anchors if anchor.tenant == tenant), default=None)


def _anchored(chain: Row, anchored: bool) -> Row:
    """The chain, which is not whole where none of its heads was kept."""
    if anchored or not chain["rows"]:
        return chain
    found = chain["findings"]
    assert isinstance(found, list)
    return {**chain, "ok": False, "findings": [*found, {"kind": "unanchored", "seq": chain["rows"]}]}


def _shown(body: str, details: str | None) -> Row:
    said = loads(body)
    kept = said.pop("details", None)
    return {
        **said,
        "details": None if details is None else loads(details),
        "erased": bool(kept and not details),
    }


def _after(row: Row) -> str:
    return base64.urlsafe_b64encode(dumps([row["at"], row["tenant"], row["seq"]])).decode()


def _cursor(after: str) -> tuple[str, str, int]:
    if not after:
        return "", "", 0
    try:
        at, tenant, seq = loads(base64.urlsafe_b64decode(after))
        if isinstance(at, str) and isinstance(tenant, str) and type(seq) is int:
            return at, tenant, seq
    except (ValueError, TypeError, binascii.Error):
        pass
    raise Problem(400, "after: the `next` of the page before")
