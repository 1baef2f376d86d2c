"""A provider key that was left out comes back when a person says so: in every worker, and without a database."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from provider_sim import ProviderSim
from tests.serving.running_process import GatewayProcess, chat, environ, eventually, run_to_end

KEY = "tenant-key-0123456789abcdef"


@contextmanager
def started(tmp_path: Path, sim_url: str, workers: int) -> Iterator[GatewayProcess]:
    config = {
        "providers": [{"id": "p", "dialect": "openai", "base_url": sim_url, "flavour": "sim"}],
        "pools": [{"id": "one", "provider": "p", "secret": "env:PROVIDER", "tenants": ["*"]}],
        "models": [{"id": "smart", "targets": ["p/chat"]}],
        "tenants": [{"id": "a", "keys": [{"id": "web", "secret": "env:TENANT"}]}],
    }
    (tmp_path / "kaze.yaml").write_text(json.dumps(config))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tenant-key").write_text(KEY)
    env = environ(PROVIDER="provider-secret-0123456789", TENANT=KEY)
    options = ("--workers", str(workers), "--config", str(tmp_path / "kaze.yaml"), "--shutdown-grace", "0")
    with GatewayProcess(tmp_path / "data", *options, env=env) as gateway:
        yield gateway


def ask(gateway: GatewayProcess) -> int:
    with gateway.client() as client:
        return client.post("/v1/chat/completions", json={**chat("Hello"), "model": "smart"}).status_code


def states(gateway: GatewayProcess) -> list[str]:
    """Of the key's health, by worker."""
    [pool] = gateway.admin("/admin/v1/pools").json()["data"]
    live = pool["live"]
    return [one["health"] for one in live.get("workers", ())] or [one["state"] for one in live["health"]]


def printed(gateway: GatewayProcess, *words: str) -> str:
    env = environ(KAZE_ADMIN_URL=gateway.admin_url, KAZE_ADMIN_KEY=gateway.admin_key)
    ran = run_to_end([sys.executable, "-m", "gateway", *words], env)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def kaze(gateway: GatewayProcess, *words: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(printed(gateway, *words, "--json"))
    return said


def table(gateway: GatewayProcess) -> dict[str, str]:
    """What `kaze pool list` shows people of the one key, by column."""
    head, row = (line.rstrip() for line in printed(gateway, "pool", "list").splitlines())
    starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", head)]
    ends = [*starts[1:], None]
    return {head[at:end].strip(): row[at:end].strip() for at, end in zip(starts, ends, strict=True)}


def left_out(gateway: GatewayProcess, workers: int, state: str) -> None:
    def refused_by_all() -> bool:
        assert ask(gateway) != 200
        return states(gateway) == [state] * workers

    eventually(refused_by_all)


def back(gateway: GatewayProcess, verb: str, workers: int) -> dict[str, Any]:
    """What the verb said; each worker then serves, or would."""
    said = kaze(gateway, "pool", verb, "one")
    assert set(states(gateway)) <= {"healthy", "probing"}, "what is probing tries the next request"

    def tried_by_all() -> bool:
        """Which worker a connection comes to is chance."""
        assert ask(gateway) == 200
        return states(gateway) == ["healthy"] * workers

    eventually(tried_by_all)
    return said


@pytest.mark.parametrize(
    ("fault", "state", "workers", "verbs"),
    [
        ({"status": 401}, "invalid", 2, ("verify", "refresh", "enable")),
        ({"quota": True}, "quota", 1, ("verify",)),
    ],
    ids=["refused, two workers", "quota used up"],
)
async def test_a_verb_puts_it_back(
    tmp_path: Path,
    sim: ProviderSim,
    fault: dict[str, Any],
    state: str,
    workers: int,
    verbs: tuple[str, ...],
) -> None:
    loop = asyncio.get_running_loop()

    def on_loop(does: Any, *values: Any, **named: Any) -> None:
        async def done() -> None:
            does(*values, **named)

        asyncio.run_coroutine_threadsafe(done(), loop).result()

    def run() -> None:
        with started(tmp_path, sim.openai_url, workers) as gateway:
            for verb in verbs:
                on_loop(sim.fault, **fault)
                left_out(gateway, workers, state)
                on_loop(sim.clear_faults)
                listed = table(gateway)
                assert (listed["state"], listed["problem"].split(":")[0]) == (state, "chat"), listed
                assert ask(gateway) == 503, "no time and no request brings it back"
                assert back(gateway, verb, workers)["reinstated"] is True
                assert kaze(gateway, "pool", verb, "one")["reinstated"] is False
            assert (table(gateway)["state"], table(gateway)["problem"]) == ("enabled", "-")

    await asyncio.to_thread(run)


async def test_who_is_still_refused_stays_out(tmp_path: Path, sim: ProviderSim) -> None:
    sim.fault(status=401)

    def run() -> None:
        with started(tmp_path, sim.openai_url, 2) as gateway:
            left_out(gateway, 2, "invalid")
            said = kaze(gateway, "pool", "verify", "one")
            assert (said["accepted"], said["reinstated"]) == (False, False)
            assert states(gateway) == ["invalid"] * 2
            assert kaze(gateway, "pool", "enable", "one")["reinstated"] is True
            left_out(gateway, 2, "invalid")

    await asyncio.to_thread(run)
