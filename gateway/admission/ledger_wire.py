"""What goes to `ledger.lua` and comes back: nouns as numbers by position, packed flat. Pure.

Integers below 2^53 as little-endian doubles, for that is what numbers are in the script: exact, and a quarter of
the script's time less than JSON. Strings (worker, tenants) go beside them, and so does, in MessagePack, what the
script only hands on from worker to worker.
"""

import struct

from gateway.admission.classes import RANKS
from gateway.admission.day import Midnights
from gateway.admission.dimension import CONCURRENCY, WINDOW_MS, AccountTerms, Dimension
from gateway.admission.ledger import Answer, Batch, Observation, Queued, Usage, Verdict
from gateway.admission.ledger_script import VERSION
from gateway.admission.window import jitter_ms, slot_ms
from gateway.record import Reader, to_bytes

_RATE, _DAY, _CONCURRENT = range(3)
_NO_SEEN = (0, 0, 0, 0, 0)
_NO_STOCK = (-1, 0, 0, 0, 0, 0)
_NO_MIDNIGHTS = (0, 0, 0, 0)
_ANSWER_HEAD = 16
_queued = Reader(tuple[Queued, ...])


class AccountWire:
    """What is the same in every call for one account: its keys and its terms."""

    __slots__ = ("_dimensions", "_midnights", "_places", "_terms", "keys", "names")

    def __init__(self, terms: AccountTerms) -> None:
        # Braces mark the hash tag, which puts all keys of an account on one node of a cluster.
        tag = terms.id.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
        prefix = f"kaze:ledger:{VERSION}:{{{tag}}}:"
        lengths = [WINDOW_MS, *sorted({one.burst_ms for one in terms.dimensions if one.burst_ms})]
        self.keys = [prefix + name for name in ("book", "tags", "days", *map(str, lengths))]
        # With its sub-window: one of another length begins anew.
        self.names = ",".join(f"{one.name}:{one.burst_ms}" for one in terms.dimensions)
        self._terms = (int(terms.paced), terms.set_aside_permille)
        self._dimensions = [number for one in terms.dimensions for number in _dimension(one, lengths)]
        self._places = {one.name: place for place, one in enumerate(terms.dimensions, 1)}
        day = next((one for one in terms.dimensions if one.name == "rpd"), None)
        self._midnights = None if day is None else Midnights(day.zone)

    def arguments(self, batch: Batch, reckoned: int, now: int) -> list[str | bytes]:
        """`reckoned` is about the ledger's time, for the day; `now` forces its clock, 0 leaves it its own."""
        numbers = self._head(batch, reckoned, now)
        for at, sent_at, charge in batch.reports:
            numbers += (at, sent_at, *charge)
        for at, charge, rank in batch.returns:
            numbers += (at, rank, *charge)
        for at, delta, rank in batch.settles:
            numbers += (at, rank, *delta)
        for observation in batch.observations:
            numbers += self._observation(observation)
        tenants = [one.tenant for one in batch.served]
        for rank, _, amount, waits in batch.served:
            numbers += (rank, amount, int(waits))
        for demand in batch.demand:
            place = _named(tenants, demand.tenant) if demand.tenant else -1
            numbers += (demand.rank, demand.requests, demand.order, place, *demand.total, *demand.head)
        for charge, rank, order, tenant in batch.asks:
            numbers += (rank, order, _named(tenants, tenant), *charge)
        for age_ms, charge in batch.sent or ():
            numbers += (age_ms, *charge)
        if batch.recall is not None:
            *when, used, own, today = batch.recall
            numbers += (*when, *used, *own, today)
        queued = to_bytes(batch.queued) if batch.queued else b""
        return [
            _packed(numbers),
            ":" + batch.worker,
            self.names,
            queued,
            *tenants,
        ]

    def _head(self, batch: Batch, reckoned: int, now: int) -> list[int]:
        seen, stock, midnights = batch.seen, batch.stock, self._midnights
        return [
            now, batch.number, batch.in_flight, batch.lease_ms, *self._terms,
            *(_NO_SEEN if seen is None else (1, *seen)),
            *(_NO_STOCK if stock is None else (stock.units, stock.lease_ms, *stock.charge)),
            *(_NO_MIDNIGHTS if midnights is None else midnights.around(reckoned)),
            len(self._places), len(batch.reports), len(batch.returns), len(batch.settles), len(batch.observations),
            len(batch.served), len(batch.demand), len(batch.asks), -1 if batch.sent is None else len(batch.sent),
            *self._dimensions,
        ]  # fmt: skip

    def _observation(self, one: Observation) -> tuple[int, int, int, int, int]:
        remaining = -1 if one.remaining is None else max(0, one.remaining)
        limit = max(0, one.limit or 0)
        return self._places.get(one.dimension, 0), limit, remaining, one.blocked_ms, int(one.unexpected)


def _named(tenants: list[str], tenant: str) -> int:
    """Its place among them, as Lua counts; it is there from now on."""
    if tenant not in tenants:
        tenants.append(tenant)
    return tenants.index(tenant) + 1


def read_answer(batch: Batch, reply: bytes) -> Answer:
    """What the script returned for `batch`; raises ValueError for anything else."""
    dimensions, asks, tenants = len(batch.account.dimensions), len(batch.asks), len(batch.served)
    at = _ANSWER_HEAD + len(RANKS)  # where usage begins, then verdicts, then tags
    count = at + 3 * dimensions + 2 * asks + tenants
    if len(reply) < 8 * count:
        raise ValueError(f"{len(reply)} bytes")
    numbers = [int(one) for one in struct.unpack_from(f"<{count}d", reply)]
    served, usage = numbers[_ANSWER_HEAD:at], numbers[at : at + 3 * dimensions]
    verdicts = numbers[at + 3 * dimensions :]
    return Answer(
        numbers[0], numbers[1], numbers[2], numbers[3] == 1, numbers[4] == 1,
        tuple(Verdict(verdicts[2 * i], verdicts[2 * i + 1]) for i in range(asks)),
        numbers[5], numbers[6], numbers[7] == 1, tuple(numbers[8:13]), numbers[13], numbers[14],
        numbers[15],
        tuple(Usage(one.name, *usage[3 * i : 3 * i + 3]) for i, one in enumerate(batch.account.dimensions)),
        tuple(served), tuple(verdicts[2 * asks :]), _elsewhere(reply, 8 * count),
    )  # fmt: skip


def _elsewhere(reply: bytes, at: int) -> tuple[Queued, ...]:
    """What the other workers told, each after its length."""
    found: list[Queued] = []
    while at < len(reply):
        end = at + 4 + int.from_bytes(reply[at : at + 4], "little")
        found += _queued.decode(reply[at + 4 : end])
        at = end
    return tuple(sorted(found))


def _dimension(dimension: Dimension, lengths: list[int]) -> tuple[int, int, int, int, int, int, int]:
    """Kind, axis as Lua counts, limit; of the sub-window its place in `lengths` as Lua counts, length, slot and how
    long one is held.
    """
    kind = _RATE if dimension.is_rate else _CONCURRENT if dimension.axis == CONCURRENCY else _DAY
    length = dimension.burst_ms
    place = lengths.index(length) + 1 if length else 0
    return (
        kind, dimension.axis + 1, dimension.limit, place, length, slot_ms(length),
        length + jitter_ms(length),
    )  # fmt: skip


def _packed(numbers: list[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)
