"""Records to write."""

from budgets.spool.record import Intent, Settle, Void
from budgets.usage import Tokens


def intent(number: int, reserved: int = 1000, attempt: int = 1) -> Intent:
    return Intent(
        f"request-{number}",
        attempt,
        1_700_000_000_000 + number,
        reserved,
        (("all", "month:2026-11-01"), ("tenant:a", "month:2026-11-01"), ("key:web", "day:2026-11-21")),
        "spool-1/1",
        "prices 1",
        tenant="a",
        key="web",
        provider="sim",
        pool="sim-1",
        model="model-1",
        route="smart",
        priority="conversation",
    )


def settle(of: Intent, cost: int | None = None) -> Settle:
    spent = of.reserved // 2 if cost is None else cost
    return Settle(of, spent, "provider", Tokens(10, 5, cache_read=3), "default", 200, "ok", of.at_ms + 700)


def void(of: Intent) -> Void:
    return Void(of.request_id, of.attempt, "not sent")
