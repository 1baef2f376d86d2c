"""The live state of provider keys at several workers as one.

What a worker counts of its own adds up: in flight, attempts, failures. Ceilings are one for all workers and each
says how full they are as it last heard: the fullest counts. Health is each worker's own: the worst is shown first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.admission.health_change import STATES

_HISTORY_MAX = 32

Row = dict[str, Any]


def merge_pools(by_worker: Mapping[int, Sequence[Row]]) -> list[Row]:
    """One row for each provider key; `by_worker` holds the rows of each worker."""
    rows = [{**pool, "worker": worker} for worker, pools in by_worker.items() for pool in pools]
    return [_pool(same) for same in _alike(rows, "id")]


def _pool(rows: Sequence[Row]) -> Row:
    refused = [row for row in rows if row["last_rate_limited_ago_s"] is not None]
    limits = _alike((limit for row in rows for limit in row["limits"]), "account")
    health = _alike((one for row in rows for one in row["health"]), "model")
    return {
        "id": rows[0]["id"],
        "provider": rows[0]["provider"],
        "state": rows[0]["state"],
        "in_flight": sum(row["in_flight"] for row in rows),
        "attempts": sum(row["attempts"] for row in rows),
        "failures": sum(row["failures"] for row in rows),
        "last_refusal": next((row["last_refusal"] for row in rows if row["last_refusal"]), None),
        "last_rate_limited_ago_s": min((row["last_rate_limited_ago_s"] for row in refused), default=None),
        "limits": [_account(same) for same in limits],
        "health": [_health(same) for same in health],
        "workers": [
            {"worker": row["worker"], "in_flight": row["in_flight"], "health": _states(row["health"])}
            for row in rows
        ],
    }


def _account(rows: Sequence[Row]) -> Row:
    dimensions = _alike((one for row in rows for one in row["dimensions"]), "dimension")
    return {
        "account": rows[0]["account"],
        "blocked_s": _most(rows, "blocked_s"),
        "dimensions": [_dimension(same) for same in dimensions],
    }


def _dimension(rows: Sequence[Row]) -> Row:
    used, limit = _most(rows, "used"), min(row["limit"] for row in rows)
    return {
        "dimension": rows[0]["dimension"],
        "used": used,
        "limit": limit,
        "configured": rows[-1]["configured"],
        "free": max(0, limit - used),
        "blocked_s": _most(rows, "blocked_s"),
    }


def _health(rows: Sequence[Row]) -> Row:
    worst = min(rows, key=lambda row: STATES.index(row["state"]))
    history = sorted((change for row in rows for change in row["history"]), key=lambda one: -one["ago_s"])
    return {
        **worst,
        "share": min(row["share"] for row in rows),
        "failures": _most(rows, "failures"),
        "history": history[-_HISTORY_MAX:],
    }


def _states(health: Iterable[Row]) -> str:
    """The worst over the models of a key."""
    return min((row["state"] for row in health), key=STATES.index, default=STATES[-1])


def _alike(rows: Iterable[Row], name: str) -> Iterable[list[Row]]:
    """Rows of the same name together."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found.values()


def _most(rows: Sequence[Row], name: str) -> Any:
    return max(row[name] for row in rows)
