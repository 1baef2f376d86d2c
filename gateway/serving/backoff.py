"""How long to wait before a process that died is started again: soon, then less often, never giving up."""

import random
from dataclasses import dataclass

_FIRST_S = 0.05
_MAX_S = 1.5  # with the time a worker takes to start: two seconds
_HEALTHY_S = 10.0


@dataclass(slots=True)
class Backoff:
    """Doubles with every short life, starts over after a long one; jittered so that siblings spread out."""

    failures: int = 0

    def after(self, lived_s: float) -> float:
        """Seconds to wait now that the process has died after `lived_s`."""
        self.failures = 0 if lived_s >= _HEALTHY_S else self.failures + 1
        ceiling = min(_MAX_S, _FIRST_S * 2.0 ** min(self.failures, 10))
        return ceiling * random.uniform(0.5, 1.0)
