"""What this worker sent on one account in the last minute: all that a ledger that forgot can be taught. Pure.

Kept whether or not a ledger is there. Times are the worker's own monotonic milliseconds, told as ages.
"""

from collections import deque

from gateway.admission.dimension import WINDOW_MS
from gateway.admission.ledger import Sent
from gateway.admission.window import jitter_ms
from gateway.charge import Charge

_KEPT_MS = WINDOW_MS + jitter_ms(WINDOW_MS)
#: Sends within so long are told as one, at the time of the last: never as earlier than they were.
_GRAIN_MS = 125


class LastMinute:
    """Charges by time of sending, oldest first."""

    __slots__ = ("_began", "_rows")

    def __init__(self) -> None:
        self._rows: deque[tuple[int, Charge]] = deque()
        self._began = 0  # of the newest row

    def add(self, charge: Charge, now: int) -> None:
        """`charge` was sent now; or more of an earlier send became known, which is then told as if sent now."""
        if self._rows and now - self._began < _GRAIN_MS:
            _, before = self._rows.pop()
            charge = Charge(*(one + other for one, other in zip(before, charge, strict=True)))
        else:
            self._began = now
            self._forget(now)
        self._rows.append((now, charge))

    def sent(self, now: int) -> tuple[Sent, ...]:
        """For the batch after an answer with `relearn`."""
        self._forget(now)
        return tuple(Sent(now - at, charge) for at, charge in self._rows)

    def _forget(self, now: int) -> None:
        rows = self._rows
        while rows and rows[0][0] < now - _KEPT_MS:
            rows.popleft()
