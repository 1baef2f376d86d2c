"""Position and expected wait of a request: work ahead ÷ the rate left for its class, and then its own room.

    wait = min over accounts of free_in(account, request) + seconds(urgent, peers)

`urgent` is what waits in more urgent classes, `peers` what will go before it in its own by virtual service: of each
tenant's work as much as brings its tag to that of the request, of which the tenant has some waiting and may bring
more meanwhile: as much again as has gone since its lane last was empty. So who always has work waiting counts in
full, and who sent a little counts with that. Accounts of one signature are one pool of rate (`supply`); work with
another signature counts by the part of its accounts that are in the pool; work that waits at other workers of a
shared ledger counts like that which waits here (`tally`).

Everything grows with the tag and with the work before the request, so the wait is monotone in position.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.admission.fairness import VirtualService
from gateway.admission.item import Item
from gateway.admission.lanes import Lane, key
from gateway.admission.outlook import Outlook
from gateway.admission.signatures import Signature
from gateway.admission.supply import Ahead, Supply
from gateway.admission.tally import CROWD, Tallies, Tally, tallied, together

#: Items of a lane that are looked at for those that go before one: of a longer lane it is an estimate.
_SAMPLE = 128

Near = Sequence[tuple[Signature, float]]


class Forecast(NamedTuple):
    """Requests ahead, and seconds until it goes; infinity when nothing that can serve it is known to come back."""

    position: int
    wait_s: float


def forecast(
    item: Item,
    signature: Signature,
    near: Near,
    supply: Supply,
    outlook: Outlook,
    now: float,
    *,
    sure: bool = False,
) -> Forecast:
    """Of an item that waits in `signature`, or would; `near` are those that share accounts with it, with parts.

    Output is no part of a `sure` wait.
    """
    rank = item.rank
    peers = _peers(item, signature.services[rank][0], near, supply, now)
    urgent = Ahead()
    for sum_ in supply.in_all[:rank]:
        if sum_.count:
            urgent.add(sum_, 1.0, sum_.count)
    for other, part in near:
        if not other.count:
            continue
        for bucket in other.buckets[:rank]:
            if bucket.work.count:
                urgent.add(bucket.work, part, bucket.work.count * part)
    room_in = outlook.sure_in if sure else outlook.free_in
    free_in = min([room_in(account, item) for account in item.signature])
    if not urgent.count and not peers.count:
        return Forecast(0, free_in)
    seconds = supply.seconds(rank, urgent, peers, item.charge, sure=sure)
    return Forecast(round(urgent.count + peers.count), free_in + seconds)


def share_before(item: Item, lane: Lane) -> float:
    """What of a lane of its tenant's goes before the item. An arrival without haste is the last: all of it."""
    items, place = lane.items, key(item)
    hurries = item.ahead_of_all or item.deadline is not None
    if not items or (not hurries and (not item.order or lane.newest().order < item.order)):
        return lane.work.share
    sample = list(items.values())[:: -(-len(items) // _SAMPLE)]
    before = sum(other.share for other in sample if key(other) < place)
    return min(lane.work.share, before * len(items) / len(sample))


def _peers(item: Item, service: VirtualService, near: Near, supply: Supply, now: float) -> Ahead:
    """Of each tenant what goes before the item; of a crowd, as if all its lanes stood at the clock."""
    rank, tenant, away = item.rank, item.tenant, supply.away[item.rank]
    before = _before_elsewhere(item, away, now)
    for other, part in near:
        lane = other.buckets[rank].lanes.get(tenant)
        if lane is not None:
            before += share_before(item, lane) * part
    tag = service.start(tenant) + before / item.weight
    here = tallied([(other.buckets[rank], part) for other, part in near])
    tallies = together(here, away) if away else here
    peers = Ahead()
    for name, tally in tallies.items():
        start = service.clock if name == CROWD else service.start(name)
        reach = (tag - start) * tally.weight
        if reach > 0.0:
            _add_reached(peers, tally, reach)
    return peers


def _before_elsewhere(item: Item, away: Tallies, now: float) -> float:
    """The share of its tenant's work at other workers that goes before it: what came earlier."""
    if not away:
        return 0.0
    tally, part = away.get(item.tenant), 1.0
    if tally is None and (tally := away.get(CROWD)) is not None:
        part = item.weight / max(tally.weight, item.weight)
    return 0.0 if tally is None else tally.share * part * tally.before(item.arrived, now)


def _add_reached(peers: Ahead, tally: Tally, reach: float) -> None:
    """What of it is within `reach`, of what waits and of what is likely to come."""
    share = tally.share
    if reach < share:
        part = reach / share
        peers.add(tally, part, tally.count * part)
    else:
        likely = min(reach, share + tally.gone) / share if share else 1.0
        peers.add(tally, likely, tally.count)
