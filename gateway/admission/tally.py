"""What waits of each tenant in one class: summed over signatures that share accounts, and over workers. Pure.

Workers of one ledger tell each other through it what waits at each (`queued`), so that each can expect waits as if
all waited in one line: tenants' virtual service is that of all workers (`tenant_tags`), and in a lane whoever came
first goes first, wherever it waits.
"""

from collections.abc import Iterable, Mapping, Sequence

from gateway.admission.classes import RANKS
from gateway.admission.item import Work
from gateway.admission.lanes import Bucket
from gateway.admission.ledger import Queued

#: Tenants of a class that are looked at one by one; more are taken together.
TENANTS = 16
#: The name of those taken together.
CROWD = ""


class Tally:
    """The work of a tenant, or of a crowd of them. `gone` is as of lanes; `oldest` when the first of it arrived."""

    __slots__ = ("count", "gone", "input", "oldest", "output", "requests", "share", "tokens", "weight")

    def __init__(self, weight: float, oldest: float) -> None:
        self.weight = weight
        self.oldest = oldest
        self.count = self.share = self.gone = 0.0
        self.requests = self.input = self.output = self.tokens = 0.0

    def add(self, work: "Work | Queued | Tally", gone: float, part: float = 1.0) -> None:
        """`part` of that work."""
        self.count += work.count * part
        self.share += work.share * part
        self.gone += gone * part
        self.requests += work.requests * part
        self.input += work.input * part
        self.output += work.output * part
        self.tokens += work.tokens * part

    def before(self, arrived: float, now: float) -> float:
        """The part of it that came before `arrived`, as if it had come evenly."""
        if arrived >= now:
            return 1.0
        return (arrived - self.oldest) / (now - self.oldest) if arrived > self.oldest else 0.0


Tallies = Mapping[str, Tally]


def tallied(buckets: Iterable[tuple[Bucket, float]]) -> dict[str, Tally]:
    """By tenant, or all as one crowd: what is in buckets of one class, each with the part of it that counts."""
    some = [(bucket, part) for bucket, part in buckets if bucket.lanes]
    found: dict[str, Tally] = {}
    for bucket, part in some:
        if len(bucket.lanes) > TENANTS or len(found) > TENANTS:
            break
        for lane in bucket.lanes.values():
            arrived = lane.head().arrived
            tally = found.get(lane.tenant)
            if tally is None:
                tally = found[lane.tenant] = Tally(lane.weight, arrived)
            elif arrived < tally.oldest:
                tally.oldest = arrived
            tally.add(lane.work, lane.gone, part)
    else:
        if len(found) <= TENANTS:
            return found
    return {CROWD: _crowd(some)}


def together(here: dict[str, Tally], away: Tallies) -> Tallies:
    """Both in one, `here` changed for it."""
    if CROWD in here or CROWD in away or len(here.keys() | away.keys()) > TENANTS:
        return {CROWD: _as_one(here, away)}
    for tenant, other in away.items():
        tally = here.get(tenant)
        if tally is None:
            here[tenant] = other
        else:
            tally.add(other, other.gone)
    return here


def queued(signatures: Iterable[tuple[Sequence[Bucket], float]], now: float) -> tuple[Queued, ...]:
    """What waits here for one account: of each of its signatures the buckets by rank, and the part that counts."""
    parts = tuple(signatures)
    return tuple(
        Queued(
            rank, tenant, one.weight, max(0.0, now - one.oldest), one.gone, one.count, one.share,
            one.requests, one.input, one.output, one.tokens,
        )
        for rank in RANKS
        for tenant, one in tallied((buckets[rank], part) for buckets, part in parts).items()
    )  # fmt: skip


def elsewhere(told: Iterable[Queued], now: float) -> tuple[Tallies, ...]:
    """By rank, what other workers told. Of a crowd, each of them is taken to have the same tenants."""
    found: tuple[dict[str, Tally], ...] = tuple({} for _ in RANKS)
    for one in told:
        oldest = now - one.oldest_s
        tally = found[one.rank].get(one.tenant)
        if tally is None:
            tally = found[one.rank][one.tenant] = Tally(one.weight, oldest)
        tally.weight = max(tally.weight, one.weight)
        tally.oldest = min(tally.oldest, oldest)
        tally.add(one, one.gone)
    return found


def _crowd(buckets: Sequence[tuple[Bucket, float]]) -> Tally:
    """As if no tenant were in two of them; the oldest is that of the lanes that have been for longest."""
    crowd = Tally(0.0, min(next(iter(bucket.lanes.values())).head().arrived for bucket, _ in buckets))
    for bucket, part in buckets:
        crowd.weight += bucket.weight
        crowd.add(bucket.work, bucket.gone, part)
    return crowd


def _as_one(here: Tallies, away: Tallies) -> Tally:
    """As if most tenants waited at all workers."""
    sides = [side.values() for side in (here, away) if side]
    crowd = Tally(
        max(sum(one.weight for one in side) for side in sides),
        min(one.oldest for side in sides for one in side),
    )
    for side in sides:
        for one in side:
            crowd.add(one, one.gone)
    return crowd
