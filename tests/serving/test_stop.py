"""SIGTERM: streams get their time, then an honest end; the exit status is 0 and nothing is left behind."""

import json
import signal
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.serving.running_process import (
    ENDLESS,
    PATIENCE_S,
    GatewayProcess,
    chat,
    command,
    data_lines,
    environ,
    eventually,
)

WORKERS = pytest.mark.parametrize("workers", ["1", "2"])


@WORKERS
def test_an_open_stream_finishes_within_the_grace_time(tmp_path: Path, workers: str) -> None:
    with (
        GatewayProcess(tmp_path / "data", "--shutdown-grace", "60", "--workers", workers) as gateway,
        gateway.client() as client,
        client.stream(
            "POST", "/v1/chat/completions", json=chat("[[sim:frames=40 gap_ms=20]]", stream=True)
        ) as reply,
    ):
        frames = data_lines(reply.iter_lines())
        next(frames)
        gateway.terminate()
        received = list(frames)
        assert received[-1] == "[DONE]"
        assert not any("error" in json.loads(frame) for frame in received[:-1])
        assert gateway.ends() == 0


@WORKERS
def test_past_the_grace_time_a_stream_ends_with_an_error_frame(tmp_path: Path, workers: str) -> None:
    with (
        GatewayProcess(tmp_path / "data", "--shutdown-grace", "0.3", "--workers", workers) as gateway,
        gateway.client() as client,
        client.stream("POST", "/v1/chat/completions", json=chat(ENDLESS, stream=True)) as reply,
    ):
        frames = data_lines(reply.iter_lines())
        next(frames)
        gateway.terminate()
        *_, last = frames
        assert json.loads(last)["error"]["code"] == "shutting_down"
        assert gateway.ends() == 0


def test_nothing_is_accepted_while_the_last_stream_finishes(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path / "data", "--shutdown-grace", "60") as gateway,
        gateway.client() as client,
        client.stream("POST", "/v1/chat/completions", json=chat(ENDLESS, stream=True)) as reply,
    ):
        frames = data_lines(reply.iter_lines())
        next(frames)
        gateway.terminate()
        # Refused at the socket at the latest when uvicorn has seen the wish; until then by a 503.
        for _ in frames:
            try:
                assert gateway.ask() == 503
            except httpx2.ConnectError:
                break
            except httpx2.TransportError:
                continue  # accepted by the kernel just before the socket closed
        assert gateway.admin("/readyz").status_code == 503
        assert gateway.admin("/healthz").status_code == 200
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.ends() == 128 + signal.SIGINT


def test_a_second_signal_ends_at_once_workers_included(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path / "data", "--workers", "2") as gateway,
        gateway.client() as client,
        client.stream("POST", "/v1/chat/completions", json=chat(ENDLESS, stream=True)) as reply,
    ):
        frames = data_lines(reply.iter_lines())
        next(frames)
        gateway.terminate()
        while gateway.admin("/readyz").status_code != 503:  # two signals before one is seen are one
            next(frames)
        gateway.terminate()
        assert gateway.ends() == 128 + signal.SIGTERM
        with pytest.raises(httpx2.TransportError):
            list(frames)
        pid_file = tmp_path / "data" / "valkey" / "valkey.pid"
        eventually(lambda: not pid_file.exists())  # the Valkey takes it away when it ends


def test_a_signal_during_the_start_ends_it_quietly(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(
            [*command(tmp_path / "data"), "--log-level", "debug"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ(),
        )
        assert process.stderr is not None
        process.stderr.readline()  # the first message: the loop runs, the scripted provider does not yet
        process.send_signal(number)
        _, words = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert "Traceback" not in words
