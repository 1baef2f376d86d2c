"""`/batch`: several changes as one. All of them are made or none is, in one transaction, each with its audit row.

Each finds what the ones before it made. What not everybody who may change things may do is no part of a batch.
"""

from collections.abc import Iterable, Sequence

from gateway.api.rest.answer import Answer, Fault, Problem, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.operation import Done, Operation
from gateway.api.rest.principal import CHANGES
from gateway.api.rest.schemas import FLAG, TEXT, WHOLE, fields
from gateway.settings.problem import show
from gateway.settings.schema_admin import BatchBody, BatchPart
from storage.connection import Connection

_PART = fields({"operation": TEXT, "status": WHOLE, "body": {}})
#: Ten thousand tenant keys with all that may be said of each.
_BODY_BYTES_MAX = 8 * 1024 * 1024


class Batch:
    """`operations` are all there are; those that are changes may be parts."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = {one.name: one for one in operations}

    def operation(self) -> Operation:
        return Operation(
            method="POST", path="/admin/v1/batch", name="batch",
            summary="Several changes, of which all are made or none; a dry run makes none.",
            roles=CHANGES, change=self._all, body=BatchBody, body_bytes_max=_BODY_BYTES_MAX,
            answer=fields({"data": {"type": "array", "items": _PART}, "dry_run": FLAG}), repeatable=True,
        )  # fmt: skip

    async def _all(self, ask: Ask, connection: Connection) -> Done:
        wanted = ask.section(BatchBody)
        done: list[tuple[str, Done]] = []
        for place, part in enumerate(wanted.changes):
            try:
                done.append((part.operation, await self._one(ask, part, connection)))
            except Problem as problem:
                _say_of_part(problem, place, part)
                raise
        parts = tuple(done)
        # A dry run shows no secret that opens nothing; what is kept for a repetition tells of no tenant.
        bare = Answer(_told(parts, wanted.dry_run, bodies=False))
        if wanted.dry_run:
            return Done(bare, "batch", parts=parts, undone=True)
        answer = Answer(_told(parts, wanted.dry_run, bodies=True))

        async def then() -> Answer:
            for _, one in parts:
                if one.then is not None:
                    await one.then()
            return answer

        return Done(answer, "batch", kept=bare, then=then, parts=parts)

    async def _one(self, ask: Ask, part: BatchPart, connection: Connection) -> Done:
        path = {} if part.id is None else {"id": part.id}
        headers = {} if part.if_match is None else {"if-match": part.if_match}
        asked = Ask(ask.principal, ask.request_id, path, {}, headers, part.body, ask.source)
        operation = self._operations.get(part.operation)
        if operation is not None:
            operation.permit(asked)
        if operation is None or operation.change is None or operation.roles != CHANGES:
            raise Problem(422, "There is no such operation that can be part of a batch.")
        if ("{" in operation.path) != (part.id is not None):
            raise Problem(422, "It needs an id." if part.id is None else "It takes no id.")
        if part.id is not None and not part.id.isprintable():
            raise Problem(404, "There is nothing of that name.")
        if part.body and operation.body is None:
            raise Problem(422, "It takes no body.")
        return await operation.change(asked, connection)


def _told(done: Sequence[tuple[str, Done]], dry_run: bool, *, bodies: bool) -> Row:
    rows = [
        {"operation": name, "status": one.answer.status, "body": one.answer.body if bodies else None}
        for name, one in done
    ]
    return {"data": rows, "dry_run": dry_run}


def _say_of_part(problem: Problem, place: int, part: BatchPart) -> None:
    """What one part is refused for is what all are: `problem` names it."""
    where = show(("changes", place))
    named = part.operation if part.id is None else f"{part.operation} {part.id}"
    problem.detail = f"{where} ({named}): {problem.detail} Nothing was done."
    problem.faults = tuple(Fault(f"{where}.body.{fault.field}", fault.detail) for fault in problem.faults)
    problem.headers = {name: value for name, value in problem.headers.items() if name == "retry-after"}
