"""A mapping of bounded size that keeps what was used lately and forgets the rest.

Two generations: what is asked for moves to the young one, and when that is full it becomes the old one, whose
entries go unless they are asked for again (the second-chance rule of page replacement). Nothing is kept in
order, so a look-up costs a dictionary's.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Recent(Generic[_Key, _Value]):
    """At most `entries_max` values; any used since half as many others were is still there."""

    __slots__ = ("_generation_max", "_old", "_young")

    def __init__(self, entries_max: int) -> None:
        self._generation_max = max(1, entries_max // 2)
        self._young: dict[_Key, _Value] = {}
        self._old: dict[_Key, _Value] = {}

    def get(self, key: _Key) -> _Value | None:
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: _Key, value: _Value) -> None:
        if len(self._young) >= self._generation_max and key not in self._young:
            self._young, self._old = {}, self._young
        self._young[key] = value

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())
