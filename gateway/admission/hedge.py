"""Whether a second attempt is worth its tokens while the first one has not said a word.

Source: Dean and Barroso, "The tail at scale": only after the 95th percentile of what is usual, so for one request
in twenty, and within a budget of tokens that stops it by itself when everything is slow (`reference/admission.md`
§5.8). Both attempts are charged their input in full; what a second one may use is what nobody else wants.
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


class Hedging:
    """The decider: told of every request and every first token, asked twice of those that may be hedged."""

    __slots__ = ("_balance", "_balance_max", "_settings", "_usual")

    def __init__(self, settings: Hedge) -> None:
        self._settings = settings
        self._balance = 0.0  # tokens
        self._balance_max = 2.0 * settings.input_tokens_max
        self._usual: dict[tuple[str, int], RecentQuantile] = {}

    def sent(self, tokens: int) -> None:
        """A request of about so many tokens, input and output, goes upstream for the first time."""
        self._balance = min(self._balance + self._settings.tokens_ratio * tokens, self._balance_max)

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

        Takes them out of the budget.
        """
        if not self._settings.enabled or second_free_share <= SURPLUS or tokens > self._balance:
            return False
        self._balance -= tokens
        return True
