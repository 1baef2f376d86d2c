"""What a target's model can be asked, as the dialects need it: made once of what is known of it."""

from functools import lru_cache

from gateway.capabilities import Capabilities, capabilities
from gateway.settings.model_facts import ModelFacts

_KEPT = 4096


@lru_cache(_KEPT)
def model_can(facts: ModelFacts) -> Capabilities:
    return capabilities(facts.known)
