"""`kaze queue` against a gateway with two workers: one line for who asks, whichever worker a request waits at."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.serving.running_process import PATIENCE_S, GatewayProcess, environ, eventually, run_to_end

KEY = "tenant-key-0123456789abcdef"


@pytest.fixture
def silent() -> Iterator[str]:
    """A provider that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.fixture
def gateway(tmp_path: Path, silent: str) -> Iterator[GatewayProcess]:
    config = tmp_path / "kaze.yaml"
    config.write_text(
        json.dumps(
            {
                "providers": [{"id": "p", "dialect": "openai", "base_url": silent}],
                "pools": [
                    {
                        "id": "one",
                        "provider": "p",
                        "secret": "env:PROVIDER",
                        "tenants": ["*"],
                        "limits": {"concurrency": 1},
                    }
                ],
                "models": [{"id": "smart", "targets": ["p/m"]}],
                "tenants": [{"id": "a", "keys": [{"id": "web", "secret": "env:TENANT"}]}],
            }
        )
    )
    env = environ(PROVIDER="provider-secret-0123456789", TENANT=KEY)
    options = ("--workers", "2", "--config", str(config), "--shutdown-grace", "0")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tenant-key").write_text(KEY)
    with GatewayProcess(tmp_path / "data", *options, env=env) as running:
        yield running


def kaze(gateway: GatewayProcess, *words: str) -> CompletedProcess[str]:
    env = environ(KAZE_ADMIN_URL=gateway.admin_url, KAZE_ADMIN_KEY=gateway.admin_key)
    return run_to_end([sys.executable, "-m", "gateway", *words], env)


def asked(gateway: GatewayProcess) -> socket.socket:
    """A connection on which a request of a patient class was sent."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    body = json.dumps({"model": "smart", "messages": [{"role": "user", "content": "Hi"}]})
    sock = socket.create_connection((host, int(port)), PATIENCE_S)
    sock.sendall(
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n"
        f"x-gateway-priority: scheduled\r\ncontent-type: application/json\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    )
    return sock


def listing(gateway: GatewayProcess) -> dict[str, Any]:
    found: dict[str, Any] = gateway.admin("/admin/v1/queue").json()
    return found


def test_who_waits_at_any_worker_is_listed_shown_and_cancelled(gateway: GatewayProcess) -> None:
    socks = [asked(gateway)]
    try:
        # Just started, both workers wait a moment before they ask the ledger for anything.
        eventually(lambda: gateway.admin("/admin/v1/pools").json()["data"][0]["live"]["in_flight"] == 1)

        def all_known() -> bool:
            """Requests until some wait at both workers; and then until every one goes or waits."""
            if {row["worker"] for row in listing(gateway)["data"]} != {0, 1}:
                socks.append(asked(gateway))
            [pool] = gateway.admin("/admin/v1/pools").json()["data"]
            found = listing(gateway)
            workers = {row["worker"] for row in found["data"]}
            return workers == {0, 1} and found["depth"] + pool["live"]["in_flight"] == len(socks)

        eventually(all_known)
        found = listing(gateway)
        assert len(found["data"]) == found["depth"]
        assert [one["tenant"] for one in found["tenants"]] == ["a"]
        [line] = found["lines"]
        assert (line["accounts"], line["depth"]) == (["one"], found["depth"])
        ids = {row["worker"]: row["request_id"] for row in found["data"]}

        as_json = kaze(gateway, "queue", "--json")
        assert {row["request_id"] for row in json.loads(as_json.stdout)["data"]} >= set(ids.values())
        for_people = kaze(gateway, "queue")
        assert f"{found['depth']} waiting" in for_people.stdout
        for worker, request_id in ids.items():
            assert request_id in for_people.stdout
            shown = kaze(gateway, "queue", "show", request_id, "--json")
            assert json.loads(shown.stdout)["worker"] == worker
            assert request_id in kaze(gateway, "queue", "show", request_id).stdout
            cancelled = kaze(gateway, "queue", "cancel", request_id)
            assert (cancelled.returncode, cancelled.stdout) == (0, f"cancelled {request_id}\n")
            again = kaze(gateway, "queue", "cancel", request_id)
            assert (again.returncode, again.stdout) == (1, "")
            assert again.stderr == f"No request {request_id} waits.\n"
        assert listing(gateway)["depth"] == found["depth"] - 2
        assert gateway.admin("/admin/v1/queue?limit=0").status_code == 400
        [row] = gateway.admin("/admin/v1/pools").json()["data"]
        pool = row["live"]
        assert pool["in_flight"] == sum(row["in_flight"] for row in pool["workers"])
        assert pool["limits"][0]["dimensions"][0]["limit"] == 1
    finally:
        for sock in socks:
            sock.close()
    eventually(lambda: listing(gateway)["depth"] == 0)
    assert kaze(gateway, "queue").stdout == "nobody waits\n"
    wrong = environ(KAZE_ADMIN_URL=gateway.admin_url, KAZE_ADMIN_KEY="kz_admin_wrong")
    refused = run_to_end([sys.executable, "-m", "gateway", "queue"], wrong)
    assert (refused.returncode, refused.stderr) == (1, "The admin key is not valid.\n")


def test_a_request_is_explained_by_one_worker_which_says_who_it_is(gateway: GatewayProcess) -> None:
    found = json.loads(kaze(gateway, "explain", "a", "smart", "--json").stdout)
    assert found["worker"] in (0, 1)
    [candidate] = found["candidates"]
    assert (candidate["pool"], candidate["usable"]) == ("one", True)
    [balance] = candidate["balances"]
    assert (balance["dimension"], balance["limit"], balance["free"]) == ("concurrency", 1, 1)
    assert kaze(gateway, "explain", "nobody", "smart").stderr == "There is no such tenant in force.\n"
    refused = kaze(gateway, "pool", "verify", "none")
    assert refused.returncode == 1
