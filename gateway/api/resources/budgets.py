"""`/budgets`: caps on spending, and how far each is used up in its present period."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import cast

from budgets.books import recount
from budgets.period import Kind as PeriodKind
from budgets.period import Span, span
from gateway.api.resources.configured import Configured
from gateway.api.resources.references import References
from gateway.api.rest.answer import Answer, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.collection import Collection, Document, Kind
from gateway.api.rest.operation import Done, Operation
from gateway.api.rest.schemas import MOMENT_OR_NULL, STAMPED, TEXT, WHOLE
from gateway.api.rest.stored import Column, Table
from gateway.settings.places import Findings
from gateway.settings.schema_admin import BudgetBody
from storage.audit import GATEWAY
from storage.connection import Connection
from storage.database import EVERY_TENANT
from storage.reads import Read, ReadRouter

_TABLE = Table(
    "budgets",
    (
        Column("id"),
        Column("tenant"),
        Column("key"),
        Column("period"),
        Column("anchor_day", "smallint"),
        Column("limit_nusd", "bigint"),
        Column("enforce"),
    ),
)
#: Whose accounts of that name are that the scope may not have. Of some it is known of which tenant they are, and
#: not of which key: what a key spent its tenant did, so the tenant as a whole may have them.
_OF_OTHERS = """
SELECT CASE WHEN s.budget IS NULL AND a.tenant = $2::text THEN 'unknown' ELSE 'another' END AS whose
FROM budget_accounts a LEFT JOIN budget_scopes s ON s.budget = a.account
WHERE a.account = $1 AND CASE WHEN s.budget IS NULL THEN a.tenant <> $2::text OR $3::text IS NOT NULL
    ELSE (s.tenant, s.key::text) IS DISTINCT FROM ($2::text, $3::text) END
ORDER BY whose LIMIT 1
"""
_REFUSALS = {
    "another": "counts what somebody else spent: take another",
    "unknown": "counts what was spent here before, by which key is not known any more: take another",
}
_NAMES = ("posted_nusd", "reserved_nusd", "remaining_nusd")
_READ_ONLY = {
    **STAMPED,
    "scope": {"enum": ["all", "tenant", "key"]},
    "current_period": TEXT,
    "resets_at": MOMENT_OR_NULL,
    **dict.fromkeys(_NAMES, WHOLE),
}


def operations(
    reads: ReadRouter | None,
    references: References,
    configured: Callable[[], Configured],
    now: Callable[[], datetime],
) -> list[Operation]:
    return _Budgets(reads, references, configured, now).operations()


class _Budgets(Collection):
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
            noun="budget",
            plural="budgets",
            table=_TABLE,
            body=BudgetBody,
            written=_written,
            check=self._check,
            chain=lambda row: str(row["tenant"]),
            fixed=frozenset({"id", "tenant", "key"}),
            read_only=_READ_ONLY,
            in_file=lambda: configured().budgets(),
        )
        super().__init__(kind, reads)

    async def page(self, ask: Ask) -> Answer:
        answer = await super().page(ask)
        assert isinstance(answer.body, dict)
        return replace(
            answer, body={**answer.body, "data": await self._balanced(answer.body["data"], Read.ADMIN_LIST)}
        )

    async def read(self, ask: Ask) -> Answer:
        return await self._with_balance(await super().read(ask), Read.ADMIN)

    async def create(self, ask: Ask, connection: Connection) -> Done:
        done = await super().create(ask, connection)
        assert done.after is not None
        await self._cap(connection, done.after)
        return replace(done, answer=await self._with_balance(done.answer, connection))

    async def change(self, ask: Ask, connection: Connection) -> Done:
        self.refuse_of_file(ask.path["id"])
        row = await self.found(connection, ask)
        # Before the budget, as the deletion of a tenant locks them: none waits for the other.
        await self._references.tenant_state(connection, str(row["tenant"]))
        return await super().change(ask, connection)

    async def put(self, connection: Connection, before: Row, values: Row) -> Done:
        done = await super().put(connection, before, values)
        assert done.after is not None
        await self._cap(connection, done.after)
        return replace(done, answer=await self._with_balance(done.answer, connection))

    async def _cap(self, connection: Connection, row: Row) -> None:
        """The present period is capped by the row at once, also where one of that name was there before."""
        account, period = str(row["id"]), self._key(row)
        former = await connection.fetchval(
            "SELECT enforce FROM budget_accounts WHERE account = $1 AND period = $2 FOR UPDATE",
            account,
            period,
        )
        await connection.execute(
            "UPDATE budget_accounts SET limit_nusd = $3, enforce = $4 WHERE account = $1 AND period = $2",
            account, period, row["limit_nusd"], row["enforce"],
        )  # fmt: skip
        if former not in (None, row["enforce"]):  # of soft ones nobody keeps what is leased
            await recount(connection, [account], [period])

    async def _check(self, connection: Connection, document: Document, findings: Findings) -> None:
        tenant, key = document["tenant"], document["key"]
        if tenant != "*":
            await self._references.tenant(connection, tenant, ("tenant",), findings)
            if key is not None:
                await self._references.key(connection, tenant, key, ("key",), findings)
        elif key is not None:
            findings.add(("key",), "needs a tenant")
        whose = await connection.fetchval(_OF_OTHERS, document["id"], tenant, key)
        if whose is not None:
            findings.add(("id",), _REFUSALS[whose])
        try:
            span(document["period"], 0.0, document["anchor_day"])
        except ValueError as error:
            findings.add(("anchor_day",), str(error))

    async def _with_balance(self, answer: Answer, where: Connection | Read) -> Answer:
        [row] = await self._balanced([answer.body], where)  # type: ignore[list-item]
        return replace(answer, body=row)

    async def _balanced(self, rows: list[Row], where: Connection | Read) -> list[Row]:
        """With what was spent, and is held, in the present period."""
        periods = [self._key(row) for row in rows]
        accounts = [str(row["id"]) for row in rows]
        if isinstance(where, Read):
            async with self.database_for(where).admin.transaction(EVERY_TENANT, readonly=True) as connection:
                balances = await _balances(connection, accounts, periods)
        else:
            balances = await _balances(where, accounts, periods)
        by_account = {row["account"]: row for row in balances}
        return [self._shown(row, by_account.get(row["id"])) for row in rows]

    def _shown(self, row: Row, balance: Row | None) -> Row:
        spent: Row = {"posted_nusd": 0, "reserved_nusd": 0, "remaining_nusd": row["limit_nusd"]}
        if balance is not None:
            spent = {name: balance[name] for name in _NAMES}
        scope = "key" if row["key"] is not None else "all" if row["tenant"] == GATEWAY else "tenant"
        ends = self._span(row).resets_at
        return {
            **row,
            "scope": scope,
            "current_period": self._key(row),
            "resets_at": None if ends is None else ends.isoformat(),
            **spent,
        }

    def _span(self, row: Row) -> Span:
        kind, anchor = cast(PeriodKind, row["period"]), cast(int, row["anchor_day"])
        return span(kind, self._now().timestamp(), anchor)

    def _key(self, row: Row) -> str:
        """What the present period is called in the books."""
        return self._span(row).key


async def _balances(connection: Connection, accounts: Iterable[str], periods: Iterable[str]) -> list[Row]:
    rows = await connection.fetch(
        "SELECT b.account, b.posted_nusd, b.reserved_nusd, b.remaining_nusd FROM budget_balances b"
        " JOIN unnest($1::text[], $2::text[]) AS asked (account, period) USING (account, period)",
        list(accounts), list(periods),
    )  # fmt: skip
    return [dict(row) for row in rows]


def _written(document: Document) -> Row:
    return {**document, "id": document["id"] or f"budget-{secrets.token_hex(5)}"}
