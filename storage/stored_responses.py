"""Responses that callers may go on from: the statements, each for a transaction of the caller's.

What has expired counts for nothing, whether or not it has been swept. Raises what transactions raise.
"""

from collections.abc import Sequence
from typing import NamedTuple

from storage.connection import Connection


class Stored(NamedTuple):
    """`input` and `output` are JSON arrays, `response` a JSON object without them; all as text."""

    tenant: str
    id: str
    previous: str | None
    input: bytes
    output: bytes
    response: bytes

    @property
    def size(self) -> int:
        return len(self.input) + len(self.output) + len(self.response)


# A tenant's deletion locks its row first: either it waits for this and erases what was written, or is known here.
_DELETED = "SELECT id, state FROM tenants WHERE id = ANY($1) ORDER BY id FOR KEY SHARE"
_KEEP = """
INSERT INTO stored_responses (tenant, id, previous, input, output, response, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
ON CONFLICT DO NOTHING
"""
_CHAIN = """
WITH RECURSIVE chain AS (
    SELECT tenant, id, previous, input, output, response, 1 AS depth,
        length(input)::bigint + length(output) AS size
    FROM stored_responses WHERE tenant = $1 AND id = $2 AND expires_at > now()
    UNION ALL
    SELECT r.tenant, r.id, r.previous, r.input, r.output, r.response, c.depth + 1,
        c.size + length(r.input) + length(r.output)
    FROM chain c JOIN stored_responses r ON r.tenant = c.tenant AND r.id = c.previous
    WHERE r.expires_at > now() AND c.depth < $3 AND c.size < $4
)
SELECT tenant, id, previous, input, output, response FROM chain ORDER BY depth DESC
"""
_DELETE = "DELETE FROM stored_responses WHERE tenant = $1 AND id = $2 AND expires_at > now()"
# The newest stay, as many as fit. The length of a value is known without reading it. What others delete is theirs.
_TRIM = """
WITH old AS (
    SELECT id FROM (
        SELECT id, sum(length(input)::bigint + length(output) + length(response) + $3)
            OVER (ORDER BY created_at DESC, id) AS held
        FROM stored_responses WHERE tenant = $1
    ) AS placed WHERE held > $2
), locked AS (
    SELECT id FROM stored_responses WHERE tenant = $1 AND id IN (SELECT id FROM old) FOR UPDATE SKIP LOCKED
)
DELETE FROM stored_responses WHERE tenant = $1 AND id IN (SELECT id FROM locked)
"""
#: What a row takes beside its values.
ROW_BYTES = 1024
_SWEEP = """
DELETE FROM stored_responses WHERE (tenant, id) IN (
    SELECT tenant, id FROM stored_responses WHERE expires_at <= now()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""


async def keep(connection: Connection, responses: Sequence[Stored], kept_s: float) -> None:
    """All but those of tenants that were deleted meanwhile."""
    tenants = await connection.fetch(_DELETED, sorted({one.tenant for one in responses}))
    deleted = {row["id"] for row in tenants if row["state"] == "deleted"}
    await connection.executemany(_KEEP, [(*one, kept_s) for one in responses if one.tenant not in deleted])


async def chain(connection: Connection, tenant: str, id_: str, most: int, bytes_max: int) -> list[Stored]:
    """The response and those that it goes on from, oldest first: as far as they are there, and up to the bounds."""
    return [Stored(*row) for row in await connection.fetch(_CHAIN, tenant, id_, most, bytes_max)]


async def delete(connection: Connection, tenant: str, id_: str) -> bool:
    """Whether it was there."""
    done = await connection.execute(_DELETE, tenant, id_)
    return bool(done == "DELETE 1")


async def trim(connection: Connection, tenant: str, bytes_max: int) -> int:
    """Deletes the tenant's oldest where all of them take more than that; returns how many."""
    done = await connection.execute(_TRIM, tenant, bytes_max, ROW_BYTES)
    return int(done.rpartition(" ")[2])


async def sweep(connection: Connection, most: int) -> int:
    """Deletes what has expired, `most` rows of it; returns how many there were."""
    done = await connection.execute(_SWEEP, most)
    return int(done.rpartition(" ")[2])
