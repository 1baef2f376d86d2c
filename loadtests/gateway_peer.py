"""The gateway as the benchmark starts it: full governance on, one worker, one provider that is ours."""

from __future__ import annotations

import os
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from loadtests.generator import KEY_VARIABLE
from loadtests.peers import Peer, free_port, python

MODEL = "bench/static"
"""What callers ask for: provider `bench`, upstream model `static`."""
BULK_MODEL = "bulk/static"
"""The same on an upstream of its own, so that large bodies do not delay the upstream of others."""

_CONFIG = """\
database: {database}
ledger: {ledger}
bounds: {{upstream_connections: 4096}}
providers:
  - {{id: bench, dialect: {dialect}, base_url: "http://127.0.0.1:{bench}{path}"}}
  - {{id: bulk, dialect: openai, base_url: "http://127.0.0.1:{bulk}/v1"}}
pools:
  - {{id: bench-key, provider: bench, secret: "env:BENCH_PROVIDER_KEY", tenants: ["*"], limits: {pool_limits}}}
  - {{id: bulk-key, provider: bulk, secret: "env:BENCH_PROVIDER_KEY", tenants: ["*"]}}
tenants:
  - id: bench
    budgets: {budgets}
    keys:
      - {{id: load, secret: "env:{key}", priority: conversation, limits: {key_limits}}}
"""

# The default of 1,024 connections to one provider would turn half of 2,000 open streams away: with one provider
# only, the bound has to be raised before their memory can be measured.

_POOL_LIMITS = "{rpm: 10000000, itpm: 10000000000, otpm: 10000000000, tpm: 10000000000, concurrency: 100000}"
_KEY_LIMITS = "{rpm: 10000000, tpm: 10000000000, concurrency: 100000}"
_BUDGETS = "[{period: month, usd: 100000000, enforce: hard}]"
"""Checked on every request and never reached: a limit that is not set costs nothing."""


def config(
    bench_port: int,
    bulk_port: int,
    ledger: str | None = None,
    *,
    database: bool = False,
    dialect: str = "openai",
) -> str:
    """The kaze.yaml of the run; with a ledger, limits on every dimension of provider key and tenant key.

    With a database, a budget, prices and usage records. `dialect` is the provider's.
    """
    return _CONFIG.format(
        dialect=dialect,
        path="/v1" if dialect == "openai" else "",
        bench=bench_port,
        bulk=bulk_port,
        database="embedded" if database else "none",
        budgets=_BUDGETS if database else "[]",
        ledger=ledger or "memory",
        pool_limits=_POOL_LIMITS if ledger else "{}",
        key_limits=_KEY_LIMITS if ledger else "{}",
        key=KEY_VARIABLE,
    )


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """All that is needed to start the gateway, and to ask it afterwards."""

    folder: Path
    """Its data, configuration and log go here."""
    bench_port: int
    bulk_port: int
    command: str = ""
    """Another gateway's command, with `{config}`, `{port}`, `{admin_port}`, `{data_dir}` and `{upstream}`."""
    core: int = 0
    ledger: str | None = None
    """With limits on every dimension, kept in this ledger (memory, embedded); None: no limits."""
    database: bool = False
    """With a budget, prices and usage records, in a PostgreSQL beside it."""
    dialect: str = "openai"
    """The provider's."""
    tenant_key: str = "kaze-bench-" + secrets.token_hex(16)
    admin_key: str = "kaze-bench-" + secrets.token_hex(16)

    def peer(self, prefix: tuple[str, ...] = ()) -> tuple[Peer, int]:
        """The gateway, not started yet, and its admin port. `prefix` are modules that run it (profilers)."""
        port, admin_port = free_port(), free_port()
        file = self.folder / "kaze.yaml"
        file.write_text(
            config(self.bench_port, self.bulk_port, self.ledger, database=self.database, dialect=self.dialect)
        )
        data = self.folder / "data"
        if self.command:
            line = self.command.format(
                config=file, port=port, admin_port=admin_port, data_dir=data, upstream=self.bench_port
            )
            command = shlex.split(line)
        else:
            serve = ["serve", "--config", str(file), "--port", str(port), "--admin-port", str(admin_port)]
            serve += ["--workers", "1", "--data-dir", str(data)]
            command = python(*prefix, "-m", "gateway", *serve) if prefix else python("gateway", *serve)
        return Peer(
            "gateway",
            command,
            core=self.core,
            port=port,
            log=self.folder / "gateway.log",
            ready_path="/readyz",
            environment={
                "BENCH_PROVIDER_KEY": "bench-provider-" + secrets.token_hex(16),
                KEY_VARIABLE: self.tenant_key,
                "KAZE_ADMIN_KEY": self.admin_key,
                "PATH": os.environ.get("PATH", ""),
            },
        ), admin_port
