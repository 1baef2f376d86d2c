"""Invariant 9 under any arrivals: nobody goes for want of room while a lower class has more than it keeps.

And the bounds hold by count and by bytes, and what a class keeps is let in whoever waits already.
"""

import random
from collections import Counter

import hypothesis.strategies as st
from hypothesis import given, settings

from gateway.admission.bounds import AXES, COUNT, Bounds
from gateway.admission.classes import RANKS
from gateway.admission.item import CLASS_FULL, LINE_FULL, OVERLOAD, TENANT_FULL, Item, Refused
from gateway.admission.line import Line
from tests.admission.parts import item, line
from tests.admission.shedding import Shedding

ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(RANKS),
        st.sampled_from(["one", "one", "one", "two", "three"]),
        st.sampled_from([0, 1, 1, 1, 3, 30, 120]),
        st.integers(0, 9),
    ),
    min_size=20,
    max_size=150,
)


class Offers:
    """Arrivals one after another, each checked; some of those who wait leave."""

    def __init__(self, bounds: Bounds, shut_from: int) -> None:
        self.bounds = bounds
        self.to: Line = line(bounds)
        self.to.overload.shut_from = shut_from
        self.to.overload._next = 1e9  # as it is, it stays
        self.waiting: list[Item] = []
        self.seen: Counter[str] = Counter()

    def offer(self, one: Item) -> None:
        before = Shedding(self.bounds, self.waiting)
        limits, kept = before.limits(), self.is_kept(before, one)
        answer = self.to.offer(one, 0.0)
        if isinstance(answer, Refused):
            self.seen[answer.reason] += 1
            before.check_refusal(one, answer.reason)
            assert not kept
            return
        self.waiting = [*self.waiting, one]
        for victim in answer.victims:
            self.seen["victim"] += 1
            Shedding(self.bounds, self.waiting).check_victim(one, victim)
            self.waiting.remove(victim)
        assert not (kept and answer.victims)
        shut_from = self.to.overload.shut_from
        if one.rank >= shut_from:
            assert Shedding(self.bounds, self.waiting).held(shut_from, COUNT) <= before.held(shut_from, COUNT)
        assert Shedding(self.bounds, self.waiting).within(limits)
        assert len(self.to) == len(self.waiting) <= self.bounds.depth_max
        assert self.to.bytes == sum(other.bytes for other in self.waiting) <= self.bounds.bytes_max

    def is_kept(self, before: Shedding, one: Item) -> bool:
        """Whether it is within what its class keeps."""
        keeps, needs = self.bounds.classes[one.rank].keeps, (1, one.bytes)
        return all(before.amount(one.rank, axis) + needs[axis] <= keeps[axis] for axis in AXES)

    def leave(self, at: int) -> None:
        if at < len(self.waiting):
            self.to.remove(self.waiting.pop(at))


@given(
    ARRIVALS, st.sampled_from([(12, 100), (30, 200), (30, 1 << 30), (3, 60)]), st.sampled_from([5, 5, 4, 2])
)
@settings(max_examples=300, deadline=None)
def test_only_the_lowest_class_with_more_than_it_keeps_goes(
    arrivals: list[tuple[int, str, int, int]], most: tuple[int, int], shut_from: int
) -> None:
    offers = Offers(Bounds(*most), shut_from)
    for number, (rank, tenant, size, leaver) in enumerate(arrivals):
        offers.offer(item(f"{number}", rank, tenant, bytes=size, ttl=1e6))
        if leaver < 2:
            offers.leave(leaver)


def test_every_way_to_go_is_met() -> None:
    """Or the property would say little."""
    seen: Counter[str] = Counter()
    draw = random.Random(1)
    for shut_from in (5, 2):
        offers = Offers(Bounds(30, 200), shut_from)
        for number in range(400):
            tenant, rank = draw.choice(["one", "one", "two", "three"]), draw.choice(RANKS)
            offers.offer(item(f"{number}", rank, tenant, bytes=draw.choice([0, 1, 5, 40]), ttl=1e6))
            offers.leave(draw.randrange(60))
        seen += offers.seen
    assert min(seen[way] for way in (LINE_FULL, CLASS_FULL, TENANT_FULL, OVERLOAD, "victim")) > 0


def test_the_top_class_cannot_starve_the_others_of_places() -> None:
    offers = Offers(Bounds(1000, 1 << 30), 5)
    for number in range(2000):
        offers.offer(item(f"{number}", 0, f"t{number % 9}"))
    keeps = [row.keeps[COUNT] for row in offers.bounds.classes]
    assert len(offers.to) == 1000 - sum(keeps)
    for rank in RANKS[1:]:
        for number in range(keeps[rank]):
            offers.offer(item(f"{rank}/{number}", rank, "only"))
    assert [backlog.count for backlog in offers.to.backlogs.classes[1:]] == keeps[1:]
