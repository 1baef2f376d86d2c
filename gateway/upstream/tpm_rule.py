"""Whether OpenAI counts max(max_tokens, input) or their sum towards tokens per minute, learned from its headers.

The documented rule is `max`; `sum` is charged until the fall of `x-ratelimit-remaining-tokens` has confirmed
`max` for that key and model (admission reference §1.5: `tpm_rule: sum | max | auto`).
"""

from typing import Literal

from gateway.charge import Estimate
from gateway.upstream.observed import Observed

TpmRule = Literal["sum", "max"]
_CONFIRMATIONS = 8
#: Below this difference between the rules an observation tells nothing: estimates of the input are guesses.
_DIFFERENCE_MIN = 100


class TpmEvidence:
    """What was seen of one key and model. Never back to `max` once `sum` was seen: the error would be a 429."""

    __slots__ = ("_confirmed", "_refuted")

    def __init__(self) -> None:
        self._confirmed = 0
        self._refuted = False

    @property
    def rule(self) -> TpmRule:
        return "max" if self._confirmed >= _CONFIRMATIONS and not self._refuted else "sum"

    def add(self, estimate: Estimate, before: Observed, after: Observed, elapsed_s: float) -> None:
        """What `tpm` showed before and after a request that was the key's only one in these seconds."""
        if estimate.output_max is None or min(estimate.input, estimate.output_max) < _DIFFERENCE_MIN:
            return
        between = _charged_between(before, after, elapsed_s)
        if between is None:
            return
        least, most = between
        middle = max(estimate.input, estimate.output_max) + min(estimate.input, estimate.output_max) / 2
        if least > middle:
            self._refuted = True
        elif most < middle:
            self._confirmed += 1


def _charged_between(before: Observed, after: Observed, elapsed_s: float) -> tuple[float, float] | None:
    """Least and most that can have been charged: with none and with all of the refill in between."""
    if (
        before.limit is None
        or before.limit != after.limit
        or before.remaining is None
        or after.remaining is None
    ):
        return None
    used_before, used_after = before.limit - before.remaining, after.limit - after.remaining
    if used_after <= 0:  # full again: how much had gone does not show
        return None
    refilled = before.limit * max(0.0, elapsed_s) / 60
    return used_after - used_before, used_after - max(0.0, used_before - refilled)
