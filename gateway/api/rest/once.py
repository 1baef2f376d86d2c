"""Idempotency keys of the admin API: a change that is asked for twice is made once (the `Idempotency-Key` draft).

All in the change's own transaction: a twin that comes meanwhile waits for the row, and then finds the answer, or,
where the first one failed, goes on itself. A secret is in no kept answer: a repeated one comes without it.
"""

import hashlib
from datetime import datetime, timedelta

from gateway.api.rest.answer import Answer, Problem
from gateway.api.rest.ask import Ask
from gateway.api.rest.json_text import canonical, dumps, loads
from storage.audit import GATEWAY
from storage.connection import Connection

_KEPT = timedelta(hours=24)
_KEY_MAX = 255
_SWEPT_MAX = 100


def key_of(ask: Ask) -> str | None:
    """What was given, if any."""
    key = ask.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= _KEY_MAX and key.isascii() and key.isprintable()):
        raise Problem(400, f"Idempotency-Key: 1 to {_KEY_MAX} printable ASCII characters")
    return key


async def begin(connection: Connection, ask: Ask, key: str, operation: str, at: datetime) -> Answer | None:
    """The answer that was given before, or None: it is for this one to be made."""
    principal, digest = _principal(ask), _digest(ask, operation)
    await connection.execute(
        "DELETE FROM idempotent_answers WHERE (tenant, principal, key) IN (SELECT tenant, principal, key"
        " FROM idempotent_answers WHERE expires_at <= $1 AND tenant = $2 LIMIT $3 FOR UPDATE SKIP LOCKED)",
        at, GATEWAY, _SWEPT_MAX,
    )  # fmt: skip
    begun = await connection.fetchrow(
        "INSERT INTO idempotent_answers (tenant, principal, key, request_digest, holder, expires_at)"
        " VALUES ($1, $2, $3, $4, 'admin', $5) ON CONFLICT DO NOTHING RETURNING key",
        GATEWAY, principal, key, digest, at + _KEPT,
    )  # fmt: skip
    if begun is not None:
        return None
    row = await connection.fetchrow(
        "SELECT request_digest, state, status, headers::text AS headers, body FROM idempotent_answers"
        " WHERE tenant = $1 AND principal = $2 AND key = $3",
        GATEWAY, principal, key,
    )  # fmt: skip
    if row is None or row["state"] != "done":  # swept this moment
        raise Problem(409, "The first request with this Idempotency-Key is not done: ask again.")
    if row["request_digest"] != digest:
        raise Problem(422, "This Idempotency-Key was used for another request.")
    headers = {**loads(row["headers"]), "idempotent-replayed": "true"}
    return Answer(loads(row["body"]) if row["body"] else None, row["status"], headers)


async def keep(connection: Connection, ask: Ask, key: str, answer: Answer, about: str) -> None:
    """What a twin is to be told, until the tenant that it is `about` is deleted."""
    await connection.execute(
        "UPDATE idempotent_answers SET state = 'done', status = $4, headers = $5::jsonb, body = $6, about = $7"
        " WHERE tenant = $1 AND principal = $2 AND key = $3",
        GATEWAY, _principal(ask), key, answer.status, dumps(dict(answer.headers)).decode(),
        dumps(answer.body), about,
    )  # fmt: skip


def _principal(ask: Ask) -> str:
    return f"admin:{ask.principal.id}"


def _digest(ask: Ask, operation: str) -> bytes:
    said = canonical([operation, dict(ask.path), ask.body])
    return hashlib.sha256(said).digest()
