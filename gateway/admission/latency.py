"""Time to first token of a key, by size of prompt: a moving average that believes bad news at once.

Source: Finagle's peak EWMA (linkerd.io, "Beyond round robin"): a spike counts in full and decays, τ = 10 s. Two
things differ, because here seconds pass between two replies. It decays towards the slow mean of the key, not to
zero, or a key that was idle for a minute would draw everything until its first reply. And what nobody has seen for
a while is unknown, or a key that was slow once would never be tried again.
"""

from bisect import bisect_right
from math import exp

DECAY_S = 10.0
UNKNOWN_AFTER_S = 120.0
#: Upper ends of the sizes in input tokens; prefill grows with them, by orders of magnitude.
_ENDS = (1_000, 4_000, 16_000, 64_000)
SIZES = len(_ENDS) + 1
#: Of each new time, what goes into the slow mean.
_MEAN_WEIGHT = 0.1


def size_of(input_tokens: int) -> int:
    """Which of the sizes a prompt has, 0 to SIZES - 1."""
    return bisect_right(_ENDS, input_tokens)


class FirstTokenTimes:
    """Of one provider key × model."""

    __slots__ = ("_at", "_mean", "_peak")

    def __init__(self) -> None:
        self._at = [0.0] * SIZES
        self._mean = [0.0] * SIZES  # 0.0: never seen
        self._peak = [0.0] * SIZES

    def observe(self, size: int, seconds: float, now: float) -> None:
        """A first token came after that long."""
        seconds = max(seconds, 1e-6)
        mean = self._mean[size]
        if mean == 0.0 or now - self._at[size] >= UNKNOWN_AFTER_S:
            self._mean[size] = self._peak[size] = seconds
        else:
            self._mean[size] = mean + _MEAN_WEIGHT * (seconds - mean)
            kept = exp((self._at[size] - now) / DECAY_S)
            peak = self._peak[size]
            self._peak[size] = seconds if seconds > peak else peak * kept + seconds * (1.0 - kept)
        self._at[size] = now

    def expected(self, size: int, now: float) -> float:
        """Seconds to the first token; 0.0 when not known."""
        mean = self._mean[size]
        age = now - self._at[size]
        if mean == 0.0 or age >= UNKNOWN_AFTER_S:
            return 0.0
        return mean + (self._peak[size] - mean) * exp(-age / DECAY_S)
