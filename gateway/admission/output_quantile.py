"""How much a kind of request answers: nine of ten stay below it, learned from those that ended.

A histogram over powers of the fourth root of 2 whose old samples fade (exponential decay, as in the decaying
histograms of the Kubernetes vertical pod autoscaler), with the quantile found inside its bin by geometric
interpolation. The bin of the quantile is followed sample by sample, so that asking costs nothing and learning a
few steps.
"""

from array import array
from math import log2

from gateway.admission.recent import Recent

_ABOVE = 0.1  # of the samples are above the quantile
_FADE = 1 / 0.996  # a sample weighs this much more than the one before: 500 samples count
_WEIGHT_MAX = 1e12  # before weights are scaled back
_BINS_PER_DOUBLING = 4  # a fifth wide: no worse is the place of answers that are all alike
_BINS = 122  # 1 KB; bin 0 holds nothing at all, the last 2^30 tokens and more
_PRIOR_SAMPLES = 2.0
#: Until so many samples count, those that were only expected hold the quantile up by themselves.
_SAMPLES_MIN = _PRIOR_SAMPLES / _ABOVE
_KEYS_MAX = 2048


class OutputQuantile:
    """The p90 of output tokens of one kind of request, `expected` until something is known."""

    __slots__ = ("_above", "_at", "_counts", "_total", "_weight", "p90")

    def __init__(self, expected: float) -> None:
        self._counts = array("d", bytes(8 * _BINS))
        self._at = _bin(expected)  # the quantile's bin
        self._counts[self._at] = self._total = _PRIOR_SAMPLES
        self._above = 0.0  # weight in the bins above it
        self._weight = 1.0  # of the next sample
        self.p90 = expected

    def learn(self, tokens: float) -> None:
        """A request answered with `tokens`."""
        counts, at, weight = self._counts, _bin(tokens), self._weight
        counts[at] += weight
        self._total += weight
        if at > self._at:
            self._above += weight
        self._follow()
        self._weight = weight * _FADE
        if self._weight > _WEIGHT_MAX:
            self._scale_back()

    @property
    def guessed(self) -> bool:
        """Whether what was expected counts for more than what was seen."""
        return self._total < _SAMPLES_MIN

    def _follow(self) -> None:
        """Move to the bin that holds the quantile now, and find the place in it."""
        counts, at, above = self._counts, self._at, self._above
        allowed = _ABOVE * self._total
        while above > allowed and at < _BINS - 1:
            at += 1
            above -= counts[at]
        while at > 0 and above + counts[at] <= allowed:
            above += counts[at]
            at -= 1
        if above < 0:
            above = 0.0  # rounding
        self._at, self._above = at, above
        if at == 0:
            self.p90 = 0.0
        else:
            below = 1 - (allowed - above) / counts[at] if above < allowed else 1.0
            self.p90 = 2 ** ((at - 1 + below) / _BINS_PER_DOUBLING)

    def _scale_back(self) -> None:
        """Weights in units of the newest; what vanishes beside it is gone, rounding with it."""
        weight, self._weight = self._weight, 1.0
        for at, count in enumerate(self._counts):
            self._counts[at] = count / weight
        self._total = sum(self._counts)
        self._above = sum(self._counts[self._at + 1 :])


class OutputQuantiles:
    """Quantiles of the kinds of request seen lately; a kind is (tenant, route, model)."""

    __slots__ = ("_kinds",)

    def __init__(self, kinds_max: int = _KEYS_MAX) -> None:
        self._kinds: Recent[tuple[str, str, str], OutputQuantile] = Recent(kinds_max)

    def p90(self, kind: tuple[str, str, str], expected: float) -> tuple[float, bool]:
        """Of `kind`, and whether it is a guess; `expected` where none has ended yet."""
        known = self._kinds.get(kind)
        return (expected, True) if known is None else (known.p90, known.guessed)

    def learn(self, kind: tuple[str, str, str], tokens: float, expected: float) -> None:
        """A request of `kind` answered with `tokens`."""
        known = self._kinds.get(kind)
        if known is None:
            known = OutputQuantile(expected)
            self._kinds.put(kind, known)
        known.learn(tokens)


def _bin(tokens: float) -> int:
    """0 for less than a token; then four to each doubling."""
    if tokens < 1:
        return 0
    at = int(_BINS_PER_DOUBLING * log2(tokens)) + 1
    return at if at < _BINS else _BINS - 1
