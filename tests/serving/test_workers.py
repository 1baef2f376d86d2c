"""Several workers: one dies, the others serve, it comes back, and no total goes back with it."""

import os
import select
import signal
import time
from pathlib import Path
from typing import Any

from tests.serving.running_process import PATIENCE_S, GatewayProcess, environ, eventually

#: A worker is back within two seconds; the rest is for a machine that stands still.
_BACK_S = 15.0


def both_serving(gateway: GatewayProcess) -> list[dict[str, Any]]:
    """The rows of the workers once both answer."""
    rows: list[dict[str, Any]] = []

    def serve() -> bool:
        rows[:] = gateway.workers()
        return [row["state"] for row in rows] == ["serving", "serving"]

    eventually(serve)
    return rows


def test_a_killed_worker_is_replaced_and_totals_do_not_go_back(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data", "--workers", "2") as gateway:
        for _ in range(20):
            assert gateway.ask() == 200
        eventually(lambda: gateway.requests_total() == 20)

        def all_attempts() -> bool:
            pools = gateway.admin("/admin/v1/pools").json().get("data", ())
            return [(pool["id"], pool["live"]["attempts"]) for pool in pools] == [("sim-key-1", 20)]

        eventually(all_attempts)
        before = both_serving(gateway)
        os.kill(before[0]["process"], signal.SIGKILL)
        began = time.monotonic()
        for _ in range(5):
            assert gateway.ask() == 200
            assert gateway.requests_total() >= 20
        eventually(lambda: both_serving(gateway)[0]["process"] != before[0]["process"])
        assert time.monotonic() - began < _BACK_S
        first, second = both_serving(gateway)
        assert first["restarts"] == 1
        assert second["process"] == before[1]["process"]
        eventually(lambda: gateway.requests_total() == 25)
        assert gateway.ask() == 200
        eventually(lambda: gateway.requests_total() == 26)


def test_a_silent_worker_is_named_and_its_counts_stay(tmp_path: Path) -> None:
    named = 'gateway_degraded{dependency="worker",mode="silent"} '
    with GatewayProcess(tmp_path / "data", "--workers", "2") as gateway:
        for _ in range(10):
            assert gateway.ask() == 200
        eventually(lambda: gateway.requests_total() == 10)
        stopped = both_serving(gateway)[1]["process"]
        os.kill(stopped, signal.SIGSTOP)
        try:
            assert named + "1.0" in gateway.admin("/metrics").text
            assert gateway.requests_total() == 10
            eventually(lambda: [row["state"] for row in gateway.workers()] == ["serving", "silent"])
        finally:
            os.kill(stopped, signal.SIGCONT)
        eventually(lambda: named + "0.0" in gateway.admin("/metrics").text)


def test_the_gathered_pages_need_the_admin_key(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data", "--workers", "2") as gateway:
        for path in ("/metrics", "/admin/v1/workers", "/admin/v1/pools", "/admin/v1/config"):
            assert gateway.admin(path, key="kz_admin_wrong").status_code == 401
            eventually(lambda path=path: gateway.admin(path).status_code == 200)
        assert gateway.admin("/readyz", key="none").status_code == 200
        run = tmp_path / "data" / "run"
        assert {oct(path.stat().st_mode & 0o777) for path in run.iterdir()} == {"0o600"}


def test_nobody_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """Its workers drain; PostgreSQL serves them until they leave, and ends as Valkey does."""
    options, env = ("--workers", "2", "--shutdown-grace", "1"), environ(database=True)
    with GatewayProcess(tmp_path / "data", *options, env=env) as gateway:
        processes = [row["process"] for row in both_serving(gateway)]
        files = [gateway.data_dir / name for name in ("postgres/data/postmaster.pid", "valkey/valkey.pid")]
        processes += [int(path.read_text().split()[0]) for path in files]
        ends = [os.pidfd_open(process) for process in processes]
        gateway.process.kill()
        for end in ends:
            ended, _, _ = select.select([end], [], [], PATIENCE_S)
            assert ended
            os.close(end)
