"""The official OpenAI SDK for JavaScript against the running gateway.

It differs from the Python SDK where a gateway is easily wrong: `file` goes before `model` in a form, base64 is
asked for where floats were (and a float answer read as nothing), streams end by their own rules.
One run of `openai_sdk.mjs` does every step; the tests here judge what it printed.
"""

import asyncio
from typing import Any

import pytest

from tests.clock import FlowingLoop
from tests.javascript import steps
from tests.javascript.installed import Missing, installed_node
from tests.running import TENANT_KEY, ProviderSim, RunningGateway, configuration


async def _run(node: str) -> tuple[steps.Steps, list[dict[str, Any]]]:
    """What each step said, and the gateway's request log."""
    async with ProviderSim() as sim, RunningGateway(configuration(sim.openai_url)) as gateway:
        ran = await steps.run_steps(node, "openai_sdk.mjs", f"{gateway.url}/v1", TENANT_KEY)
        log = await gateway.log_lines(1)
        while log[-1]["outcome"] != "client_closed":  # the last step leaves its stream
            log = await gateway.log_lines(len(log) + 1)
    return ran, log


@pytest.fixture(scope="module")
def ran() -> tuple[steps.Steps, list[dict[str, Any]]]:
    try:
        node = installed_node()
    except Missing as missing:
        pytest.skip(f"the JavaScript SDK cannot run here: {missing}")
    with asyncio.Runner(loop_factory=FlowingLoop) as runner:
        return runner.run(_run(node))


@pytest.fixture
def got(request: pytest.FixtureRequest, ran: tuple[steps.Steps, list[dict[str, Any]]]) -> dict[str, Any]:
    """What the step that a test is named after saw."""
    return steps.got(ran[0], request.function.__name__)


def test_chat(got: dict[str, Any]) -> None:
    assert "lighthouse" in got["text"]
    assert got["usage"]["prompt_tokens"] > 0
    assert got["requestID"].startswith("req_")
    assert got["provider"] == "sim"


def test_chat_stream(got: dict[str, Any]) -> None:
    assert "lighthouse" in got["text"]
    assert got["finish"] == ["stop"]
    assert set(got["usages"]) == {None}, "usage was not asked for"
    assert set(got["choices"]) == {1}


def test_chat_stream_with_usage(got: dict[str, Any]) -> None:
    assert "lighthouse" in got["text"]
    assert got["choices"][-1] == 0
    assert got["usages"][-1]["completion_tokens"] > 0
    assert set(got["usages"][:-1]) == {None}


def test_tools_stream_helper(got: dict[str, Any]) -> None:
    assert (got["finish"], got["role"]) == ("tool_calls", "assistant")
    (call,) = got["calls"]
    assert (call["type"], call["name"]) == ("function", "weather")
    assert call["id"]
    assert "city" in call["arguments"]


def test_responses(got: dict[str, Any]) -> None:
    assert got["again"] == got["id"]
    assert "gw1_" in got["id"]
    assert "lighthouse" in got["text"]
    assert got["status"] == "completed"


def test_responses_stream(got: dict[str, Any]) -> None:
    assert (got["kinds"][0], got["kinds"][-1]) == ("response.created", "response.completed")
    assert "response.output_text.delta" in got["kinds"]
    assert "lighthouse" in got["text"]


def test_embeddings(got: dict[str, Any]) -> None:
    floats = got["float"]
    assert len(floats) == 2
    assert floats[0], "the vector is empty"
    assert floats[0] != floats[1]
    for implied, vector in zip(got["implied"], floats, strict=True):
        assert implied == pytest.approx(vector, abs=1e-6)
    assert all(isinstance(text, str) for text in got["base64"]), "base64 that was asked for stays base64"


def test_files(got: dict[str, Any]) -> None:
    assert "gw1_" in got["id"]
    assert (got["name"], got["same"], got["deleted"]) == ("batch.jsonl", True, True)


def test_transcription(got: dict[str, Any]) -> None:
    assert got["text"]


def test_models(got: dict[str, Any]) -> None:
    assert got == {"ids": ["smart", "org/m:x"], "one": "org/m:x"}


def test_unknown_model(got: dict[str, Any]) -> None:
    assert got["requestID"].startswith("req_")
    assert (got["kind"], got["status"], got["code"], got["param"]) == (
        "NotFoundError", 404, "model_not_found", "model"
    )  # fmt: skip


def test_wrong_key(got: dict[str, Any]) -> None:
    assert (got["kind"], got["status"], got["code"]) == ("AuthenticationError", 401, "invalid_api_key")


def test_abort_of_a_stream(got: dict[str, Any], ran: tuple[steps.Steps, list[dict[str, Any]]]) -> None:
    assert got["aborted"]
    assert got["seen"] >= 5, "the SDK may still deliver what it had read"
    assert [line["outcome"] for line in ran[1]].count("client_closed") == 1
