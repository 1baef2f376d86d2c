"""The admin listener's application, of a single process and of one that gathers from several workers alike.

With a database it is the whole of contract §4. Without one, as in a worker that its supervisor asks, there is what
runs, and everything of the database's answers 503.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST

from gateway.api.health import health_routes
from gateway.api.live import Live
from gateway.api.resources import (
    admin_keys,
    budgets,
    lost_workers,
    models,
    pools,
    providers,
    tenant_keys,
    tenants,
)
from gateway.api.resources.audit import Audit
from gateway.api.resources.configured import Configured
from gateway.api.resources.references import References
from gateway.api.resources.running import Running
from gateway.api.resources.usage import Usage
from gateway.api.rest.admin_keys import AdminKeys
from gateway.api.rest.anchors import FILE, Anchors
from gateway.api.rest.answer import Answer
from gateway.api.rest.ask import Ask
from gateway.api.rest.batch import Batch
from gateway.api.rest.change import Changes
from gateway.api.rest.openapi import document
from gateway.api.rest.operation import Operation
from gateway.api.rest.principal import READS
from gateway.api.rest.schemas import ANYTHING
from gateway.api.rest.service import Service
from gateway.clock import Clock
from gateway.pipeline.databases import Databases
from gateway.pipeline.request_id import RequestIds
from keys.digest import Pepper, Peppers
from keys.secret import Secret
from storage.reads import ReadRouter


@dataclass(frozen=True, slots=True)
class Administered:
    """The databases and what belongs to changing them. `data_dir` is where the audit chains' heads are kept."""

    reads: ReadRouter
    data_dir: Path | None = None

    @classmethod
    def of(cls, databases: Databases, data_dir: Path) -> "Administered | None":
        """None where there is no database."""
        return None if databases.reads is None else cls(databases.reads, data_dir)


def admin_app(
    admin_key: Secret | None,
    live: Live,
    configured: Callable[[], Configured],
    clock: Clock,
    draining: Callable[[], bool],
    administered: Administered | None = None,
) -> Service:
    """`live` is what runs, `configured` the configuration in force."""
    reads = None if administered is None else administered.reads
    database = None if reads is None else reads.primary
    data_dir = None if administered is None else administered.data_dir
    snapshot = configured().snapshot
    previous = snapshot.pepper_previous
    peppers = Peppers(Pepper(snapshot.pepper), None if previous is None else Pepper(previous))
    own = () if admin_key is None else peppers.digests(admin_key.reveal())
    taken = frozenset(one.value for one in own)
    anchors = Anchors(None if data_dir is None else data_dir / FILE, clock.utc)
    keys = AdminKeys(admin_key, database, peppers, clock.utc, clock.monotonic, anchors.add)
    references = References(configured, data_dir)
    operations: list[Operation] = [
        *tenants.operations(reads, references, configured, clock.utc),
        *tenant_keys.operations(reads, references, configured, peppers, taken, clock.utc),
        *providers.operations(reads, references, configured),
        *pools.operations(reads, references, configured, live),
        *models.operations(reads, references, configured),
        *budgets.operations(reads, references, configured, clock.utc),
        *lost_workers.operations(reads, configured, data_dir, clock.utc),
        *admin_keys.operations(reads, keys, peppers, clock.utc),
        *Usage(reads, clock.utc).operations(),
        *Audit(reads, anchors).operations(),
        *Running(live, CONTENT_TYPE_LATEST).operations(),
    ]
    operations.append(Batch(operations).operation())
    operations.append(_own_document(operations))
    changes = None if reads is None else Changes(reads, anchors, clock.utc, clock.monotonic)
    ids = RequestIds()
    return Service(operations, keys, changes, lambda: ids.next(clock.monotonic()), health_routes(draining))


def _own_document(operations: list[Operation]) -> Operation:
    made: list[Answer] = []

    async def read(_: Ask) -> Answer:
        if not made:  # half a second's work that most processes never do
            made.append(Answer(document(operations)))
        return made[0]

    return Operation(
        method="GET",
        path="/admin/v1/openapi.json",
        name="openapi.read",
        summary="This document.",
        roles=READS,
        read=read,
        answer=ANYTHING,
    )
