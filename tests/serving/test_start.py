"""What a start prints, and what it refuses."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.running_process import GatewayProcess, command, environ, eventually, run_to_end


def test_first_start_shows_credentials_and_a_curl_line_that_works_as_pasted(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data") as gateway:
        assert gateway.tenant_key in gateway.greeting
        assert gateway.admin_key in gateway.greeting
        pasted = subprocess.run(["bash", "-c", gateway.curl], capture_output=True, text=True, check=True)
        assert json.loads(pasted.stdout)["choices"][0]["message"]["content"]


def test_second_start_is_quick_shows_no_secret_and_its_curl_line_works_too(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data"):
        pass
    with GatewayProcess(tmp_path / "data") as gateway:
        assert gateway.worked_s() < 3
        assert gateway.tenant_key not in gateway.greeting
        assert gateway.admin_key not in gateway.greeting
        pasted = subprocess.run(["bash", "-c", gateway.curl], capture_output=True, text=True, check=True)
        assert json.loads(pasted.stdout)["choices"]


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
def test_a_port_in_use_is_one_line_and_exit_1(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_to_end(command(tmp_path / "data", option, port))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith(option.removeprefix("--").replace("-", "_") + f": port {port} ")
    assert option in ended.stderr
    assert not (tmp_path / "data" / "tenant-key").exists()  # it would never be shown


def test_a_wrong_configuration_is_a_line_a_problem_and_exit_1(tmp_path: Path) -> None:
    file = tmp_path / "kaze.yaml"
    file.write_text("port: 99999\nbounds: {body_bytes: -1}\n")
    ended = run_to_end([*command(tmp_path / "data"), "--config", str(file)])
    assert ended.returncode == 1
    assert "kaze.yaml:1: port:" in ended.stderr
    assert "kaze.yaml:2: bounds.body_bytes:" in ended.stderr
    assert len(ended.stderr.splitlines()) == 2
    assert not (tmp_path / "data").exists()


def test_a_second_gateway_on_the_same_data_directory_is_refused(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data") as gateway:
        ended = run_to_end(command(tmp_path / "data"))
        assert ended.returncode == 1
        assert ended.stderr.startswith("data_dir: ")
        assert f"process {gateway.process.pid}" in ended.stderr
        assert gateway.ask() == 200


def test_the_scripted_provider_comes_back_after_a_kill(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "data") as gateway:
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(gateway.process.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
        (sim,) = children.stdout.split()
        assert gateway.ask() == 200
        subprocess.run(["kill", "-9", sim], check=True)
        eventually(lambda: gateway.ask() == 200)  # refused upstream until then


def test_help_is_quick_and_names_every_command(tmp_path: Path) -> None:
    ended = run_to_end([sys.executable, "-m", "gateway", "--help"])
    assert ended.returncode == 0
    for name in ("serve", "check", "provider-sim", "loadtest"):
        assert name in ended.stdout
    heavy = (
        "import sys, gateway.cli; print([m for m in ('uvicorn', 'openai', 'pydantic') if m in sys.modules])"
    )
    assert run_to_end([sys.executable, "-c", heavy], environ()).stdout.strip() == "[]"
