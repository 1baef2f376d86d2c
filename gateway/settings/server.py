"""What serves beside the snapshot: addresses, workers, places on disk and the stores."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings.credentials import Created
from gateway.settings.problem import Problem
from gateway.settings.snapshot import Snapshot
from keys.secret import Secret

if TYPE_CHECKING:
    from gateway.settings.schema import VaultSection


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """The database or the ledger: `kind` is embedded, memory, postgresql or a Redis URL's scheme.

    `url` is a secret because it may hold a password; None for embedded and memory.
    """

    kind: str
    url: Secret | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """Everything a start needs. Frozen; a reload makes another one."""

    snapshot: Snapshot
    host: str
    port: int
    admin_port: int
    workers: int
    data_dir: Path
    log_level: str
    admin_key: Secret
    database: Store
    ledger: Store
    vault: "VaultSection | None"
    source: Path | None  # the configuration file
    needs_sim: bool  # the only provider is `sim`, which is to be started beside the gateway
    created: tuple[Created, ...] = ()  # made by this call: to be shown now and never again
    warnings: tuple[Problem, ...] = ()
    _rebuild: Callable[[str], Snapshot] | None = field(default=None, repr=False)

    def with_sim(self, sim_url: str) -> "Settings":
        """The same with `sim` at `sim_url` (`http://127.0.0.1:PORT/v1`); only where `needs_sim`."""
        if self._rebuild is None:
            raise ValueError("these settings have providers of their own")
        return replace(self, snapshot=self._rebuild(sim_url))
