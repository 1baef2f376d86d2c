"""`kaze serve --with-local`: real models answer, in every dialect, when others overflow, and again after a kill."""

import json
import math
import operator
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.local_models.installed import needs_models
from tests.serving.running_process import ENDLESS, GatewayProcess, environ, eventually

KEY = "tenant-key-0123456789abcdef"
#: The first answer waits for the models, and a machine that others use may take a minute over it.
PATIENCE_S = 100.0
TALKS, EMBEDS = "local/smollm2", "local/all-minilm"

pytestmark = needs_models


@pytest.fixture(scope="module")
def paid_url() -> Iterator[str]:
    """The scripted provider in the part of one that is paid."""
    command = [sys.executable, "-m", "provider_sim", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sim:
        assert sim.stdout is not None
        yield sim.stdout.readline().split()[-1] + "/v1"
        sim.terminate()


@pytest.fixture(scope="module")
def gateway(paid_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One for all: a paid key with one place, and a route that overflows from it to a real model."""
    directory = tmp_path_factory.mktemp("local")
    config = {
        "providers": [{"id": "paid", "dialect": "openai", "base_url": paid_url, "flavour": "sim"}],
        "pools": [{"id": "one", "provider": "paid", "secret": "env:PROVIDER", "limits": {"concurrency": 1}}],
        "models": [{"id": "fast", "targets": ["paid/chat"], "overflow": TALKS, "hint": "fast"}],
        "tenants": [{"id": "a", "keys": [{"id": "web", "secret": "env:TENANT"}]}],
        "queue": {"overflow_depth": 1},
    }
    (directory / "kaze.yaml").write_text(json.dumps(config))
    (directory / "data").mkdir()
    (directory / "data" / "tenant-key").write_text(KEY)
    options = ("--with-local", "--config", str(directory / "kaze.yaml"), "--shutdown-grace", "0")
    env = environ(PROVIDER="provider-secret-0123456789", TENANT=KEY)
    with GatewayProcess(directory / "data", *options, env=env) as running:
        yield running


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[openai.OpenAI]:
    made = openai.OpenAI(base_url=gateway.url + "/v1", api_key=KEY, max_retries=0, timeout=PATIENCE_S)
    with made as opened:
        yield opened


def question(model: str, **more: Any) -> dict[str, Any]:
    words = [{"role": "user", "content": "What is the capital of France?"}]
    return {"model": model, "messages": words, "max_tokens": 8, **more}


def post(gateway: GatewayProcess, path: str, body: dict[str, Any], **headers: str) -> httpx2.Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    with gateway.client() as client:
        return client.post(path, json=body, headers=headers, timeout=PATIENCE_S)


def child_of(gateway: GatewayProcess) -> int | None:
    """The process of the models, while there is one."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(gateway.process.pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return next((int(line.split()[0]) for line in listed.splitlines() if " local --port " in line), None)


def nearness(one: list[float], other: list[float]) -> float:
    return sum(map(operator.mul, one, other))


def test_it_talks(gateway: GatewayProcess) -> None:
    reply = post(gateway, "/v1/chat/completions", question(TALKS))
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert told["choices"][0]["message"]["content"].strip()
    assert 30 < told["usage"]["prompt_tokens"] < 50 and 0 < told["usage"]["completion_tokens"] <= 8
    assert reply.headers["x-gateway-provider"] == "local"


def test_it_talks_as_it_goes(client: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    with client.chat.completions.create(**question(TALKS), stream=True, stream_options=options) as stream:
        chunks = list(stream)
    spoken = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert len([words for words in spoken if words]) > 1
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens > 1


def test_it_talks_in_another_dialect(gateway: GatewayProcess) -> None:
    told = post(gateway, "/v1/messages", question(TALKS), anthropic_version="2023-06-01").json()
    assert told["type"] == "message" and told["content"][0]["text"].strip()
    assert told["stop_reason"] in ("max_tokens", "end_turn")


def test_vectors_of_texts_that_mean_the_same_are_near(client: openai.OpenAI) -> None:
    texts = ["How do I reset my password?", "I forgot my login credentials.", "It rains in Paris."]
    made = client.embeddings.create(model=EMBEDS, input=texts)
    one, same, other = (row.embedding for row in made.data)
    assert [len(one), math.hypot(*one)] == [384, pytest.approx(1, abs=1e-5)]
    assert nearness(one, same) > 0.6 > 0.2 > nearness(one, other)
    assert made.usage.prompt_tokens == 25


def test_what_finds_a_long_line_before_a_paid_key_is_answered_by_it(gateway: GatewayProcess) -> None:
    endless = {"model": "paid/chat", "stream": True, "messages": [{"role": "user", "content": ENDLESS}]}
    path, patient = "/v1/chat/completions", question("paid/chat")
    with ThreadPoolExecutor(2) as others, gateway.client() as client:
        with client.stream("POST", path, json=endless) as taken:
            lines = taken.iter_lines()
            next(lines)  # the one place is
            waiting = [others.submit(post, gateway, path, patient) for _ in range(2)]
            eventually(lambda: len(gateway.admin("/admin/v1/queue").json()["data"]) == 2)
            reply = post(gateway, path, question("fast"))
        assert [one.result().headers["x-gateway-provider"] for one in waiting] == ["paid", "paid"]
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-gateway-overflow"] == "local"
    assert reply.json()["model"] == "smollm2" and reply.json()["choices"][0]["message"]["content"].strip()


def test_it_comes_back_where_it_was_and_ends_with_the_gateway(gateway: GatewayProcess) -> None:
    killed = child_of(gateway)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    asked = {"model": EMBEDS, "input": "x"}
    eventually(lambda: child_of(gateway) not in (killed, None))
    eventually(lambda: post(gateway, "/v1/embeddings", asked).status_code == 200)
    back = child_of(gateway)
    gateway.terminate()
    assert gateway.ends() == 0
    assert not Path(f"/proc/{back}").exists()
