"""The models as a process of their own: what they refuse, and that they stop when whoever asked has gone."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.local_models.installed import needs_models
from tests.serving.running_process import REPOSITORY, eventually

PATIENCE_S = 100.0
SAID = [{"role": "user", "content": "Count to a thousand."}]
#: Minutes of work.
LONG = {"model": "smollm2", "messages": SAID, "max_tokens": 8000, "ignore_eos": True}

pytestmark = needs_models


@pytest.fixture(scope="module")
def models() -> Iterator[httpx2.Client]:
    command = [sys.executable, "-m", "local_models", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with httpx2.Client(base_url=url, timeout=PATIENCE_S, trust_env=False) as client:
            assert client.get("/health").status_code == 200  # once they are loaded
            yield client
        process.terminate()


def at_rest(models: httpx2.Client) -> bool:
    """Asked rarely: llama.cpp looks who has left an unfinished answer when for a second it told nobody anything."""
    time.sleep(2.5)
    return busy(models) == [False, False]


def busy(models: httpx2.Client) -> list[bool]:
    return [slot["is_processing"] for slot in models.get("/slots").json()]


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("embeddings", {"input": "word " * 600}, 400, "input"),
        ("embeddings", {"input": [[1, 2]]}, 400, "input"),
        ("embeddings", {"input": "x", "dimensions": 3}, 400, "dimensions"),
        ("embeddings", {"input": "x", "encoding_format": "hex"}, 400, "encoding_format"),
        ("embeddings", {"model": "smollm2", "input": "x"}, 404, "model"),
        ("embeddings", [], 400, None),
        ("chat/completions", {"model": "all-minilm", "messages": SAID}, 404, "model"),
    ],
)
def test_what_a_model_cannot_do_is_refused(
    models: httpx2.Client, path: str, body: Any, status: int, field: str | None
) -> None:
    reply = models.post(f"/v1/{path}", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (status, field), reply.text


def test_both_are_listed(models: httpx2.Client) -> None:
    assert [one["id"] for one in models.get("/v1/models").json()["data"]] == ["smollm2", "all-minilm"]


def test_who_leaves_a_stream_is_not_answered_any_further(models: httpx2.Client) -> None:
    with models.stream("POST", "/v1/chat/completions", json={**LONG, "stream": True}) as stream:
        lines = stream.iter_lines()
        next(lines)
        assert sorted(busy(models)) == [False, True]
    eventually(lambda: at_rest(models))


def test_who_leaves_before_the_answer_is_not_answered(models: httpx2.Client) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        models.post("/v1/chat/completions", json=LONG, timeout=1.0)
    eventually(lambda: at_rest(models))
