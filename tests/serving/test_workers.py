"""Several workers: one dies, the others serve, it comes back, and no total goes back with it."""

import os
import select
import signal
import time
from pathlib import Path
from typing import Any

from tests.serving.running_process import GatewayProcess


def wait_for(gateway: GatewayProcess, number: int, process: int) -> dict[str, Any]:
    """The row of worker `number` once another process than `process` serves in its place."""
    deadline = time.monotonic() + 10
    while True:
        row = gateway.workers()[number]
        if row["state"] == "serving" and row["process"] != process:
            return row
        assert time.monotonic() < deadline, row


def test_a_killed_worker_is_replaced_and_totals_do_not_go_back(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data", "--workers", "2") as gateway:
        for _ in range(20):
            assert gateway.ask() == 200
        assert gateway.requests_total() == 20
        pools = gateway.admin("/admin/v1/pools").json()["data"]
        assert [pool["id"] for pool in pools] == ["sim-key-1"]
        assert pools[0]["attempts"] == 20

        before = gateway.workers()
        os.kill(before[0]["process"], signal.SIGKILL)
        began = time.monotonic()
        for _ in range(5):
            assert gateway.ask() == 200
            assert gateway.requests_total() >= 20
        row = wait_for(gateway, 0, before[0]["process"])
        assert time.monotonic() - began < 3
        assert row["restarts"] == 1
        assert gateway.workers()[1]["process"] == before[1]["process"]
        assert gateway.requests_total() == 25
        assert gateway.ask() == 200
        assert gateway.requests_total() == 26


def test_a_silent_worker_is_named_and_its_counts_stay(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data", "--workers", "2") as gateway:
        for _ in range(10):
            assert gateway.ask() == 200
        assert gateway.requests_total() == 10
        stopped = gateway.workers()[1]["process"]
        os.kill(stopped, signal.SIGSTOP)
        try:
            page = gateway.admin("/metrics").text
            assert 'gateway_degraded{dependency="worker",mode="silent"} 1.0' in page
            assert gateway.requests_total() == 10
            assert [row["state"] for row in gateway.workers()] == ["serving", "silent"]
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert 'gateway_degraded{dependency="worker",mode="silent"} 0.0' in gateway.admin("/metrics").text


def test_the_gathered_pages_need_the_admin_key(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data", "--workers", "2") as gateway:
        for path in ("/metrics", "/admin/v1/workers", "/admin/v1/pools", "/admin/v1/config"):
            assert gateway.admin(path, key="kz_admin_wrong").status_code == 401
            assert gateway.admin(path).status_code == 200
        assert gateway.admin("/readyz", key="none").status_code == 200
        run = tmp_path / "data" / "run"
        assert {oct(path.stat().st_mode & 0o777) for path in run.iterdir()} == {"0o600"}


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data", "--workers", "2", "--shutdown-grace", "1") as gateway:
        ends = [os.pidfd_open(row["process"]) for row in gateway.workers()]
        gateway.process.kill()
        for end in ends:
            ended, _, _ = select.select([end], [], [], 10)
            assert ended
            os.close(end)
