"""Google's official SDK for JavaScript against the catalogue of the running gateway.

It names models and pages in its own way: what `google.genai` for Python is given is seen in
`tests.gateway.test_gemini_models`.
"""

import asyncio
from typing import Any

import pytest

from tests.clock import FlowingLoop
from tests.javascript import steps
from tests.javascript.installed import Missing, installed_node
from tests.running import TENANT_KEY, ProviderSim, RunningGateway, configuration

_MODELS = [
    {"id": "smart", "targets": ["sim/gpt-5"]},
    {"id": "org/m:x", "targets": ["sim/own"]},
    {"id": "embed", "targets": ["sim/some"], "hint": "embed"},
]


async def _run(node: str) -> steps.Steps:
    async with (
        ProviderSim() as sim,
        RunningGateway(configuration(sim.openai_url, models=_MODELS)) as gateway,
    ):
        return await steps.run_steps(node, "google_sdk.mjs", gateway.url, TENANT_KEY)


@pytest.fixture(scope="module")
def ran() -> steps.Steps:
    try:
        node = installed_node()
    except Missing as missing:
        pytest.skip(f"the JavaScript SDK cannot run here: {missing}")
    with asyncio.Runner(loop_factory=FlowingLoop) as runner:
        return runner.run(_run(node))


@pytest.fixture
def got(request: pytest.FixtureRequest, ran: steps.Steps) -> dict[str, Any]:
    return steps.got(ran, request.function.__name__)


def test_list(got: dict[str, Any]) -> None:
    names = ["models/smart", "models/org/m:x", "models/embed"]
    assert got == {"all": names, "byOne": names, "byTwo": names}


def test_get(got: dict[str, Any]) -> None:
    assert (got["name"], got["inputTokenLimit"]) == ("models/smart", 400_000)
    assert got["supportedActions"] == ["generateContent", "streamGenerateContent", "countTokens"]


def test_get_with_a_slash(got: dict[str, Any]) -> None:
    assert got["names"] == ["models/org/m:x"] * 2


def test_unknown_model(got: dict[str, Any]) -> None:
    assert got == {"kind": "ApiError", "status": 404}


def test_wrong_key(got: dict[str, Any]) -> None:
    assert got == {"kind": "ApiError", "status": 401}
