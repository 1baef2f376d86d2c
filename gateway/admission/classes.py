"""The priority classes as admission sees them, by rank: how long they may wait, what is kept for them.

Figures are the starting points of reference admission §3.2; names and order are the configuration's.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.settings.snapshot import PRIORITIES


class PriorityClass(NamedTuple):
    """One row of reference §3.2."""

    name: str
    ttl_s: float  # waits no longer than this, deadline or not
    floor_permille: int  # of what is used of a ceiling, kept for the class while it is backlogged
    line_share: float  # of the line, at most

    @property
    def floor(self) -> float:
        return self.floor_permille / 1000

    @property
    def target_s(self) -> float:
        """The wait from which the class counts as held up (CoDel's target): a tenth of what loses the request."""
        return self.ttl_s / 10


CLASSES = (
    PriorityClass(PRIORITIES[0], 30.0, 0, 1.0),
    PriorityClass(PRIORITIES[1], 20.0, 200, 0.6),
    PriorityClass(PRIORITIES[2], 600.0, 80, 0.4),
    PriorityClass(PRIORITIES[3], 1800.0, 40, 0.3),
    PriorityClass(PRIORITIES[4], 3600.0, 20, 0.2),
)
RANKS = tuple(range(len(CLASSES)))
#: Of its class's share, what one tenant may fill (reference §3.5).
TENANT_SHARE = 0.5


#: Of what is used, what the top class has whatever waits: all but the others' floors.
TOP_SHARE_PERMILLE = 1000 - sum(one.floor_permille for one in CLASSES)
#: Floors are parts of what was used lately, so that they hold where less than the ceiling can be used, and where
#: what was used comes back in lumps: what classes took fades alike for all meanwhile. Where less
#: than this of a ceiling was used they are parts of this: there is room, and nothing to be kept against the top
#: class. A full one shows as hardly less: as 582, 1 / (e - 1), when all of it was taken at once a minute ago.
LEAST_USED_PERMILLE = 600


def is_below_floor(rank: int, served: Sequence[int]) -> bool:
    """Whether a lower class got less than its floor by what each class got (`served`, thousandths of a ceiling)."""
    return served[rank] * 1000 < CLASSES[rank].floor_permille * max(LEAST_USED_PERMILLE, sum(served))


def top_has_share(served: Sequence[int]) -> bool:
    """Whether the top class has what the floors leave it, or more."""
    return served[0] * 1000 >= TOP_SHARE_PERMILLE * max(LEAST_USED_PERMILLE, sum(served))


def below_floor(served: Sequence[int]) -> tuple[int, ...]:
    """The lower classes that got less than their floor."""
    return tuple(rank for rank in RANKS[1:] if is_below_floor(rank, served))


def in_order(served: Sequence[int]) -> tuple[int, ...]:
    """The top class, then those that got less than their floor, then all.

    When the top class has more than the floors leave, it comes after those: they are kept against it, too.
    """
    below = below_floor(served)
    if not below:
        return RANKS
    first = (*below, 0) if top_has_share(served) else (0, *below)
    return (*first, *RANKS[1:])


def claims_floor(rank: int, served: Sequence[int]) -> bool:
    """Whether the class goes before the top one, and like it: it has less than its floor, and the top class more
    than the floors leave (reference §3.4).
    """
    return rank > 0 and top_has_share(served) and is_below_floor(rank, served)
