"""A layout that stands: its processes started, found again, killed and started anew."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.loop_lag import fetch
from loadtests.peers import Cores, Peer, free_port, python
from loadtests.process_cost import is_server_beside, read_process, tree
from loadtests.world.layout import VAULT_VARIABLE, Layout, SimPlan, configuration, tenant_variable
from loadtests.world.openbao import TOKEN, openbao_command, put_secret
from loadtests.world.valkey import valkey_command


@dataclass(slots=True)
class Standing:
    """What runs, by name: the simulators' ids, `ledger`, `vault`, `gateway`."""

    layout: Layout
    folder: Path
    cores: Cores
    stack: ExitStack
    tenant_keys: dict[str, str]
    admin_key: str = "kaze-load-" + secrets.token_hex(16)
    ports: dict[str, int] = field(default_factory=dict)
    admin_port: int = 0
    peers: dict[str, Peer] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where callers ask."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def sim_urls(self) -> dict[str, str]:
        """Where the simulators are."""
        return {sim.id: f"http://127.0.0.1:{self.ports[sim.id]}" for sim in self.layout.sims}

    def metrics(self) -> str:
        """The gateway's metrics page; nothing while it does not answer."""
        return fetch(self.admin_port, self.admin_key)

    def start_sim(self, sim: SimPlan) -> None:
        """The simulator, on the port it always has."""
        file = self.folder / f"limits-{sim.id}.json"
        file.write_text(json.dumps(sim.limits_file()))
        options = [
            "--port",
            str(self.ports[sim.id]),
            "--limits",
            str(file),
            "--latency-ms",
            str(sim.latency_ms),
        ]
        options += ["--tokens-per-s", str(sim.tokens_per_s)]
        self._start(sim.id, python("provider_sim", *options), core=self.cores.load, ready="/sim/health")

    def start_ledger(self) -> None:
        """An empty Valkey."""
        self._start("ledger", valkey_command(self.ports["ledger"]), core=self.cores.gateway)

    def start_vault(self) -> None:
        """An OpenBao that has every provider key's secret."""
        core = self.cores.load
        self._start("vault", openbao_command(self.ports["vault"]), core=core, ready="/v1/sys/health")
        for key in self.layout.keys:
            self.put_secret(key.id, key.credential)

    def put_secret(self, name: str, value: str) -> None:
        """As another version of what the OpenBao has there."""
        put_secret(self.ports["vault"], name, value)

    def start_gateway(self) -> None:
        """With everything that it is to know, by its command."""
        ledger = (
            f"redis://127.0.0.1:{self.ports['ledger']}" if self.layout.ledger == "own" else self.layout.ledger
        )
        file = self.folder / "kaze.yaml"  # JSON is YAML
        file.write_text(json.dumps(configuration(self.layout, self.ports, ledger), indent=1))
        options = ["serve", "--config", str(file), "--workers", str(self.layout.workers)]
        options += ["--port", str(self.ports["gateway"]), "--admin-port", str(self.admin_port)]
        options += ["--data-dir", str(self.folder / "data"), "--shutdown-grace", "1"]
        environment = {tenant_variable(tenant): key for tenant, key in self.tenant_keys.items()}
        environment |= {key.variable: key.credential for key in self.layout.keys}
        environment["KAZE_ADMIN_KEY"] = self.admin_key
        environment |= {VAULT_VARIABLE: TOKEN} if self.layout.vault else {}
        command = python("gateway", *options)
        self._start("gateway", command, core=self.cores.gateway, ready="/readyz", environment=environment)

    def _start(
        self,
        name: str,
        command: list[str],
        *,
        core: int,
        ready: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        peer = Peer(
            name, command, core=core, port=self.ports[name], log=self.folder / f"{name}.log", ready_path=ready,
            environment=environment,
        )  # fmt: skip
        self.peers[name] = self.stack.enter_context(peer)

    def kill(self, name: str) -> None:
        """As by kill -9."""
        self.peers[name].kill()

    def kill_worker(self) -> int:
        """Kill -9 for one of the gateway's workers; which process it was."""
        workers = self.workers()
        if not workers:
            raise RuntimeError("the gateway has no worker processes to kill")
        os.kill(workers[0], signal.SIGKILL)
        return workers[0]

    def workers(self) -> list[int]:
        """The supervisor's children that are its own program."""
        supervisor = self.peers["gateway"].pid
        return sorted(
            pid
            for pid, process in tree(supervisor).items()
            if process.parent == supervisor and not is_server_beside(process.name)
        )

    def kill_embedded_ledger(self) -> int | None:
        """Kill -9 for the Valkey that the gateway keeps; None when there is none."""
        beside = [pid for pid, one in tree(self.peers["gateway"].pid).items() if is_server_beside(one.name)]
        ledgers = [
            pid for pid in beside if (one := read_process(pid)) and one.name.startswith(("valkey", "redis"))
        ]
        for pid in ledgers:
            os.kill(pid, signal.SIGKILL)
        return ledgers[0] if ledgers else None


@contextmanager
def standing(layout: Layout, folder: Path, cores: Cores) -> Iterator[Standing]:
    """Everything up, and down again."""
    with ExitStack() as stack:
        keys = {tenant: f"kaze-load-{tenant}-{secrets.token_hex(16)}" for tenant in layout.tenants}
        made = Standing(layout, folder, cores, stack, keys)
        names = (*(sim.id for sim in layout.sims), "ledger", "vault", "gateway")
        made.ports = {name: free_port() for name in names}
        made.admin_port = free_port()
        for sim in layout.sims:
            made.start_sim(sim)
        if layout.ledger == "own":
            made.start_ledger()
        if layout.vault:
            made.start_vault()
        made.start_gateway()
        yield made
