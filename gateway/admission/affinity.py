"""Which key has the cache of a prompt: rendezvous hashing with bounded loads, and a memory of where it went.

Every worker ranks the keys for a prefix alike, without asking anybody (Thaler and Ravishankar, "Using name-based
mappings to increase hit rates"), and one that comes or goes moves only its own prefixes. The bound is Mirrokni,
Thorup and Zadimoghaddam's, "Consistent hashing with bounded loads": a key with more than 1.25 × the mean in flight
is nobody's favourite. The memory lasts as long as providers keep a cache: a prefix whose key was out for a while
has its cache where it went then, and stays.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import ceil
from typing import Protocol, TypeVar

TTL_S = 300.0
LOAD_BOUND = 1.25
_REMEMBERED_MAX = 50_000
_WORD = (1 << 64) - 1


class Place(Protocol):
    """A key that may have the cache."""

    @property
    def salt(self) -> int: ...

    @property
    def in_flight(self) -> int: ...


_Place = TypeVar("_Place", bound=Place)


def salt_of(*names: str) -> int:
    """A number of its own for a key and model, the same in every worker."""
    return int.from_bytes(blake2b("\0".join(names).encode(), digest_size=8).digest())


class Affinity:
    """The memory; the ranking needs none."""

    __slots__ = ("_placed", "_ttl_s")

    def __init__(self, ttl_s: float = TTL_S) -> None:
        self._ttl_s = ttl_s
        self._placed: dict[int, tuple[int, float]] = {}  # prefix → salt and time, the longest unused first

    def favourite(self, prefix: int, places: Sequence[_Place], now: float) -> _Place | None:
        """Where the cache of `prefix` is, or should be; None when that key has more than its share in flight."""
        found = self._remembered(prefix, places, now)
        if found is None:
            found = max(places, key=lambda place: _mixed(prefix ^ place.salt))
        total = sum(place.in_flight for place in places)
        share = ceil(LOAD_BOUND * (total + 1) / len(places))
        return found if found.in_flight < share else None

    def placed(self, prefix: int, place: Place, now: float) -> None:
        """It goes to its favourite: its cache will be there."""
        self._placed.pop(prefix, None)
        self._placed[prefix] = place.salt, now
        if len(self._placed) > _REMEMBERED_MAX:
            del self._placed[next(iter(self._placed))]

    def _remembered(self, prefix: int, places: Sequence[_Place], now: float) -> _Place | None:
        salt, at = self._placed.get(prefix, (0, 0.0))
        if not salt or now - at > self._ttl_s:
            return None
        return next((place for place in places if place.salt == salt), None)


def _mixed(number: int) -> int:
    """SplitMix64's finaliser: every bit of the number moves half of the result's."""
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _WORD
    return number ^ (number >> 31)
