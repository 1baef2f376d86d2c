"""Whether a provider key's secret is believed: one 401 has it fetched anew, the next one puts it out of use.

A secret may have been rotated under us, so the first refusal is no verdict. The second counts only from an attempt
that started after the new secret was there; those that were still under way carried the old one.

A secret that cannot be had puts the key out of use, too, until it is there again: no person can say otherwise.
"""

from typing import Literal, Protocol

Answer = Literal["refresh", "invalid"]

_AWAY = "its secret cannot be had from where it is kept"
_BACK = "its secret can be had again"


class Use(Protocol):
    """What a secret is used for: a key's health for one model."""

    def quarantine(self, now: float, reason: str) -> None: ...

    def give_chance(self, now: float, reason: str) -> None: ...

    def reinstate(self, now: float, reason: str) -> bool: ...


class Credential:
    """The secret of one provider key. Turns are the numbers that `Health.started` gives out."""

    __slots__ = ("_refreshed_at", "doubted", "invalid", "is_away", "since", "uses", "why")

    def __init__(self) -> None:
        self.doubted = False
        self.invalid = False
        self.is_away = False  # it cannot be had, and therefore is invalid
        self.why, self.since = "", 0.0  # it is invalid
        self.uses: dict[Use, None] = {}  # in the order of their making
        self._refreshed_at = 0  # turn from which on the secret is the one of now; 0: not known

    def refused(self, turn: int, now: float, reason: str) -> Answer:
        """A provider said 401 to the attempt of that turn."""
        if self.invalid:
            return "invalid"
        if turn < self._refreshed_at:  # it carried a former one
            return "refresh"
        if not self.doubted:
            self.doubted, self._refreshed_at = True, 0
            return "refresh"
        if self._refreshed_at == 0:
            return "refresh"
        self._quarantine(now, reason)
        return "invalid"

    def refreshed(self, turn: int) -> None:
        """The secret was fetched anew, whether or not it is another one; later turns carry it."""
        if self.doubted and not self.invalid:
            self._refreshed_at = turn

    def accepted(self, turn: int) -> None:
        """A provider took the secret of that turn."""
        if not self.invalid and self._refreshed_at and turn >= self._refreshed_at:
            self.doubted = False

    def changed(self, turn: int, now: float, reason: str) -> None:
        """There is another secret, which later turns carry, or a person says that it is good: it is tried, if it
        can be had.
        """
        if self.is_away:
            return
        self._refreshed_at = turn
        was_invalid, self.invalid, self.doubted = self.invalid, False, False
        if was_invalid:
            for use in self.uses:
                use.give_chance(now, reason)

    def at_hand(self, turn: int, now: float, *, is_away: bool) -> None:
        """Whether the secret can be had now, by later turns."""
        if is_away == self.is_away:
            return
        self.is_away = is_away
        if is_away:
            self._quarantine(now, _AWAY)
        else:
            self.changed(turn, now, _BACK)

    def _quarantine(self, now: float, reason: str) -> None:
        self.invalid, self.why, self.since = True, reason, now
        for use in self.uses:
            use.quarantine(now, reason)
