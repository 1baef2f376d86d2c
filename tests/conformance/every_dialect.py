"""One gateway in front of a provider of every dialect, on a loop of its own: callers here may block.

A caller knows a model by a name of its own world with what is behind it: `gpt-5-mini.anthropic`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.clock import FlowingLoop
from tests.running import ProviderSim, RunningGateway, configuration
from tests.storage.servers import LoopThread

#: The model at each provider: what the gateway knows of them decides what they are asked. `openai` is asked by chat
#: completions, `openai-responses` by responses alone, as OpenAI's newest models want it.
BEHIND = {
    "openai": "gpt-5-mini",
    "openai-responses": "gpt-6-sol",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro-preview",
    "ollama": "qwen3",
}
#: By what callers' programs take them for: suites skip what a model's name does not promise.
CALLED = ("gpt-4.1", "gpt-5-mini", "claude-opus-4-6", "gemini-3-pro")
EMBEDDERS = {"openai": "text-embedding-3-small", "gemini": "gemini-embedding-001", "ollama": "all-minilm"}


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    sim: ProviderSim


@contextmanager
def served() -> Iterator[Served]:
    thread = LoopThread(FlowingLoop())
    sim = ProviderSim()
    thread.run(sim.__aenter__())
    gateway = RunningGateway(_configured(sim))
    thread.run(gateway.__aenter__())
    try:
        yield Served(gateway.url, sim)
    finally:
        thread.run(gateway.__aexit__(None, None, None))
        thread.run(sim.__aexit__(None, None, None))
        thread.end()


def _configured(sim: ProviderSim) -> dict[str, Any]:
    provider: dict[str, Any] = {"flavour": "sim", "base_url": sim.url, "echo_model": True}
    openai = provider | {"dialect": "openai", "base_url": f"{sim.url}/v1"}
    providers = [
        openai | {"id": "openai"},
        openai | {"id": "openai-responses", "apis": ["responses"]},
        *(provider | {"id": one, "dialect": one} for one in ("anthropic", "gemini", "ollama")),
    ]
    routes = {f"{name}.{behind}": f"{behind}/{model}" for behind, model in BEHIND.items() for name in CALLED}
    routes |= {f"embed.{behind}": f"{behind}/{model}" for behind, model in EMBEDDERS.items()}
    return configuration(
        sim.url,
        providers=providers,
        pools=[
            {"id": one, "provider": one, "secret": "env:PROVIDER_KEY", "tenants": ["*"]} for one in BEHIND
        ],
        models=[{"id": name, "targets": [target]} for name, target in routes.items()],
        capabilities={"qwen3": {"tools": True, "vision": True, "thinking": "level"}},
    )
