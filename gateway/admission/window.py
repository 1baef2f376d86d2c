"""What was charged in the last minute (or slice of one), in slots. Pure; times are integer milliseconds.

Sliding window of reference §2.4: a charge stays until the whole of its slot is older than the window and a
little more, which covers the way from our send to the provider's arrival. So whatever 60 s the provider looks
at, all that it charged there was in `used` when the last of it was granted. Charges may lie ahead of now: a
lease is charged where it ends.

Slots are a 480th of the window (125 ms of a minute), not 1 s: a charge is kept up to one slot too long, and a
second in sixty would cost more of the ceiling than the 98 % that are promised leave.
"""

#: No lease ends later than this after it was granted: before its worker counts as gone (`relearning.py`).
LEASE_MS_MAX = 2_000
_SLOTS = 480
_SLOTS_OF_A_SLICE = 240
_MINUTE_MS = 60_000


def jitter_ms(length_ms: int) -> int:
    """How much later than our send a charge may arrive at the provider, as allowed for: 500 ms in a minute.

    In shorter windows less, a hundredth: half a second on a window of one would cost a third of the ceiling.
    """
    return min(500, length_ms // 100)


def slot_ms(length_ms: int) -> int:
    return max(1, length_ms // (_SLOTS if length_ms >= _MINUTE_MS else _SLOTS_OF_A_SLICE))


class Window:
    """Units by slot, and their sum. Call `expire(now)` first whenever `now >= due`."""

    __slots__ = ("_count", "_first", "_held_ms", "_last", "_ring", "_slot_ms", "due", "used")

    def __init__(self, length_ms: int) -> None:
        self._slot_ms = slot_ms(length_ms)
        self._held_ms = length_ms + jitter_ms(length_ms)
        self._count = (self._held_ms + LEASE_MS_MAX) // self._slot_ms + 3
        self._ring = [0] * self._count
        self._first = 0  # the oldest slot that still counts
        self._last = 0  # the newest slot that was ever charged: there is nothing behind it
        self.used = 0
        self.due = 0  # when the next slot may leave

    def expire(self, now: int) -> None:
        """Let go of the slots that lie wholly before the window. Each slot is passed once: O(1) amortised."""
        first = (now - self._held_ms) // self._slot_ms
        if self.used:
            ring, count = self._ring, self._count
            for slot in range(self._first, min(first, self._last + 1)):
                self.used -= ring[slot % count]
                ring[slot % count] = 0
        self._first = max(first, self._first)
        self.due = (self._first + 1) * self._slot_ms + self._held_ms

    def add(self, at: int, units: int) -> bool:
        """Charge `units` at the slot of `at`; False when that slot has already left."""
        slot = at // self._slot_ms
        if slot < self._first:
            return False
        if slot > self._last:
            self._last = slot
        self._ring[slot % self._count] += units
        self.used += units
        return True

    def remove(self, at: int, units: int) -> int:
        """Take back up to `units` from the slot of `at`: what was there to be taken."""
        slot = at // self._slot_ms
        if slot < self._first:
            return 0
        index = slot % self._count
        taken = min(units, self._ring[index])
        self._ring[index] -= taken
        self.used -= taken
        return taken

    def charged(self) -> tuple[int, list[int]]:
        """The last moment of the newest slot, and units by slot up to that, the oldest first. After `expire`."""
        ring, first, end = self._ring, self._first % self._count, self._last % self._count + 1
        units = ring[first:end] if first < end else ring[first:] + ring[:end]
        return (self._last + 1) * self._slot_ms - 1, units

    def free_at(self, excess: int) -> int | None:
        """When `excess` of the units will have left, should nothing be added; None when there are fewer."""
        freed = 0
        for slot in range(self._first, self._last + 1):
            freed += self._ring[slot % self._count]
            if freed >= excess:
                return (slot + 1) * self._slot_ms + self._held_ms
        return None
