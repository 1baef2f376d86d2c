"""Whether a provider key's secret is believed: one 401 has it fetched anew, the next one puts it out of use.

A secret may have been rotated under us, so the first refusal is no verdict. The second counts only from an attempt
that started after the new secret was there; those that were still under way carried the old one.
"""

from typing import Literal, Protocol

Answer = Literal["refresh", "invalid"]


class Use(Protocol):
    """What a secret is used for: a key's health for one model."""

    def quarantine(self, now: float, reason: str) -> None: ...

    def give_chance(self, now: float, reason: str) -> None: ...

    def reinstate(self, now: float, reason: str) -> bool: ...


class Credential:
    """The secret of one provider key. Turns are the numbers that `Health.started` gives out."""

    __slots__ = ("_refreshed_at", "doubted", "invalid", "uses")

    def __init__(self) -> None:
        self.doubted = False
        self.invalid = False
        self.uses: dict[Use, None] = {}  # in the order of their making
        self._refreshed_at = 0  # turn from which on the secret is the new one; 0: not yet

    def refused(self, turn: int, now: float, reason: str) -> Answer:
        """A provider said 401 to the attempt of that turn."""
        if self.invalid:
            return "invalid"
        if not self.doubted:
            self.doubted, self._refreshed_at = True, 0
            return "refresh"
        if self._refreshed_at == 0 or turn < self._refreshed_at:
            return "refresh"
        self.invalid = True
        for use in self.uses:
            use.quarantine(now, reason)
        return "invalid"

    def refreshed(self, turn: int) -> None:
        """The secret was fetched anew, whether or not it is another one; later turns carry it."""
        if self.doubted and not self.invalid:
            self._refreshed_at = turn

    def accepted(self, turn: int) -> None:
        """A provider took the secret of that turn."""
        if not self.invalid and self._refreshed_at and turn >= self._refreshed_at:
            self.doubted = False

    def changed(self, now: float, reason: str) -> None:
        """There is another secret, or a person says that it is good: it is tried."""
        was_invalid, self.invalid, self.doubted = self.invalid, False, False
        if was_invalid:
            for use in self.uses:
                use.give_chance(now, reason)
