"""What serves beside the snapshot: addresses, workers, places on disk and the stores."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings.credentials import Created
from gateway.settings.declared import Declared
from gateway.settings.places import Findings
from gateway.settings.problem import Problem
from gateway.settings.snapshot import Snapshot
from keys.secret import Secret

if TYPE_CHECKING:
    from gateway.settings.schema import VaultSection


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """The database or the ledger: `kind` is embedded, memory, none, postgresql or a Redis URL's scheme.

    `url` is a secret because it may hold a password; None for what is no server elsewhere.
    """

    kind: str
    url: Secret | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DatabaseStore(Store):
    """The database. `owner` is the URL by which tables are made, where that is not `url`."""

    owner: Secret | None = None
    replica: Secret | None = None
    prepared_statements: bool = True


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
    database: DatabaseStore
    ledger: Store
    vault: "VaultSection | None"
    source: Path | None  # the configuration file
    companions: frozenset[str]  # ids of providers that are to be started beside the gateway: `sim`, `local`
    declared: Declared  # what `snapshot` was made of
    created: tuple[Created, ...] = ()  # made by this call: to be shown now and never again
    warnings: tuple[Problem, ...] = ()

    def with_beside(self, urls: Mapping[str, str]) -> "Settings":
        """The same with its companions at `urls` (`http://127.0.0.1:PORT/v1`); raises ValueError for others."""
        if not urls.keys() <= self.companions:
            raise ValueError("these settings have providers of their own")
        declared, findings = self.declared.with_beside(urls), Findings(None)
        snapshot = declared.snapshot(self.snapshot.generation, findings)
        findings.raise_if_any()
        return replace(self, snapshot=snapshot, declared=declared)
