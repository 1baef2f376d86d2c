"""The scripted provider."""

from provider_sim.simulator import ProviderSim

__all__ = ["ProviderSim"]
