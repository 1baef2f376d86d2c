"""`/models`: model routes and hints."""

from collections.abc import Callable

from gateway.api.resources.configured import Configured
from gateway.api.resources.references import References
from gateway.api.rest.answer import Problem, Row
from gateway.api.rest.collection import Collection, Document, Kind
from gateway.api.rest.operation import Operation
from gateway.api.rest.schemas import STAMPED
from gateway.api.rest.stored import Column, Table
from gateway.settings.places import Findings
from gateway.settings.schema_admin import ModelBody
from storage.connection import Connection
from storage.reads import ReadRouter

_TABLE = Table("models", (Column("id"), Column("targets", "text[]"), Column("overflow"), Column("hint")))


def operations(
    reads: ReadRouter | None, references: References, configured: Callable[[], Configured]
) -> list[Operation]:
    async def check(connection: Connection, document: Document, findings: Findings) -> None:
        await references.targets(connection, document["targets"], ("targets",), findings)
        if document["overflow"] is not None:
            await references.local_target(connection, document["overflow"], ("overflow",), findings)

    kind = Kind(
        noun="model",
        plural="models",
        table=_TABLE,
        body=ModelBody,
        check=check,
        unneeded=_unneeded,
        read_only=STAMPED,
        in_file=lambda: configured().models(),
    )
    # A route's name may hold slashes.
    return Collection(kind, reads).operations("{id:path}")


async def _unneeded(connection: Connection, row: Row) -> None:
    users = await connection.fetch(
        "SELECT id FROM tenants WHERE models ? $1 AND state <> 'deleted' ORDER BY id LIMIT 5", row["id"]
    )
    if users:
        raise Problem(409, f"It means something else for tenants {', '.join(one['id'] for one in users)}.")
