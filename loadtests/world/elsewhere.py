"""A gateway that somebody else started, with the configuration of a scenario: `kaze loadtest SCENARIO --url U`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from loadtests.loop_lag import fetch
from loadtests.world.layout import VAULT_MOUNT, VAULT_VARIABLE, Layout, configuration, tenant_variable

FIRST_PORT = 9201
VAULT_PORT = 8200


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What is known of it. Without simulators' URLs nothing can be said about ceilings, and nothing is."""

    url: str
    tenant_keys: dict[str, str]
    sim_urls: dict[str, str]
    admin_port: int = 0
    admin_key: str = ""

    def metrics(self) -> str:
        """Of an admin listener on this machine; nothing without one."""
        return fetch(self.admin_port, self.admin_key) if self.admin_port else ""


def ports_of(layout: Layout) -> dict[str, int]:
    """The simulators' ports in a configuration that is written for later."""
    return {sim.id: FIRST_PORT + number for number, sim in enumerate(layout.sims)}


def keys_from_environment(layout: Layout) -> dict[str, str]:
    """The tenants' keys, from where the written configuration has them too. RuntimeError names the one missing."""
    missing = [
        tenant_variable(tenant) for tenant in layout.tenants if tenant_variable(tenant) not in os.environ
    ]
    if missing:
        raise RuntimeError(f"--url needs the tenants' keys in the environment; missing: {', '.join(missing)}")
    return {tenant: os.environ[tenant_variable(tenant)] for tenant in layout.tenants}


def write_configuration(layout: Layout, folder: Path) -> list[str]:
    """The files of a layout, and the commands that start it with them."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = {**ports_of(layout), "vault": VAULT_PORT}
    ledger = "redis://127.0.0.1:6379" if layout.ledger == "own" else layout.ledger
    (folder / "kaze.yaml").write_text(json.dumps(configuration(layout, ports, ledger), indent=1))
    lines = []
    for sim in layout.sims:
        file = folder / f"limits-{sim.id}.json"
        file.write_text(json.dumps(sim.limits_file(), indent=1))
        pace = f"--latency-ms {sim.latency_ms:g} --tokens-per-s {sim.tokens_per_s:g}"
        lines.append(f"kaze provider-sim --port {ports[sim.id]} --limits {file} {pace}")
    if layout.vault:
        lines += [f"bao kv put {VAULT_MOUNT}/{key.id} key={key.credential}" for key in layout.keys]
        lines.append(f"export {VAULT_VARIABLE}=…its token…")
    else:
        lines += [f"export {key.variable}={key.credential}" for key in layout.keys]
    lines += [f"export {tenant_variable(tenant)}=…at least 20 characters…" for tenant in layout.tenants]
    return [*lines, f"kaze serve --config {folder / 'kaze.yaml'} --workers {layout.workers}"]
