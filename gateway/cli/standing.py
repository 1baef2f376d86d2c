"""How a provider key stands, in a list for people: what its row says, unless its health or its limits in force say
worse.
"""

from typing import Any

from gateway.admission.dimension import SET_ASIDE_PERMILLE
from gateway.admission.health_change import STATES

Row = dict[str, Any]


def as_it_stands(pool: Row) -> Row:
    """Of a key that nobody took out of service, `state` is what its worst model is in, and `problem` why.

    What is left out for one model may serve another: the model is named where requests name one. `in_force` are the
    limits that are lower than configured.
    """
    pool = {**pool, "in_force": _lower(pool)}
    out = [one for one in (pool.get("live") or {}).get("health", ()) if one["state"] != STATES[-1]]
    if not out:
        return pool
    worst = min(out, key=lambda one: STATES.index(one["state"]))
    why = ": ".join(part for part in (worst["model"], worst["reason"]) if part)
    if len(out) > 1:
        why += f" (and {len(out) - 1} more)"
    taken_out = pool.get("state", "enabled") != "enabled"
    return {
        **pool,
        "state": pool["state"] if taken_out else worst["state"],
        "problem": "; ".join(part for part in (pool.get("problem"), why) if part) or None,
    }


def _lower(pool: Row) -> str | None:
    """By its provider's word, or after a refusal; what is set aside for workers without a ledger is not lower."""
    found = []
    for account in (pool.get("live") or {}).get("limits", ()):
        of_models = account["account"].removeprefix(pool["id"]).removeprefix("/")
        for one in account["dimensions"]:
            configured = one["configured"]
            if one["limit"] < configured - configured * SET_ASIDE_PERMILLE // 1000:
                found.append(f"{of_models} {one['dimension']} {one['limit']}".lstrip())
    return ", ".join(found) or None
