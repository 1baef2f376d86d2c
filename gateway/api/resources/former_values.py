"""The values that a tenant key had before its present one: each good until its own end, nobody else's ever."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.api.rest.answer import Problem, Row
from storage.connection import Connection

#: Of one key, as workers look each of them up.
GOOD_MAX = 8
_GOOD = """
SELECT count(*) AS good, min(until) AS next FROM former_key_values WHERE (tenant, key) = ($1, $2) AND until > $3
"""
_END_ALL = "UPDATE former_key_values SET until = $3 WHERE (tenant, key) = ($1, $2) AND until > $3"
_ADD = "INSERT INTO former_key_values (tenant, key, digest, until) VALUES ($1, $2, $3, $4)"
_TOLD = """
SELECT tenant, key, max(until) AS last, count(*) FILTER (WHERE until > $3) AS good
FROM former_key_values JOIN unnest($1::text[], $2::text[]) AS asked (t, k) ON tenant = t AND key = k
GROUP BY tenant, key
"""


async def end_present(connection: Connection, key: Row, overlap: timedelta, now: datetime) -> None:
    """The present value of `key` is good for `overlap` more, those before it as long as they were to be.

    Without an overlap none of them is good any more. Raises a Problem where too many would be.
    """
    name = key["tenant"], key["id"]
    if overlap:
        found = await connection.fetchrow(_GOOD, *name, now)
        assert found is not None
        if found["good"] >= GOOD_MAX:
            raise Problem(
                409,
                f"{GOOD_MAX} values before the present one are still good, the first of them until"
                f" {found['next'].isoformat(timespec='seconds')}: wait, or end them all with overlap_s 0.",
            )
    else:
        await connection.execute(_END_ALL, *name, now)
    # Kept when it ends at once, too: nobody else may have it.
    await connection.execute(_ADD, *name, key["digest"], now + overlap)


async def with_former(connection: Connection, keys: Sequence[Row], now: datetime) -> list[Row]:
    """Each with how many values before its present one are good at `now`, and when the last ends or ended."""
    found = await connection.fetch(_TOLD, [key["tenant"] for key in keys], [key["id"] for key in keys], now)
    by_name = {(one["tenant"], one["key"]): one for one in found}
    told: list[Row] = []
    for key in keys:
        one = by_name.get((key["tenant"], key["id"]))
        last, good = (None, 0) if one is None else (one["last"].isoformat(), one["good"])
        told.append({**key, "old_until": last, "old_values": good})
    return told
