"""What replies taught about their owners (a model, a key): for a day, and of the latest only.

It is the worker's alone.
"""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

#: Seconds (wire reference §5).
_KEPT_S = 86_400.0
_OWNERS_MAX = 1024
_LESSONS_MAX = 64

Owner = TypeVar("Owner", bound=Hashable)
Lesson = TypeVar("Lesson", bound=Hashable)


class Learned(Generic[Owner, Lesson]):
    """False while nothing was learned. Times are monotonic seconds."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[Owner, dict[Lesson, float]] = {}  # the oldest first, in both

    def __bool__(self) -> bool:
        return bool(self._until)

    def add(self, owner: Owner, lessons: Iterable[Lesson], now: float) -> None:
        """Known from now on; where that is too much, the oldest goes."""
        known = self._until.pop(owner, {})
        for lesson in lessons:
            known.pop(lesson, None)
            known[lesson] = now + _KEPT_S
        while len(known) > _LESSONS_MAX:
            del known[next(iter(known))]
        self._until[owner] = known
        while len(self._until) > _OWNERS_MAX:
            del self._until[next(iter(self._until))]

    def of(self, owner: Owner, now: float) -> list[Lesson]:
        """Those in force."""
        known = self._until.get(owner)
        return [lesson for lesson, until in known.items() if until > now] if known else []
