"""Those who do not wait in line at a shared ledger: a tenant key's requests, asked for at once. Pure; milliseconds.

Where only places are short they are asked for again for a moment: a worker that has just answered may not have told
the ledger yet, and one that holds stock only gives it back when it hears that somebody waits. No more have that
patience than half of those that one batch asks for; the others are refused at once.
"""

from collections.abc import Callable
from typing import NamedTuple

from gateway.admission.grantor import Grant
from gateway.admission.ledger import Ask

#: Longer than ends, and contention, take to become known (`places.TELL_MS`).
PATIENCE_MS = 100
_AGAIN_MS = 10


class Wish(NamedTuple):
    """`answer` is False when nobody is there any more to take it. Asked for again until `until`."""

    ask: Ask
    answer: Callable[[Grant | None], bool]
    until: int


class Wishes:
    """Of one account of one worker, in the order in which they came."""

    __slots__ = ("_again_at", "_asked", "_most", "_patient", "fresh")

    def __init__(self, most: int) -> None:
        self._most = most  # asked for at once
        self._asked: list[Wish] = []
        self._patient: list[Wish] = []
        self._again_at = 0
        self.fresh: list[Wish] = []

    def due(self, now: int) -> int | None:
        """When they are to be asked for."""
        return now if self.fresh else self._again_at if self._patient else None

    def asked(self) -> tuple[Ask, ...]:
        """They are, now."""
        wishes = self._patient + self.fresh
        self._asked, self.fresh, self._patient = wishes[: self._most], wishes[self._most :], []
        return tuple(wish.ask for wish in self._asked)

    def told(self) -> list[Wish]:
        """Those that were asked for last, now that the ledger has answered."""
        asked, self._asked = self._asked, []
        return asked

    def again(self, wish: Wish, now: int) -> bool:
        """Refused, but ask once more; False when it has lost its patience, or too many have some."""
        if now >= wish.until or 2 * len(self._patient) >= self._most:
            return False
        self._patient.append(wish)
        self._again_at = now + _AGAIN_MS
        return True

    def left(self, wish: Wish) -> None:
        """Nobody is there any more to take it."""
        for wishes in (self._patient, self.fresh):
            if wish in wishes:
                wishes.remove(wish)
        if wish in self._asked:  # whose answers are counted: not once more
            self._asked[self._asked.index(wish)] = wish._replace(until=0)

    def unheard(self) -> list[Wish]:
        """There was no answer: those that are to be answered otherwise."""
        wishes = self._asked + self._patient + self.fresh
        self._asked, self._patient, self.fresh = [], [], []
        return wishes
