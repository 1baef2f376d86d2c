"""Sticky where it can be, bounded where it must be."""

import random
from collections import Counter
from dataclasses import dataclass
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.affinity import LOAD_BOUND, TTL_S, Affinity, salt_of

NOW = 1000.0


@dataclass
class Key:
    salt: int
    in_flight: int = 0
    weight: float = 1.0


def keys(count: int) -> list[Key]:
    return [Key(salt_of(f"key-{number}", "m")) for number in range(count)]


def prefixes(count: int, seed: int = 1) -> list[int]:
    chance = random.Random(seed)
    return [chance.getrandbits(64) or 1 for _ in range(count)]


def test_prefixes_are_spread_and_all_workers_agree() -> None:
    places, one, other = keys(5), Affinity(), Affinity()
    counts = Counter(id(one.favourite(prefix, places, NOW)) for prefix in prefixes(10_000))
    assert all(1850 <= count <= 2150 for count in counts.values()) and len(counts) == 5
    for prefix in prefixes(100):
        assert one.favourite(prefix, places, NOW) is other.favourite(prefix, places[::-1], NOW)


def test_a_key_that_goes_moves_only_its_own_prefixes() -> None:
    places, affinity = keys(5), Affinity()
    for prefix in prefixes(1000):
        before = affinity.favourite(prefix, places, NOW)
        after = affinity.favourite(prefix, places[1:], NOW)
        assert after is before or before is places[0]


def test_a_conversation_stays_where_its_cache_is_until_that_is_cold() -> None:
    places, affinity = keys(4), Affinity()
    for prefix in prefixes(50):
        home = affinity.favourite(prefix, places, NOW)
        assert home is not None
        rest = [one for one in places if one is not home]
        away = affinity.favourite(prefix, rest, NOW)  # its key is out for a while
        assert away is not None
        affinity.placed(prefix, away, NOW)
        assert affinity.favourite(prefix, places, NOW + TTL_S) is away
        assert affinity.favourite(prefix, places, NOW + TTL_S + 0.1) is home


@given(loads=st.lists(st.integers(0, 40), min_size=1, max_size=8), prefix=st.integers(1, (1 << 64) - 1))
def test_no_favourite_has_more_than_its_share(loads: list[int], prefix: int) -> None:
    places = keys(len(loads))
    for place, load in zip(places, loads, strict=True):
        place.in_flight = load
    found = Affinity().favourite(prefix, places, NOW)
    share = ceil(LOAD_BOUND * (sum(loads) + 1) / len(loads))
    assert found is None or found.in_flight + 1 <= share
    if max(loads) == min(loads) == 0:
        assert found is not None


def test_what_is_remembered_is_bounded() -> None:
    places, affinity = keys(2), Affinity()
    for prefix in range(1, 60_000):
        affinity.placed(prefix, places[0], NOW)
    assert len(affinity._placed) == 50_000 and 59_999 in affinity._placed and 1 not in affinity._placed
