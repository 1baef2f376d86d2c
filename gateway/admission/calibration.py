"""Tokens per byte, learned online for each model and kind of content, with how far a request strays from it.

The formulas are those of the admission reference §6: x = tokens ÷ bytes, α += η(x − α), s² += η((x − α)² − s²),
η = 0.05, with its priors. Four things are made stricter:

- The prior weighs as ten samples, so the warm-up (η = 1 ÷ (n + 11) until that is 0.05) starts where it should
  and one early reply cannot move it far.
- A sample counts as at most four deviations away (Huber's ψ: a bounded influence), and for the mean as at
  most nine tenths of the mean away: one absurd report moves it by 5 %, in the warm-up by 9 %, however wide the
  spread, while a real change widens the spread with every sample and is soon followed.
- A short text, in which rounding and the provider's own template weigh more than the words, counts for less.
- The upper bound is α·exp(z·s ÷ α). For a small spread that is the reference's α·(1 + z·s ÷ α); a ratio is
  positive and skewed to the right, where the latter covers less than it promises.
"""

from collections.abc import Sequence
from math import exp, sqrt
from typing import NamedTuple

from gateway.admission.recent import Recent

#: Kinds of content besides the kinds of text (`text_kind`), each with the unit it is counted in.
IMAGE = 4  # images
AUDIO = 5  # seconds
PAGES = 6  # pages of a document
UNSEEN = 7  # requests whose content is partly at the provider
EVENTS = 8  # bytes of a stream relayed
REPLY = 9  # bytes of a whole reply relayed

#: Deviations of the upper bounds.
Z_CEILING = 2.0
_RATE = 0.05
_PRIOR_SAMPLES = 10
_REACH = 4.0
_SPREAD_MIN = 0.02  # of the ratio: what was always the same need not stay so
_REACH_MIN = 0.1  # of the ratio
_PULL_MAX = 0.9  # of the ratio
_RATIO_MIN = 0.01  # of the prior: a ratio must not vanish, whatever is reported
_MODELS_MAX = 512


class Prior(NamedTuple):
    """What is thought of a kind before anything was seen of it."""

    ratio: float
    spread: float  # deviation, as a share of the ratio
    whole: float  # size from which a sample counts fully
    limit: float  # no ratio is larger


_NO_LIMIT = 1e9
#: By kind. Text: the reference's, and no byte-level token is shorter than a byte.
PRIORS = (
    Prior(0.27, 0.2, 256, 1.0),
    Prior(0.33, 0.25, 256, 1.0),
    Prior(0.35, 0.25, 256, 1.0),
    Prior(0.40, 0.3, 256, 1.0),
    # 1024 × 1024 at high detail: 85 + 4 tiles × 170 (OpenAI, "Images and vision: calculating costs"); Anthropic
    # says width × height ÷ 750 (1,398 for it), and small models multiply: learned from there on.
    Prior(765, 0.35, 1, _NO_LIMIT),
    Prior(10, 0.5, 1, _NO_LIMIT),  # a token per 100 ms (OpenAI, "Realtime costs"); Gemini: 32 a second
    Prior(2250, 0.35, 1, _NO_LIMIT),  # 1,500 to 3,000 a page (Anthropic, "PDF support")
    Prior(2000, 1.0, 1, _NO_LIMIT),  # a guess: the turns before, or what a hosted tool reads
    Prior(1 / 200, 0.5, 2000, _NO_LIMIT),  # a token a frame of OpenAI's size
    Prior(1 / 4, 0.5, 2000, _NO_LIMIT),  # plain text; reasoning is not seen but counted
)


class Calibration:
    """Tokens per unit of one kind of content at one model. `upper` bounds the ratio."""

    __slots__ = ("_deviation", "_least", "_limit", "_samples", "_whole", "ratio", "upper")

    def __init__(self, prior: Prior) -> None:
        self.ratio = prior.ratio
        self._deviation = prior.spread * prior.ratio
        self._whole, self._limit = prior.whole, prior.limit
        self._least = prior.ratio * _RATIO_MIN
        self._samples = 0
        self.upper = self.bound(Z_CEILING)

    def learn(self, size: float, tokens: float) -> None:
        """`size` units turned out to be `tokens`."""
        ratio, deviation = self.ratio, self._deviation
        found = tokens / size
        if found < 0:
            found = 0.0
        elif found > self._limit:
            found = self._limit
        least = _REACH_MIN * ratio
        reach = _REACH * (deviation if deviation > least else least)
        off = found - ratio
        if off > reach:
            off = reach
        elif off < -reach:
            off = -reach
        samples = self._samples = self._samples + 1
        rate = 1 / (samples + _PRIOR_SAMPLES) if samples < _PRIOR_SAMPLES else _RATE
        if size < self._whole:
            rate *= size / self._whole
        variance = deviation * deviation
        self._deviation = sqrt(variance + rate * (off * off - variance))
        pull = _PULL_MAX * ratio
        if off > pull:
            off = pull
        elif off < -pull:
            off = -pull
        ratio += rate * off
        self.ratio = ratio if ratio > self._least else self._least
        self.upper = self.bound(Z_CEILING)

    def bound(self, z: float) -> float:
        """What the ratio exceeds no oftener than a normal variate exceeds `z` deviations."""
        ratio = self.ratio
        spread = self._deviation / ratio
        upper = ratio * exp(z * (spread if spread > _SPREAD_MIN else _SPREAD_MIN))
        return upper if upper < self._limit else self._limit


class Calibrations:
    """Calibrations of the models used lately, all kinds of each."""

    __slots__ = ("_models", "_unknown")

    def __init__(self, models_max: int = _MODELS_MAX) -> None:
        self._models: Recent[str, tuple[Calibration, ...]] = Recent(models_max)
        self._unknown = tuple(Calibration(prior) for prior in PRIORS)

    def of(self, model: str) -> tuple[Calibration, ...]:
        """By kind, to be read only; what is thought of any model, for one nothing was learned of."""
        return self._models.get(model) or self._unknown

    def learn(self, model: str, parts: Sequence[tuple[int, float]], tokens: float) -> None:
        """`parts`, (kind, size) each, turned out to be `tokens` together.

        The part that was thought to be most of it answers for the whole difference; where none is, nothing can
        be said of any.
        """
        if len(parts) == 1:
            kind, size = parts[0]
            self.own(model)[kind].learn(size, tokens)
            return
        kinds = self.of(model)
        shares = [kinds[kind].ratio * size for kind, size in parts]
        total = sum(shares)
        most = max(shares, default=0.0)
        if most <= 0 or most < total / 2:
            return
        kind, size = parts[shares.index(most)]
        self.own(model)[kind].learn(size, tokens - (total - most))

    def own(self, model: str) -> tuple[Calibration, ...]:
        """By kind, to be taught."""
        kinds = self._models.get(model)
        if kinds is None:
            kinds = tuple(Calibration(prior) for prior in PRIORS)
            self._models.put(model, kinds)
        return kinds
