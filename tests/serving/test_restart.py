"""One worker's ceilings hold over a restart: no provider 429, no limit granted anew, however the process ended."""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from provider_sim import ProviderSim
from tests.serving.running_process import GatewayProcess, chat, environ

KEY = "tenant-key-0123456789abcdef"
#: In which what was sent is written down: a second, and the time that takes on a busy machine.
WRITTEN_S = 2.5
ENDINGS = pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])


def started(root: Path, sim: ProviderSim, pool: dict[str, Any], key: dict[str, Any]) -> GatewayProcess:
    config = {
        "providers": [{"id": "p", "dialect": "openai", "base_url": sim.openai_url, "flavour": "sim"}],
        "pools": [{"id": "one", "provider": "p", "secret": "env:PROVIDER", "tenants": ["*"], "limits": pool}],
        "models": [{"id": "smart", "targets": ["p/chat"]}],
        "tenants": [{"id": "a", "keys": [{"id": "web", "secret": "env:TENANT", "limits": key}]}],
    }
    (root / "kaze.yaml").write_text(json.dumps(config))
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "tenant-key").write_text(KEY)
    env = environ(PROVIDER="provider-secret-0123456789", TENANT=KEY)
    return GatewayProcess(
        root / "data", "--config", str(root / "kaze.yaml"), "--shutdown-grace", "0", env=env
    )


def statuses(gateway: GatewayProcess, count: int) -> list[int]:
    with gateway.client() as client:
        headers = {"x-gateway-deadline-ms": "500", "x-gateway-priority": "supervised"}
        body = {**chat("Hello"), "model": "smart"}
        sent = [client.post("/v1/chat/completions", json=body, headers=headers) for _ in range(count)]
    return [reply.status_code for reply in sent]


def over_a_restart(
    root: Path,
    sim: ProviderSim,
    ending: signal.Signals,
    asked: int,
    pool: dict[str, Any],
    key: dict[str, Any],
) -> list[int]:
    """How many were served by the first process, and by the second."""
    served = []
    for _ in range(2):
        with started(root, sim, pool, key) as gateway:
            served.append(statuses(gateway, asked).count(200))
            if ending == signal.SIGKILL:
                time.sleep(WRITTEN_S)
            gateway.process.send_signal(ending)
            gateway.ends()
    return served


@ENDINGS
async def test_the_minute_of_a_provider_key_goes_on(tmp_path: Path, ending: signal.Signals) -> None:
    async with ProviderSim({"default": {"rpm": 12}}) as sim:
        served = await asyncio.to_thread(over_a_restart, tmp_path, sim, ending, 9, {"rpm": 12}, {})
        rejected = sim.stats()["rejected"]
    assert served == [9, 3] and rejected == {}


@ENDINGS
async def test_days_go_on(tmp_path: Path, sim: ProviderSim, ending: signal.Signals) -> None:
    served = await asyncio.to_thread(over_a_restart, tmp_path, sim, ending, 4, {"rpd": 100}, {"rpd": 5})
    assert served == [4, 1]
