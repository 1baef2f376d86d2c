"""Position and expected wait of a request: work ahead ÷ the rate left for its class, and then its own room.

    wait = min over accounts of free_in(account, request) + seconds(urgent, peers)

`urgent` is what waits in more urgent classes, `peers` what will go before it in its own by virtual service: of each
tenant's work as much as brings its tag to that of the request, of which the tenant has some here and may bring more
meanwhile: as much again as has gone since its lane last was empty. So who always has work waiting counts in full,
and who sent a little counts with that. Accounts of one signature are one pool of rate (`supply`); work with another
signature counts by the part of its accounts that are in the pool.

Everything grows with the tag and with the work before the request, so the wait is monotone in position.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.admission.fairness import VirtualService
from gateway.admission.item import Item
from gateway.admission.lanes import Bucket, Lane, key
from gateway.admission.outlook import Outlook
from gateway.admission.signatures import Signature
from gateway.admission.supply import Ahead, Supply

#: Tenants of a class that are looked at one by one; more are taken together.
_TENANTS = 16
#: Items of a lane that are looked at for those that go before one: of a longer lane it is an estimate.
_SAMPLE = 128

Near = Sequence[tuple[Signature, float]]


class Forecast(NamedTuple):
    """Requests ahead, and seconds until it goes; infinity when nothing that can serve it is known to come back."""

    position: int
    wait_s: float


def forecast(item: Item, signature: Signature, near: Near, supply: Supply, outlook: Outlook) -> Forecast:
    """Of an item that waits in `signature`, or would; `near` are those that share accounts with it, with parts."""
    urgent, peers = Ahead(), Ahead()
    rank = item.rank
    service = signature.services[rank][0]
    tag = service.start(item.tenant)
    for other, part in near:
        lane = other.buckets[rank].lanes.get(item.tenant)
        if lane is not None:
            tag += share_before(item, lane) * part / item.weight
    for other, part in near:
        if not other.count:
            continue
        for bucket in other.buckets[:rank]:
            if bucket.work.count:
                urgent.add(bucket.work, part, bucket.work.count * part)
        bucket = other.buckets[rank]
        if bucket.work.count:
            _add_peers(peers, bucket, tag, service, part)
    free_in = min([outlook.free_in(account, item) for account in item.signature])
    if not urgent.count and not peers.count:
        return Forecast(0, free_in)
    return Forecast(
        round(urgent.count + peers.count), free_in + supply.seconds(rank, urgent, peers, item.charge)
    )


def share_before(item: Item, lane: Lane) -> float:
    """What of a lane of its tenant's goes before the item. An arrival without haste is the last: all of it."""
    items, place = lane.items, key(item)
    hurries = item.ahead_of_all or item.deadline is not None
    if not items or (not hurries and (not item.order or lane.newest().order < item.order)):
        return lane.work.share
    sample = list(items.values())[:: -(-len(items) // _SAMPLE)]
    before = sum(other.share for other in sample if key(other) < place)
    return min(lane.work.share, before * len(items) / len(sample))


def _add_peers(peers: Ahead, bucket: Bucket, tag: float, service: VirtualService, part: float) -> None:
    """Of each lane what goes before `tag`; of a crowd, as if all its lanes stood at the clock."""
    if len(bucket.lanes) > _TENANTS:
        _add_reached(peers, bucket, (tag - service.clock) * bucket.weight, part)
        return
    for lane in bucket.lanes.values():
        reach = (tag - service.start(lane.tenant)) * lane.weight
        if reach > 0.0:
            _add_reached(peers, lane, reach, part)


def _add_reached(peers: Ahead, some: Lane | Bucket, reach: float, part: float) -> None:
    """What of `some` is within `reach`, of what waits and of what is likely to come.

    Only `part` of it comes here, so it takes that much more of it to cover the reach.
    """
    work = some.work
    share = work.share
    reach /= part
    if reach < share:
        part *= reach / share
        peers.add(work, part, work.count * part)
    else:
        likely = min(reach, share + some.gone) / share if share else 1.0
        peers.add(work, part * likely, work.count * part)
