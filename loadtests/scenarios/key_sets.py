"""Provider keys that several scenarios share, and their layouts."""

from __future__ import annotations

from loadtests.world.layout import Layout, Ledger, ProviderKey, RoutePlan, SimPlan

WARM_UP_S = 135.0
"""What is let through from idle comes back in lumps a minute later, and again, smaller, after two: before that a
gateway that does everything right uses two percent less (`tests/loadtests/ideal.py`)."""

ROOMY = {"rpm": 100_000, "itpm": 100_000_000, "otpm": 100_000_000}
"""Ceilings that do not bind, but are there to be looked at."""

SHARED_WORKERS = 4
"""Of a gateway that shares a Valkey."""


def tiers(
    name: str, limits: dict[str, int], shares: tuple[float, ...] = (0.5, 0.3, 0.2)
) -> tuple[ProviderKey, ...]:
    """Keys of different tiers: together `limits`, each a share of it."""
    return tuple(
        ProviderKey(f"{name}-{number}", {limit: round(value * share) for limit, value in limits.items()})
        for number, share in enumerate(shares, 1)
    )


def one_provider(
    keys: tuple[ProviderKey, ...],
    *,
    tenants: tuple[str, ...] = ("one",),
    workers: int = 1,
    ledger: Ledger = "memory",
    queue: dict[str, int] | None = None,
    tokens_per_s: float = 0.0,
    latency_ms: float = 100.0,
    on_ledger_loss: str = "safe_share",
) -> Layout:
    """A single provider behind the route `smart`."""
    return Layout(
        (SimPlan("paid", keys, latency_ms, tokens_per_s),), (RoutePlan("smart", ("paid/chat",)),), tenants,
        workers, ledger, queue or {}, on_ledger_loss,
    )  # fmt: skip
