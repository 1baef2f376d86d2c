"""A scripted provider of each dialect behind a gateway, and what the one that was asked last got."""

import json
from typing import Any

from tests.running import ProviderSim, configuration

BEHIND = ("openai", "anthropic", "gemini", "ollama")


def behind_every_dialect(sim: ProviderSim) -> dict[str, Any]:
    """A provider of each dialect, all scripted; a route is called as its dialect."""
    providers = [
        {"id": "openai", "dialect": "openai", "base_url": f"{sim.url}/v1", "flavour": "sim"},
        *({"id": one, "dialect": one, "base_url": sim.url, "flavour": "sim"} for one in BEHIND[1:]),
    ]
    return configuration(
        sim.url,
        providers=providers,
        pools=[
            {"id": one, "provider": one, "secret": "env:PROVIDER_KEY", "tenants": ["*"]} for one in BEHIND
        ],
        models=[{"id": one, "targets": [f"{one}/chat"]} for one in BEHIND],
        capabilities={"*": {"tools": True, "vision": True, "thinking": "budget"}},
    )


def sent(sim: ProviderSim) -> Any:
    """The body that the provider got last."""
    return json.loads(sim.requests()[-1]["body"])
