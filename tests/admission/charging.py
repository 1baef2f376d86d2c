"""What a provider would have charged, kept apart from the ledger: each charge with its time, the worst window."""

from collections.abc import Iterable

Charged = tuple[int, int]  # when (ms), how much


def worst(charged: Iterable[Charged], window_ms: int) -> int:
    """The most that lies in any half-open window of `window_ms`, wherever it begins."""
    events = sorted(charged)
    most = used = first = 0
    for at, units in events:
        used += units
        while events[first][0] <= at - window_ms:
            used -= events[first][1]
            first += 1
        most = max(most, used)
    return most
