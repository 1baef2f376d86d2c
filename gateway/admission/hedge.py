"""Whether a second attempt is worth its tokens while the first one has not said a word.

Source: Dean and Barroso, "The tail at scale": only after the 95th percentile of what is usual, so for one request
in twenty, and within a budget that stops it by itself when everything is slow (`reference/admission.md` §5.8). Both
attempts are charged their input in full; what a second one may use is what nobody else wants.

The budget is a fixed share of the requests and of the tokens that were really used: an estimate fills nothing, for
the first ones are far too high. Little is saved up, so in any stretch of time second attempts are that share of
what was sent in it, and at most one request and two of the largest prompts besides.
"""

from gateway.admission.latency import SIZES
from gateway.admission.recent_quantile import RecentQuantile
from gateway.settings.snapshot import Hedge

RANK_MAX = 1
_LATE = 0.95
#: The second key must have more than this of its window free.
SURPLUS = 0.5
#: Models may be named by callers: what is learned of them must have a bound.
_TARGETS_MAX = 1024
#: Sums of fractions fall short by less.
_EPSILON = 1e-9


class Hedging:
    """The decider: told of every request, first token and end, asked twice of those that may be hedged."""

    __slots__ = ("_requests", "_settings", "_tokens", "_tokens_max", "_usual")

    def __init__(self, settings: Hedge) -> None:
        self._settings = settings
        self._requests = self._tokens = 0.0  # what second attempts may take
        self._tokens_max = 2.0 * settings.input_tokens_max
        self._usual: dict[tuple[str, int], RecentQuantile] = {}

    @property
    def enabled(self) -> bool:
        return self._settings.enabled

    def sent(self) -> None:
        """A request goes upstream for the first time."""
        self._requests = min(self._requests + self._settings.tokens_ratio, 1.0)

    def used(self, tokens: int) -> None:
        """A request ended and came to so many tokens, input and output."""
        self._tokens = min(self._tokens + self._settings.tokens_ratio * tokens, self._tokens_max)

    def observe(self, target: str, size: int, ttft_s: float) -> None:
        """A first attempt brought its first token, or a hedged one is known to have taken longer than this."""
        usual = self._usual.get((target, size))
        if usual is None:
            if len(self._usual) >= _TARGETS_MAX * SIZES:
                del self._usual[next(iter(self._usual))]
            usual = self._usual[target, size] = RecentQuantile(_LATE)
        usual.add(ttft_s)

    def after_s(self, rank: int, target: str, size: int, input_tokens: int) -> float | None:
        """Seconds of silence after which to ask `may_fire`; None: this request is not hedged."""
        settings = self._settings
        if not settings.enabled or rank > RANK_MAX or input_tokens > settings.input_tokens_max:
            return None
        usual = self._usual.get((target, size))
        return usual.value() if usual is not None else None

    def may_fire(self, tokens: int, second_free_share: float) -> bool:
        """Whether to make the second attempt, of about so many tokens, at a key with that much of its window free.

        Takes it out of the budget.
        """
        if not self._settings.enabled or second_free_share <= SURPLUS:
            return False
        if self._requests + _EPSILON < 1.0 or tokens > self._tokens + _EPSILON:
            return False
        self._requests = max(0.0, self._requests - 1.0)
        self._tokens = max(0.0, self._tokens - tokens)
        return True
