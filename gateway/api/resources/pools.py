"""`/pools`: provider keys, each with what is known of it now.

While the database is away what is live is shown all the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import cast

from gateway.api.live import Live
from gateway.api.resources.configured import Configured
from gateway.api.resources.references import References
from gateway.api.rest import etag
from gateway.api.rest.answer import Answer, Problem, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.collection import Collection, Document, Kind, beside, page_of
from gateway.api.rest.operation import Done, Operation
from gateway.api.rest.principal import CHANGES
from gateway.api.rest.schemas import ANYTHING, STAMPED, TEXT, TEXT_OR_NULL, fields, listed, resource
from gateway.api.rest.stored import Column, Table
from gateway.settings.places import Findings
from gateway.settings.schema_admin import PoolBody, PoolRotateBody
from storage.connection import Connection
from storage.database import EVERY_TENANT, DatabaseAwayError, DatabaseBusyError
from storage.reads import Read, ReadRouter

_TABLE = Table(
    "pools",
    (
        Column("id"),
        Column("provider"),
        Column("secret"),
        Column("tenants", "text[]"),
        Column("limits", "jsonb"),
        Column("model_limits", "jsonb"),
        Column("burst_s", "double precision"),
        Column("models", "text[]"),
        Column("weight", "double precision"),
        Column("state", settable=False),
    ),
)
_LIVE = {"type": ["object", "null"]}
_READ_ONLY = {
    "state": {"enum": ["enabled", "disabled", "draining"]},
    **STAMPED,
    "live": _LIVE,
    "problem": TEXT_OR_NULL,
}
#: What is in service without a word of anybody's has its names and what is live.
_UNNAMED = fields(
    {"id": TEXT, "provider": TEXT, "version": {"type": "null"}, "live": _LIVE, "problem": TEXT_OR_NULL}
)
#: What is changed is looked at again by whoever has it in force.
_NOT_YET: Row = {"live": None, "problem": None}
#: Of a key that is enabled, whether it had been left out for its health; null where nobody has it in service yet.
_ENABLED = {"reinstated": {"type": ["boolean", "null"]}}
#: The same where there is no database, of which nothing else is told.
_REINSTATED = fields({"pool": TEXT, **_ENABLED})
_STATES = (
    ("disable", "disabled", "Take a provider key out of service."),
    ("drain", "draining", "Send nothing more to a provider key; what is under way goes on."),
)


def operations(
    reads: ReadRouter | None, references: References, configured: Callable[[], Configured], live: Live
) -> list[Operation]:
    return _Pools(reads, references, configured, live).operations()


class _Pools(Collection):
    def __init__(
        self,
        reads: ReadRouter | None,
        references: References,
        configured: Callable[[], Configured],
        live: Live,
    ) -> None:
        self._configured = configured
        self._references = references
        self._live = live
        kind = Kind(
            noun="pool",
            plural="pools",
            table=_TABLE,
            body=PoolBody,
            shown=_shown,
            written=_written,
            check=self._check,
            fixed=frozenset({"id", "provider"}),
            read_only=_READ_ONLY,
            in_file=lambda: configured().pools(),
        )
        super().__init__(kind, reads)

    def operations(self, one: str = "{id}") -> list[Operation]:
        schema = resource(PoolBody, _READ_ONLY)
        [listing, *usual] = super().operations(one)
        path = "/admin/v1/pools/{id}"
        usual[1] = replace(usual[1], answer={"anyOf": [schema, _UNNAMED]})
        states = [
            Operation(
                method="POST", path=f"{path}/{verb}", name=f"pools.{verb}", summary=summary,
                roles=CHANGES, change=partial(self._becomes, state), answer=schema,
            )
            for verb, state, summary in _STATES
        ]  # fmt: skip
        return [
            replace(listing, answer=listed({"anyOf": [schema, _UNNAMED]})),
            *usual,
            *states,
            Operation(
                method="POST", path=f"{path}/enable", name="pools.enable",
                summary="Take a provider key into service again, also one that was left out for its health.",
                roles=CHANGES, change=self._enable, act=self._reinstate,
                answer={"anyOf": [resource(PoolBody, {**_READ_ONLY, **_ENABLED}), _REINSTATED]},
            ),
            Operation(
                method="POST", path=f"{path}/verify", name="pools.verify",
                summary="Reach the provider with this key.",
                roles=CHANGES, act=self._verify, possible=self._in_service, answer=ANYTHING,
            ),
            Operation(
                method="POST", path=f"{path}/rotate", name="pools.rotate",
                summary="Use another secret of the same account, or read the present one again.",
                roles=CHANGES, change=self._rotate, body=PoolRotateBody, answer=schema,
            ),
            Operation(
                method="POST", path=f"{path}/refresh", name="pools.refresh",
                summary="Read a key's secret again, also one of the configuration file's.",
                roles=CHANGES, act=self._refresh, possible=self._in_service, answer=ANYTHING,
            ),
        ]  # fmt: skip

    async def page(self, ask: Ask) -> Answer:
        limit, after = ask.page()
        live = await self._states()
        stored = [_shown(row) for row in await self._stored(limit + 1, after)]
        named = {row["id"] for row in stored}
        unnamed = {pool: _of_nobody(state) for pool, state in live.items() if pool not in named}
        page = page_of(stored, {**unnamed, **self._configured().pools()}, limit, after)
        rows, problems = cast(list[Row], page["data"]), self._configured().problems("pools")
        shown = [
            {**row, "live": live.get(str(row["id"])), "problem": problems.get(str(row["id"]))} for row in rows
        ]
        return Answer({**page, "data": shown})

    async def read(self, ask: Ask) -> Answer:
        name = ask.path["id"]
        live = (await self._states()).get(name)
        try:
            answer = await super().read(ask)
        except (Problem, DatabaseAwayError, DatabaseBusyError):
            entry = self._configured().pools().get(name)
            if live is None and entry is None:
                raise
            answer = Answer(entry or _of_nobody(live or {}))
        problem = self._configured().problems("pools").get(name)
        return replace(answer, body={**cast(Row, answer.body), "live": live, "problem": problem})

    def answer(self, row: Row) -> Answer:
        answer = super().answer(row)
        return replace(answer, body={**_shown(row), **_NOT_YET})

    async def _states(self) -> Mapping[str, Row]:
        """By pool; none while nobody answers, as long as there is a database to tell of the rest."""
        try:
            return {str(row["id"]): row for row in await self._live.pools()}
        except Problem:
            if self._reads is None:
                raise
            return {}

    async def _stored(self, limit: int, after: str) -> list[Row]:
        if self._reads is None:
            return []
        try:
            database = self.database_for(Read.ADMIN_LIST)
            async with database.admin.transaction(EVERY_TENANT, readonly=True) as connection:
                return await _TABLE.page(connection, limit, after)
        except (DatabaseAwayError, DatabaseBusyError):
            return []

    async def _becomes(self, state: str, ask: Ask, connection: Connection) -> Done:
        entry = self._configured().pools().get(ask.path["id"])
        if entry is not None:  # of which the database then knows the state
            await _TABLE.add(connection, {"id": entry["id"], "provider": entry["provider"]})
        row = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, row["version"])
        done = await self.put(connection, row, {"state": state})
        if entry is None:
            return done
        return replace(done, answer=Answer({**beside(entry, done.after), **_NOT_YET}))

    async def _enable(self, ask: Ask, connection: Connection) -> Done:
        """Enabled it may have been all along: a refused key waits for somebody to say that it is good."""
        done = await self._becomes("enabled", ask, connection)

        async def reinstated() -> Answer:
            was_out = None
            try:
                was_out = (await self._live.enable(ask.path["id"]))["reinstated"]
            except Problem as problem:
                if problem.status != HTTPStatus.NOT_FOUND:
                    raise
            return replace(done.answer, body={**cast(Row, done.answer.body), "reinstated": was_out})

        return replace(done, then=reinstated)

    async def _reinstate(self, ask: Ask) -> Answer:
        return Answer(await self._live.enable(ask.path["id"]))

    async def _rotate(self, ask: Ask, connection: Connection) -> Done:
        """A new place is a change of the configuration; the present one is read again after the commit."""
        self.refuse_of_file(ask.path["id"])
        row = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, row["version"])
        secret = ask.section(PoolRotateBody).secret
        if secret is not None:
            document = self.patched(row, {"secret": secret})
            await self._checked(connection, document)
            return await self.put(connection, row, _written(document))
        done = await self.put(connection, row, {})

        async def read_again() -> Answer:
            await self._live.refresh(ask.path["id"])
            return done.answer

        return replace(done, then=read_again)

    async def _verify(self, ask: Ask) -> Answer:
        return Answer(await self._live.verify(ask.path["id"]))

    async def _refresh(self, ask: Ask) -> Answer:
        return Answer(await self._live.refresh(ask.path["id"]))

    async def _in_service(self, ask: Ask) -> None:
        if ask.path["id"] not in {row["id"] for row in await self._live.pools()}:
            raise Problem(404, "There is no such pool in service.")

    async def _check(self, connection: Connection, document: Document, findings: Findings) -> None:
        provider = await self._references.provider(connection, document["provider"])
        if provider is None:
            findings.add(("provider",), "no such provider")
        elif document["secret"] is None and not provider[1] and provider[0] != "ollama":
            findings.add(("secret",), "is required for a provider that is not local")
        self._references.secret(document["secret"], ("secret",), findings)
        await self._references.tenants(connection, document["tenants"], ("tenants",), findings)


def _shown(row: Row) -> Row:
    shown = {name: value for name, value in row.items() if name != "burst_s"}
    return {**shown, "windows": {} if row["burst_s"] is None else {"burst_s": row["burst_s"]}}


def _of_nobody(state: Row) -> Row:
    """In service without a word of anybody's, as a local provider has one."""
    return {"id": state["id"], "provider": state["provider"], "source": "file", "version": None}


def _written(document: Document) -> Row:
    return {**document, "burst_s": document["windows"].get("burst_s")}
