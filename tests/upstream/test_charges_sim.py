"""The scripted provider's headers and refusals over a socket, as the adapters understand them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.upstream.adapter import Adapter, adapter_of
from gateway.upstream.observed import Observed
from gateway.upstream.verdict import Verdict
from provider_sim import ProviderSim
from tests.sim.wire import chat, exchange, post, request, split, unchunked
from tests.upstream.recordings import provider

OPENAI, ANTHROPIC, GEMINI = "/v1/chat/completions", "/v1/messages", "/v1beta/models/chat:generateContent"
OLLAMA, AZURE = "/api/chat", "/openai/deployments/chat/chat/completions?api-version=2024-10-21"
PATHS = {"openai": OPENAI, "azure": AZURE, "anthropic": ANTHROPIC, "gemini": GEMINI, "ollama": OLLAMA}


class Reply:
    """One answer of the simulator, and what an adapter makes of it."""

    def __init__(self, adapter: Adapter, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.body = status, body
        pairs = [(key.encode(), value.encode()) for key, value in headers.items()]
        now = datetime.now(UTC)
        self.observed = {seen.dimension: seen for seen in adapter.observe(pairs, now)}
        self.verdict = adapter.verdict(status, pairs, body, now)


async def ask(sim: ProviderSim, dialect: str, text: str = "x", **more: Any) -> Reply:
    body: dict[str, Any] = chat(text, max_tokens=100, **more)
    if dialect == "gemini":
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    version = "anthropic-version: 2023-06-01\r\n" if dialect == "anthropic" else ""
    headers = f"{version}x-goog-api-key: k\r\napi-key: k\r\n"
    key = None if dialect in ("gemini", "azure") else "k"
    flavour = "sim" if dialect == "openai" else "generic"
    told = await post(sim.port, PATHS[dialect], body, headers=headers, key=key)
    return Reply(adapter_of(provider(dialect, flavour)), *told)


async def test_openai() -> None:
    async with ProviderSim({"default": {"rpm": 2, "tpm": 1000}}) as sim:
        first = await ask(sim, "openai")
        assert first.observed == {
            "rpm": Observed("rpm", 2, 1, pytest.approx(30, abs=5)),
            "tpm": Observed("tpm", 1000, 900, pytest.approx(6, abs=5)),
        }
        await ask(sim, "openai")
        refused = (await ask(sim, "openai")).verdict
        assert refused[:2] == ("rate", "rpm")
        assert refused.block_s == pytest.approx(30, abs=5)
        too_large = await post(sim.port, OPENAI, chat("x", max_tokens=2000), key="other")
        assert Reply(adapter_of(provider("openai")), *too_large).verdict == Verdict("caller", "tpm")


async def test_azure() -> None:
    async with ProviderSim({"default": {"tpm": 150}}) as sim:
        first = await ask(sim, "azure")
        assert first.observed["tpm"].limit == 150
        assert (await ask(sim, "azure")).verdict[:2] == ("rate", "tpm")


async def test_anthropic() -> None:
    async with ProviderSim({"default": {"rpm": 1, "itpm": 1000, "otpm": 500}}) as sim:
        first = await ask(sim, "anthropic")
        assert set(first.observed) == {"rpm", "itpm", "otpm"}
        assert first.observed["rpm"][1:3] == (1, 0)
        refused = (await ask(sim, "anthropic")).verdict
        assert refused[:2] == ("rate", "rpm")
        assert refused.block_s is not None and 50 < refused.block_s <= 61
    async with ProviderSim(
        {"default": {"rpm": 100, "ramp": {"factor": 1, "period_s": 60, "floor": 1}}}
    ) as sim:
        await ask(sim, "anthropic")
        assert (await ask(sim, "anthropic")).verdict.kind == "ramp"


async def test_gemini() -> None:
    async with ProviderSim({"default": {"rpd": 1}}) as sim:
        await ask(sim, "gemini")
        refused = (await ask(sim, "gemini")).verdict
        assert refused[:3] == ("quota", "rpd", None)
        assert refused.until_utc is not None and refused.until_utc.hour in (7, 8)
    async with ProviderSim({"default": {"rpm": 1}}) as sim:
        assert (await ask(sim, "gemini")).observed == {}
        refused = (await ask(sim, "gemini")).verdict
        assert refused[:2] == ("rate", "rpm")
        assert refused.block_s is not None and 0 < refused.block_s <= 60


#: Magic words, and what comes of them at OpenAI, Azure, Anthropic, Gemini and Ollama.
FAULTS = {
    "quota": ("quota", "quota", "quota", "quota", "quota"),
    "slow_down": ("ramp", "ramp", "rate", "health", "saturation"),
    "status=429": ("rate", "rate", "rate", "rate", "rate"),
    "status=500": ("health", "health", "health", "health", "health"),
    "status=503": ("health", "health", "health", "health", "saturation"),
    "status=529": ("health", "health", "health", "health", "health"),
    "status=401": ("credential", "credential", "credential", "credential", "credential"),
    "status=402": ("quota", "quota", "quota", "quota", "quota"),
    "status=404": ("caller", "caller", "caller", "caller", "caller"),
    "context": ("caller", "caller", "caller", "caller", "caller"),
    "html status=502": ("health", "health", "health", "health", "health"),
}


@pytest.mark.parametrize("words", FAULTS)
async def test_refusals_on_demand(words: str) -> None:
    async with ProviderSim() as sim:
        replies = [await ask(sim, dialect, f"[[sim:{words} retry_after=7]]") for dialect in PATHS]
    assert tuple(reply.verdict.kind for reply in replies) == FAULTS[words]
    if words in ("status=429", "status=503"):
        assert {reply.verdict.block_s for reply in replies} == {7.0}


async def test_a_full_line_of_ollama() -> None:
    async with ProviderSim({"default": {"overload": 0}}) as sim:
        assert (await ask(sim, "ollama")).verdict.kind == "saturation"
        assert (await ask(sim, "anthropic")).verdict.kind == "health"
    async with ProviderSim({"default": {"rpm": 1}}) as sim:
        await ask(sim, "ollama")
        assert (await ask(sim, "ollama")).verdict.kind == "rate"


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
async def test_an_error_inside_a_stream(dialect: str) -> None:
    async with ProviderSim() as sim:
        body = chat("[[sim:error_after=1 status=503]]", max_tokens=9, stream=True)
        version = "anthropic-version: 2023-06-01\r\n" if dialect == "anthropic" else ""
        status, _, stream = split(await exchange(sim.port, request(PATHS[dialect], body, headers=version)))
    events = b"".join(unchunked(stream)).split(b"\n\n")
    error = next(event for event in events if b'"error"' in event).partition(b"data: ")[2]
    found = adapter_of(provider(dialect)).verdict(status, [], error, datetime.now(UTC))
    assert found == Verdict("mid_stream", cause="health")
