"""What this worker sent on one account in the last minute: all that a ledger that forgot can be taught. Pure.

Kept whether or not a ledger is there. Times are the worker's own monotonic milliseconds, told as ages.
"""

from collections.abc import Iterable, Sequence

from gateway.admission.dimension import WINDOW_MS
from gateway.admission.ledger import Sent
from gateway.admission.window import jitter_ms, slot_ms
from gateway.charge import CHARGE_AXES, Charge

_KEPT_MS = WINDOW_MS + jitter_ms(WINDOW_MS)
#: Sends within so long are told as one, at the end of it: never as earlier than they were.
_GRAIN_MS = slot_ms(WINDOW_MS)
#: More rows than are told: there are some to be forgotten.
_ROWS_MAX = 2 * _KEPT_MS // _GRAIN_MS


def end_of(at: int) -> int:
    """When that is told to have been sent which was sent then."""
    return (at // _GRAIN_MS + 1) * _GRAIN_MS


class LastMinute:
    """Charges by time of sending."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[int, list[int]] = {}

    def add(self, charge: Iterable[int], at: int) -> None:
        """`charge` was sent then; where negative, less was."""
        row = self._rows.get(at // _GRAIN_MS)
        if row is None:
            if len(self._rows) >= _ROWS_MAX:
                self._forget(at)
            row = self._rows[at // _GRAIN_MS] = [0, 0, 0, 0]
        for axis, units in enumerate(charge):
            row[axis] += units

    def correct(self, delta: Charge | Sequence[int], at: int, now: int) -> None:
        """What was sent then is charged more, or less. More of what has left counts from now, as in the ledger."""
        if at > now - _KEPT_MS:
            self.add(delta, at)
        elif any(units > 0 for units in delta):
            self.add([max(0, units) for units in delta], now)

    def sent(self, now: int) -> tuple[Sent, ...]:
        """For the batch after an answer with `relearn`."""
        return tuple(Sent(max(0, now - end), charge) for end, charge in self.rows(now))

    def rows(self, now: int) -> list[tuple[int, Charge]]:
        """What was sent, with the end of the time that it is told as."""
        self._forget(now)
        return [
            ((slot + 1) * _GRAIN_MS, Charge(*(max(0, units) for units in self._rows[slot])))
            for slot in sorted(self._rows)
        ]

    def total(self, now: int) -> Charge:
        """All that was surely sent within a window and its margin: a ledger had not let go of it before."""
        rows = [row for slot, row in self._rows.items() if slot * _GRAIN_MS >= now - _KEPT_MS]
        return Charge(*(sum(row[axis] for row in rows) for axis in CHARGE_AXES))

    def _forget(self, now: int) -> None:
        for slot in [slot for slot in self._rows if (slot + 1) * _GRAIN_MS <= now - _KEPT_MS]:
            del self._rows[slot]
