"""What a scenario needs standing: providers and their keys with ceilings, routes, tenants, workers, a ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Ledger = Literal["memory", "embedded", "own"]
"""`own` is a Valkey that the scenario starts and may take away; `embedded` is the gateway's own."""

VAULT_MOUNT = "secret"
VAULT_VARIABLE = "KAZE_LOAD_VAULT_TOKEN"

DIMENSIONS = {"rpm": "requests", "itpm": "input", "otpm": "output", "tpm": "tokens"}
"""Ceilings per minute, and the column of the simulator's log that counts towards each."""


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """One credential and its hard ceilings, the same in the simulator and in the gateway's configuration."""

    id: str
    limits: dict[str, int]

    @property
    def credential(self) -> str:
        """What the simulator knows it by."""
        return f"credential-{self.id}"

    @property
    def successor(self) -> str:
        """What the simulator knows it by after its secret was rotated."""
        return f"{self.credential}-rotated"

    @property
    def variable(self) -> str:
        """Where the gateway finds it."""
        return "KAZE_LOAD_" + self.credential.upper().replace("-", "_")

    @property
    def rates(self) -> dict[str, int]:
        """The ceilings that are a rate per minute."""
        return {name: limit for name, limit in self.limits.items() if name in DIMENSIONS}


@dataclass(frozen=True, slots=True)
class SimPlan:
    """A provider: a simulator process of its own."""

    id: str
    keys: tuple[ProviderKey, ...]
    latency_ms: float = 100.0
    tokens_per_s: float = 0.0
    local: bool = False
    """A model server of ours; `queue` then bounds who may wait for a place in it."""
    queue: int = 0

    def limits_file(self) -> dict[str, Any]:
        """Its ceilings by the strictest reading: in every 60 s, aligned anyhow, at most so much."""
        extra = {"queue": self.queue} if self.queue else {}
        return {
            "credentials": {
                credential: {"shape": "window", **extra, **key.limits}
                for key in self.keys
                for credential in (key.credential, key.successor)
            }
        }


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """What callers may ask for."""

    id: str
    targets: tuple[str, ...]
    overflow: str = ""
    hint: str = ""

    def section(self) -> dict[str, Any]:
        """In the gateway's configuration."""
        made: dict[str, Any] = {"id": self.id, "targets": list(self.targets)}
        return {
            **made,
            **({"overflow": self.overflow} if self.overflow else {}),
            **({"hint": self.hint} if self.hint else {}),
        }


@dataclass(frozen=True, slots=True)
class Layout:
    """All of it."""

    sims: tuple[SimPlan, ...]
    routes: tuple[RoutePlan, ...]
    tenants: tuple[str, ...] = ("one",)
    workers: int = 1
    ledger: Ledger = "memory"
    queue: dict[str, int] = field(default_factory=dict)
    on_ledger_loss: str = "safe_share"
    vault: bool = False
    """Whether provider secrets are kept in an OpenBao that the scenario starts, else in the environment."""

    @property
    def keys(self) -> tuple[ProviderKey, ...]:
        """Every provider key."""
        return tuple(key for sim in self.sims for key in sim.keys)

    def as_json(self) -> dict[str, Any]:
        """For the summary."""
        return asdict(self)


def tenant_variable(tenant: str) -> str:
    """Where the gateway finds a tenant's key."""
    return f"KAZE_LOAD_TENANT_{tenant.upper().replace('-', '_')}"


def configuration(layout: Layout, ports: dict[str, int], ledger_url: str) -> dict[str, Any]:
    """The gateway's configuration file; of the times of its secret store, all are the defaults."""
    made: dict[str, Any] = {
        "database": "none",
        "ledger": ledger_url,
        "on_ledger_loss": layout.on_ledger_loss,
        # A retry elsewhere is part of what is measured; connections are not.
        "bounds": {"upstream_connections": 4096},
        "providers": [_provider(sim, ports[sim.id]) for sim in layout.sims],
        "pools": [
            {"id": key.id, "provider": sim.id, "secret": _secret(key, layout), "limits": key.limits}
            for sim in layout.sims
            for key in sim.keys
        ],
        "models": [route.section() for route in layout.routes],
        "tenants": [_tenant(tenant) for tenant in layout.tenants],
    }
    if layout.vault:
        made["vault"] = {
            "address": f"http://127.0.0.1:{ports['vault']}",
            "auth": {"token": f"env:{VAULT_VARIABLE}"},
        }
    return {**made, **({"queue": layout.queue} if layout.queue else {})}


def _secret(key: ProviderKey, layout: Layout) -> str:
    return f"vault:{VAULT_MOUNT}/{key.id}#key" if layout.vault else f"env:{key.variable}"


def _provider(sim: SimPlan, port: int) -> dict[str, Any]:
    made = {"id": sim.id, "dialect": "openai", "base_url": f"http://127.0.0.1:{port}/v1"}
    return {**made, "local": True} if sim.local else made


def _tenant(tenant: str) -> dict[str, Any]:
    key = {"id": "load", "secret": f"env:{tenant_variable(tenant)}", "priority_max": "supervised"}
    return {"id": tenant, "keys": [key]}
