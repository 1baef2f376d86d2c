"""How many priority classes a worker may still admit, by the state of its spool.

Records that cannot be flushed (Postgres away) or written (disk full) must stop the work that makes them before
there is no room left for what is under way: from the bottom up, all paid work last. Pure.
"""

from typing import NamedTuple

CLASSES = 5


class SpoolState(NamedTuple):
    """Readings."""

    held_bytes: int  # on disk and not yet deleted
    oldest_s: float  # age of the oldest record that is not flushed
    free_bytes: int  # on its disk
    sound: bool = True  # the last attempt to write and to sync succeeded


class SpoolBounds(NamedTuple):
    """Where everything stops; classes stop on the way there."""

    held_bytes: int = 1024 * 1024 * 1024
    oldest_s: float = 3600.0
    reserve_bytes: int = 128 * 1024 * 1024  # of free disk, for what is under way when everything stops


#: (share of a bound that is used up, classes still admitted), fullest first.
_STEPS = ((1.0, 0), (0.85, 2), (0.7, 3), (0.5, 4))


def admitted_classes(state: SpoolState, bounds: SpoolBounds) -> int:
    """The classes still admitted, counted from the most urgent: `CLASSES` when all is well, 0 for none."""
    if not state.sound or state.free_bytes <= bounds.reserve_bytes:
        return 0
    used = max(
        state.held_bytes / bounds.held_bytes,
        state.oldest_s / bounds.oldest_s,
        # the reserve's share of what is free: half of it gone is twice the reserve left
        bounds.reserve_bytes / state.free_bytes,
    )
    for share, classes in _STEPS:
        if used >= share:
            return classes
    return CLASSES
