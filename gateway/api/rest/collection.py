"""A kind of thing that is listed, created, read, changed and deleted in the same way; one table each.

A change is a JSON merge patch (RFC 7396) of the fields at the top: what it makes is checked as a whole, by the
rules of the configuration file.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.api.rest import etag
from gateway.api.rest.answer import NO_CONTENT, Answer, Problem, Row
from gateway.api.rest.ask import Ask, refuse_any, section_of
from gateway.api.rest.operation import PAGING, Done, Operation
from gateway.api.rest.principal import CHANGES, READS
from gateway.api.rest.reading import database_for
from gateway.api.rest.schemas import listed, resource
from gateway.api.rest.stored import Table
from gateway.settings.places import Findings
from gateway.settings.schema_types import Section
from storage.audit import GATEWAY
from storage.connection import Connection
from storage.database import EVERY_TENANT, Database
from storage.reads import Read, ReadRouter

Document = dict[str, Any]
#: Adds to the findings what the whole of a document must be beyond its shape; may read, and lock, other rows.
Check = Callable[[Connection, Document, Findings], Awaitable[None]]
#: Raises a Problem when a row is still needed.
Unneeded = Callable[[Connection, Row], Awaitable[None]]


async def nothing_to_check(_: Connection, __: Document, ___: Findings) -> None:
    """For what is right when its shape is."""


async def never_needed(_: Connection, __: Row) -> None:
    """For what nothing refers to."""


def no_entries() -> Mapping[str, Row]:
    """For what no configuration file names."""
    return {}


def as_it_is(row: Row) -> Row:
    return row


def chain_of_gateway(_: Row) -> str:
    """Which audit chain a change belongs to."""
    return GATEWAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is particular. `shown` makes of a row what is answered, `written` of a checked document a row."""

    noun: str
    plural: str
    table: Table
    body: type[Section]
    shown: Callable[[Row], Row] = as_it_is
    written: Callable[[Document], Row] = as_it_is
    check: Check = nothing_to_check
    unneeded: Unneeded = never_needed
    chain: Callable[[Row], str] = chain_of_gateway
    #: What the configuration file names, as it is answered.
    in_file: Callable[[], Mapping[str, Row]] = no_entries
    #: Fields that stay as they were made.
    fixed: frozenset[str] = frozenset({"id"})
    #: Of what is answered, beyond the body.
    read_only: Mapping[str, Mapping[str, Any]]


class Collection:
    """The operations of one kind."""

    def __init__(self, kind: Kind, reads: ReadRouter | None) -> None:
        self._kind = kind
        self._reads = reads
        self._path = f"/admin/v1/{kind.plural}"

    def operations(self, one: str = "{id}") -> list[Operation]:
        """`one` is how a path names it."""
        kind, path = self._kind, f"{self._path}/{one}"
        schema = resource(kind.body, kind.read_only)
        return [
            Operation(
                method="GET", path=self._path, name=f"{kind.plural}.list", summary=f"List {kind.plural}.",
                roles=READS, read=self.page, answer=listed(schema), parameters=PAGING,
            ),
            Operation(
                method="POST", path=self._path, name=f"{kind.plural}.create", summary=f"Make a {kind.noun}.",
                roles=CHANGES, change=self.create, body=kind.body, answer=schema, status=201, repeatable=True,
            ),
            Operation(
                method="GET", path=path, name=f"{kind.plural}.read", summary=f"Read a {kind.noun}.",
                roles=READS, read=self.read, answer=schema,
            ),
            Operation(
                method="PATCH", path=path, name=f"{kind.plural}.change", summary=f"Change a {kind.noun}.",
                roles=CHANGES, change=self.change, body=kind.body, partial=True, answer=schema, versioned=True,
            ),
            Operation(
                method="DELETE", path=path, name=f"{kind.plural}.delete", summary=f"Delete a {kind.noun}.",
                roles=CHANGES, change=self.delete, status=204,
            ),
        ]  # fmt: skip

    async def page(self, ask: Ask) -> Answer:
        limit, after = ask.page()
        async with self.database_for(Read.ADMIN_LIST).admin.transaction(
            EVERY_TENANT, readonly=True
        ) as connection:
            rows = await self._kind.table.page(connection, limit + 1, after)
        return Answer(page_of([self._kind.shown(row) for row in rows], self._kind.in_file(), limit, after))

    async def read(self, ask: Ask) -> Answer:
        entry = self._kind.in_file().get(ask.path["id"])
        async with self.database_for(Read.ADMIN).admin.transaction(EVERY_TENANT, readonly=True) as connection:
            if entry is None:
                return self.answer(await self.found(connection, ask))
            row = await self._kind.table.one(connection, ask.path["id"])
        return Answer(beside(entry, row))

    async def create(self, ask: Ask, connection: Connection) -> Done:
        document = document_of(ask.section(self._kind.body))
        self.refuse_of_file(str(document["id"]))
        await self._checked(connection, document)
        row = await self._kind.table.add(connection, self._kind.written(document))
        if row is None:
            raise Problem(409, f"There is a {self._kind.noun} {document['id']} already.")
        answer = self.answer(row)
        location = {"location": f"{self._path}/{row['id']}"}
        return self._done(replace(answer, status=201, headers={**answer.headers, **location}), None, row)

    async def change(self, ask: Ask, connection: Connection) -> Done:
        self.refuse_of_file(ask.path["id"])
        before = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, before["version"], needed=True)
        document = self.patched(before, ask.body)
        await self._checked(connection, document)
        return await self.put(connection, before, self._kind.written(document))

    async def delete(self, ask: Ask, connection: Connection) -> Done:
        self.refuse_of_file(ask.path["id"])
        row = await self.found(connection, ask, lock=True)
        etag.check(ask.headers, row["version"])
        await self._kind.unneeded(connection, row)
        await self._kind.table.remove(connection, str(row["id"]))
        return self._done(NO_CONTENT, row, None)

    async def put(self, connection: Connection, before: Row, values: Row) -> Done:
        """`values` into the row, and what the audit trail is to say of it."""
        after = await self._kind.table.put(connection, [str(before["id"])], values)
        return self._done(self.answer(after), before, after)

    async def found(self, connection: Connection, ask: Ask, *, lock: bool = False) -> Row:
        """The row that the path names; raises a Problem."""
        row = await self._kind.table.one(connection, ask.path["id"], lock=lock)
        if row is None:
            raise Problem(404, f"There is no such {self._kind.noun}.")
        return row

    def refuse_of_file(self, name: str) -> None:
        """What the file names the file says."""
        if name in self._kind.in_file():
            raise of_file(self._kind.noun)

    def answer(self, row: Row) -> Answer:
        return Answer(self._kind.shown(row), headers={"etag": etag.etag(row["version"])})

    def patched(self, row: Row, patch: Mapping[str, Any]) -> Document:
        """The document that `row` is with `patch` in it."""
        kind, shown = self._kind, self._kind.shown(row)
        settable = kind.body.model_fields
        document = {name: shown[name] for name in settable if name in shown and shown[name] is not None}
        for name, value in patch.items():
            if name in kind.read_only and name not in settable:
                raise Problem(422, f"{name} cannot be set.")
            if name in kind.fixed and value != document.get(name):
                raise Problem(422, f"{name} cannot be changed.")
            if value is None:
                document.pop(name, None)
            else:
                document[name] = value
        return document_of(section_of(kind.body, document))

    def database_for(self, read: Read) -> Database:
        return database_for(self._reads, read)

    async def _checked(self, connection: Connection, document: Document) -> None:
        findings = Findings(None)
        await self._kind.check(connection, document, findings)
        refuse_any(findings)

    def _done(self, answer: Answer, before: Row | None, after: Row | None) -> Done:
        kind, row = self._kind, after or before
        assert row is not None
        return Done(
            answer,
            f"{kind.noun}/{row['id']}",
            kind.chain(row),
            None if before is None else kind.shown(before),
            None if after is None else kind.shown(after),
        )


def of_file(noun: str) -> Problem:
    """What the gateway starts with, by its file or, without one, by what it found."""
    return Problem(
        409,
        f"This {noun} is part of what the gateway starts with: change it in its configuration file,"
        " and if it has none, give it one (kaze serve --config FILE).",
    )


def page_of(rows: list[Row], in_file: Mapping[str, Row], limit: int, after: str) -> Row:
    """Rows of the database, of which there are more where it is more than `limit`, and the file's, by id."""
    last = str(rows[-1]["id"]) if len(rows) > limit else None
    found = {str(row["id"]): row for row in rows}
    for name, entry in in_file.items():
        # Beyond the last row there may be others that have not been looked at.
        if name > after and (last is None or name <= last):
            found[name] = beside(entry, found.get(name))
    names = sorted(found)
    return {
        "data": [found[name] for name in names[:limit]],
        "next": names[limit - 1] if len(names) > limit else None,
    }


def beside(entry: Row, row: Row | None) -> Row:
    """What the file says, in the state that an operator put it in."""
    return entry if row is None or "state" not in row else {**entry, "state": row["state"]}


def document_of(section: Section) -> Document:
    """A checked section as JSON-able data; of the sections in it only what was said."""
    return {name: _said(value) for name, value in section.model_dump(mode="json").items()}


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _said(inner) for name, inner in value.items() if inner is not None}
    return value
