"""What each priority class was served of one rate, fading with time: tells who is below their floor. Pure.

A fading sum with a time constant of a minute, in place of a window by class: under a steady rate both agree,
and this is five integers. Classes below their floor go right after the top class (reference §3.4), so a
backlogged class gets its floor however much more urgent work there is. Floors are parts of the sum over all classes
(`classes.is_below_floor`): what all took fades by the same part, so standing still changes nobody's part of it.
"""

from gateway.admission.classes import RANKS

STEP_MS = 1_000
STEPS_A_MINUTE = 60
STEPS_TO_NOTHING = 300
SHARE_SCALE = 1000  # so that rounding down loses no whole units


class Share:
    """Units served by rank, in thousandths."""

    __slots__ = ("_step", "served")

    def __init__(self) -> None:
        self.served = [0] * len(RANKS)
        self._step = 0

    def fade(self, now: int) -> int:
        """A sixtieth is forgotten every second: in larger steps floors would be served in lumps.

        How many seconds passed.
        """
        step = now // STEP_MS
        steps = step - self._step
        if steps <= 0:
            return 0
        self._step = step
        for rank, served in enumerate(self.served):
            if served:
                self.served[rank] = faded(served, steps)
        return steps

    def add(self, rank: int, units: int) -> None:
        """Count units served; negative ones were not, after all."""
        served = self.served[rank] + units * SHARE_SCALE
        self.served[rank] = served if served > 0 else 0

    def of(self, limit: int) -> tuple[int, ...]:
        """By rank, thousandths of `limit`."""
        return tuple(served // limit for served in self.served)


def faded(served: int, steps: int) -> int:
    """What is left of it after so many seconds."""
    if steps >= STEPS_TO_NOTHING:
        return 0
    for _ in range(steps):
        served -= served // STEPS_A_MINUTE
    return served
