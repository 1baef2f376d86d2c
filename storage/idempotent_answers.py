"""Answers kept for their idempotency keys: the statements, each for a transaction of the caller's.

A row is first a claim, which says who works on it and lapses by itself unless it is renewed, and then the answer.
What has expired counts for nothing, whether or not it has been swept. Only the server's clock is asked. Raises what
transactions raise.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from storage.connection import Connection

#: Tenant, who of it asks, and the key they chose: nobody meets another's.
Name = tuple[str, str, str]


class Claim(NamedTuple):
    """`holder` is another one each time something is claimed: who has lost a claim cannot end it."""

    name: Name
    holder: str


class Kept(NamedTuple):
    """A row that counts; `status` is None while its request runs."""

    digest: bytes
    status: int | None
    headers: list[tuple[str, str]]
    body: bytes


class Answered(NamedTuple):
    claim: Claim
    status: int
    headers: list[tuple[str, str]]
    body: bytes


# A twin that comes at the same time waits for this one's row, and then finds that it has not expired.
_CLAIM = """
INSERT INTO idempotent_answers AS kept (tenant, principal, key, request_digest, holder, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
ON CONFLICT (tenant, principal, key) DO UPDATE SET
    request_digest = excluded.request_digest, holder = excluded.holder, state = 'running', status = NULL,
    headers = '[]', body = NULL, created_at = now(), expires_at = excluded.expires_at
WHERE kept.expires_at <= now()
RETURNING true
"""
_FIND = """
SELECT request_digest, status, headers::text AS headers, body FROM idempotent_answers
WHERE tenant = $1 AND principal = $2 AND key = $3
"""
_OWN = "tenant = $1 AND principal = $2 AND key = $3 AND holder = $4 AND state = 'running'"
_KEEP = f"""
UPDATE idempotent_answers SET state = 'done', status = $5, headers = $6::jsonb, body = $7,
    expires_at = now() + make_interval(secs => $8)
WHERE {_OWN}
"""  # noqa: S608
_RELEASE = f"DELETE FROM idempotent_answers WHERE {_OWN}"  # noqa: S608
_RENEW = f"UPDATE idempotent_answers SET expires_at = now() + make_interval(secs => $5) WHERE {_OWN}"  # noqa: S608
_SWEEP = """
DELETE FROM idempotent_answers WHERE (tenant, principal, key) IN (
    SELECT tenant, principal, key FROM idempotent_answers WHERE expires_at <= now()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""


async def claim_or_find(connection: Connection, claim: Claim, digest: bytes, lapses_s: float) -> Kept | None:
    """None: it is claimed now, until it lapses. Otherwise what is there, which may be a claim of somebody else."""
    if await connection.fetchval(_CLAIM, *claim.name, digest, claim.holder, lapses_s):
        return None
    row = await connection.fetchrow(_FIND, *claim.name)
    if row is None:  # released this moment: whoever asks again will get it
        return Kept(digest, None, [], b"")
    headers = [(name, value) for name, value in json.loads(row["headers"])]
    return Kept(row["request_digest"], row["status"], headers, row["body"] or b"")


async def keep(connection: Connection, answers: Sequence[Answered], kept_s: float) -> None:
    """Of claims that still are their holders'; whatever became of the others is not touched."""
    rows = [
        (*one.claim.name, one.claim.holder, one.status, json.dumps(one.headers), one.body, kept_s)
        for one in answers
    ]
    await connection.executemany(_KEEP, rows)


async def release(connection: Connection, claims: Iterable[Claim]) -> None:
    """There will be no answer: the next one may run."""
    await connection.executemany(_RELEASE, [(*claim.name, claim.holder) for claim in claims])


async def renew(connection: Connection, claims: Iterable[Claim], lapses_s: float) -> None:
    await connection.executemany(_RENEW, [(*claim.name, claim.holder, lapses_s) for claim in claims])


async def sweep(connection: Connection, most: int) -> int:
    """Deletes what has expired, `most` rows of it; returns how many there were."""
    done = await connection.execute(_SWEEP, most)
    return int(done.rpartition(" ")[2])
