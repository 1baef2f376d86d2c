"""Standing faults: rules set by `/sim/faults`, for a credential, a path, a model, a number of times, by chance."""

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from provider_sim.fault import NONE, Fault, fault_from


@dataclass(slots=True)
class FaultRule:
    """`count` None = until cleared. `path` and `model` are shell patterns; `skip` lets that many pass first."""

    fault: Fault
    credential: str | None = None
    path: str | None = None
    model: str | None = None
    count: int | None = None
    skip: int = 0
    probability: float = 1.0

    def matches(self, credential: str, path: str, model: str) -> bool:
        return (
            self.count != 0
            and self.credential in (None, credential)
            and (self.path is None or fnmatchcase(path, self.path))
            and (self.model is None or fnmatchcase(model, self.model))
        )


def rule_from(values: dict[str, Any]) -> FaultRule:
    """A rule from JSON: {"fault": {…}, "credential"?, "path"?, "model"?, "count"?, "skip"?, "probability"?}."""
    made = dict(values)
    fault = made.pop("fault", None)
    if not isinstance(fault, dict):
        raise ValueError("a fault rule needs an object 'fault'")
    unknown = set(made) - {"credential", "path", "model", "count", "skip", "probability"}
    if unknown:
        raise ValueError(f"unknown rule field {sorted(unknown)[0]!r}")
    return FaultRule(fault_from(fault), **made)


class FaultRules:
    """All rules in force. Chance is drawn from the seed, so a run can be repeated."""

    def __init__(self, seed: int) -> None:
        self.rules: list[FaultRule] = []
        self._seed = seed
        self._random = random.Random(seed)

    def take(self, credential: str, path: str, model: str) -> Fault:
        """The faults that strike this request, laid over one another in the order they were set."""
        struck = NONE
        for rule in self.rules:
            if not rule.matches(credential, path, model):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.probability < 1.0 and self._random.random() >= rule.probability:
                continue
            if rule.count is not None:
                rule.count -= 1
            struck = struck.merged(rule.fault)
        if any(rule.count == 0 for rule in self.rules):
            self.rules = [rule for rule in self.rules if rule.count != 0]
        return struck

    def clear(self, credential: str | None = None) -> None:
        self.rules = [r for r in self.rules if credential is not None and r.credential != credential]
        self._random = random.Random(self._seed)
