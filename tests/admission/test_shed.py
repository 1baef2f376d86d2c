"""Who goes when the line is full, and when classes are shut."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gateway.admission.backlog import Backlog
from gateway.admission.bounds import AXES, Bounds
from gateway.admission.classes import RANKS
from gateway.admission.item import (
    CLASS_FULL,
    LINE_FULL,
    OVERLOAD,
    TENANT_FULL,
    Accepted,
    Item,
    Refused,
)
from gateway.admission.line import Line
from gateway.admission.overload import INTERVAL_S, Overload
from tests.admission.parts import IN_ORDER, drained, item, line, offered, yes


def filled(depth_max: int, *rows: tuple[int, str, int]) -> Line:
    """A line with so many waiting of each (rank, tenant, count)."""
    to = line(Bounds(depth_max, 1 << 30))
    for rank, tenant, count in rows:
        offered(to, *(item(f"{rank}{tenant}{n}", rank, tenant) for n in range(count)))
    return to


def gone(to: Line, one: Item) -> list[str]:
    answer = to.offer(one, 0.0)
    assert isinstance(answer, Accepted)
    return [victim.id for victim in answer.victims]


def reason(to: Line, one: Item) -> str:
    answer = to.offer(one, 0.0)
    assert isinstance(answer, Refused)
    return answer.reason


def test_the_newest_of_the_largest_tenant_in_the_lowest_class_goes() -> None:
    to = filled(20, (0, "w", 9), (1, "x", 3), (1, "y", 3), (2, "x", 2), (4, "x", 1), (4, "y", 1))
    assert gone(to, item("new", 0)) == ["4x0"]
    assert gone(to, item("newer", 0)) == ["2x1"], "the other of class 4 is what it keeps for its floor"
    assert gone(to, item("newest", 0)) == ["1x2"]
    assert [backlog.count for backlog in to.backlogs.classes] == [12, 5, 1, 0, 1]


def test_the_largest_tenant_is_the_one_with_most_now() -> None:
    to = filled(20, (0, "x", 9), (0, "w", 3), (1, "x", 1), (1, "y", 2), (1, "z", 2))
    assert gone(to, item("new", 0)) == ["1y1"]
    assert gone(to, item("newer", 0, "y")) == ["1z1"]


def test_of_equal_class_the_bigger_backlog_goes() -> None:
    to = filled(20, (0, "x", 8), (0, "y", 5), (0, "z", 3))
    assert gone(to, item("new", 0, "z")) == ["0x7"]
    assert gone(to, item("newer", 0, "z")) == ["0x6"]
    assert reason(to, item("newest", 0, "z")) == LINE_FULL, "or two would throw each other out by turns"


def test_what_a_class_keeps_finds_room_in_a_full_line_and_stays() -> None:
    to = filled(20, (0, "x", 8), (0, "y", 8))
    assert reason(to, item("none", 0, "x")) == LINE_FULL
    offered(to, *(item(f"kept{rank}", rank, "k") for rank in (4, 3, 2, 1)))
    assert len(to) == 20
    assert reason(to, item("more", 4, "z")) == LINE_FULL
    assert reason(to, item("still none", 0, "x")) == LINE_FULL
    assert gone(to, item("other", 0, "z")) == ["0x7"]


def test_a_class_and_all_below_it_share_one_share() -> None:
    to = filled(20, (4, "x", 2), (3, "y", 2), (2, "y", 2), (2, "z", 2))
    assert gone(to, item("new", 2, "z")) == ["4x1"]
    assert gone(to, item("newer", 2, "x")) == ["3y1"]
    assert reason(to, item("newest", 2, "z")) == CLASS_FULL
    assert gone(to, item("urgent", 1, "x")) == [], "its own share has room"


def test_a_full_tenant_pays_with_its_own_and_not_with_others() -> None:
    to = filled(20, (4, "x", 2), (4, "y", 1), (2, "x", 2))
    assert gone(to, item("new", 2, "x")) == ["4x1"]
    assert gone(to, item("newer", 2, "x")) == ["4x0"]
    assert len(to) == 5
    assert reason(to, item("newest", 2, "x")) == TENANT_FULL
    assert gone(to, item("other", 2, "y")) == []


@given(st.integers(1, 3000), st.integers(1, 1 << 30))
def test_what_classes_keep_lies_within_the_shares_of_all(depth_max: int, bytes_max: int) -> None:
    """With room besides for one more wherever something is kept."""
    bounds = Bounds(depth_max, bytes_max)
    for axis in AXES:
        for rank in RANKS:
            row = bounds.classes[rank]
            kept = [one.keeps[axis] for one in bounds.classes[rank:]]
            assert sum(kept) < row.most[axis] or not row.keeps[axis]
            assert sum(kept) <= row.most[axis]
            assert row.tenant[axis] <= row.most[axis]


def test_tenants_and_classes_have_their_shares() -> None:
    to = filled(10, (4, "x", 1), (4, "y", 1))
    assert reason(to, item("new", 4, "x")) == TENANT_FULL
    assert reason(to, item("new", 4, "z")) == CLASS_FULL
    to = filled(20, (4, "x", 2), (4, "y", 1), (4, "w", 1))
    assert reason(to, item("other", 4, "y")) == CLASS_FULL
    assert reason(to, item("other", 4, "x")) == TENANT_FULL
    to = filled(40, (4, "x", 4), (4, "y", 2), (4, "w", 2))
    assert gone(to, item("new", 4, "z")) == ["4x3"]


def test_bytes_cost_as_many_as_it_takes() -> None:
    to = line(Bounds(100, 100))
    offered(to, *(item(f"low{n}", 4, f"t{n}", bytes=5) for n in range(3)), item("mid", 1, bytes=50))
    assert gone(to, item("large", 0, bytes=39)) == ["low0", "low1"]
    assert to.bytes == 94, "of the rest, three are kept for classes that have nothing waiting"


def test_nobody_is_shed_in_vain() -> None:
    to = line(Bounds(100, 100))
    offered(to, item("low", 4, bytes=5), item("mid", 1, bytes=30), item("top", 0, bytes=50))
    assert reason(to, item("large", 1, "u", bytes=30)) == LINE_FULL
    assert len(to) == 3


def test_a_large_body_may_wait_in_a_low_class() -> None:
    to = line(Bounds(100, 100))
    offered(to, item("large", 4, bytes=90))


def test_what_was_put_back_is_not_the_newest() -> None:
    to = filled(20, (0, "z", 8), (0, "y", 6), (4, "x", 1), (2, "x", 3))
    first = to.pick("a", (2,), yes, 0.0)
    assert first is not None
    to.put_back(first, 0.0)
    assert gone(to, item("a", 0)) == ["2x2"]
    assert gone(to, item("b", 0)) == ["2x1"]
    assert gone(to, item("c", 0)) == ["0z7"], "what was put back is kept"


def test_nobody_pays_for_what_was_put_back() -> None:
    """It may exceed the bounds; an arrival makes room for itself alone."""
    to = filled(20, (0, "x", 10), (0, "y", 6))
    out = [to.pick("a", IN_ORDER, yes, 0.0) for _ in range(4)]
    offered(to, *(item(f"more{n}", 0, "z") for n in range(4)))
    for one in out:
        assert one is not None
        to.put_back(one, 0.0)
    assert [backlog.count for backlog in to.backlogs.classes] == [20, 0, 0, 0, 0]
    offered(to, *(item(f"kept{n}", 4, "z") for n in range(1)))
    assert reason(to, item("low", 4, "w")) == LINE_FULL
    assert gone(to, item("new", 0, "w")) == ["0x9"]
    assert len(to) == 21


def test_the_largest_tenant_is_known_through_comings_and_goings() -> None:
    backlog, counts = Backlog(), dict.fromkeys("abcdefg", 0)
    for n in range(2000):
        tenant = "abcdefg"[n * n % 7]
        one = item("1", tenant=tenant, bytes=3)
        if n % 3 and counts[tenant]:
            backlog.drop(one)
            counts[tenant] -= 1
        else:
            backlog.add(one)
            counts[tenant] += 1
        assert backlog.count_of(backlog.largest()) == max(counts.values())
        assert backlog.by_tenant() == {tenant: count for tenant, count in counts.items() if count}
    assert backlog.bytes == 3 * sum(counts.values())


def test_a_class_held_up_shuts_those_below_one_by_one_and_opens_them_again() -> None:
    overload = Overload()
    overload.waits(1, 0.0)  # target 2 s
    assert overload.step(11.9) == 5
    assert overload.step(12.0) == 4
    assert overload.step(13.0) == 4
    assert overload.step(12.0 + INTERVAL_S) == 3
    assert overload.step(22.0 + INTERVAL_S / 2**0.5) == 2
    assert overload.step(100.0) == 2, "never the class held up"
    shut = []
    for now in (101.0, 105.0, 111.0, 121.0, 131.0):
        overload.goes(1, 1.9, 5, now)
        shut.append(overload.step(now))
    assert shut == [3, 3, 4, 5, 5]


def test_one_short_wait_or_an_empty_line_ends_being_held_up() -> None:
    overload = Overload()
    overload.waits(1, 0.0)
    overload.goes(1, 5.0, 3, 9.0)
    assert overload.held_up(12.0) == 1
    overload.goes(1, 1.0, 3, 12.5)
    assert overload.held_up(13.0) is None
    assert overload.held_up(22.5) == 1
    overload.empty(1)
    assert overload.held_up(50.0) is None


def shut(depth_max: int) -> Line:
    """A line in which class 1 has been held up, so that at 50 s class 4 is shut."""
    to = line(Bounds(depth_max, 1 << 30))
    offered(to, item("waits", 1, ttl=1000.0))
    return to


def test_a_shut_class_keeps_work_for_its_floor() -> None:
    to = shut(1000)
    for n in range(10):
        assert to.offer(item(f"{n}", 4, f"t{n}", arrived=50.0), 50.0) == Accepted()
    answer = to.offer(item("more", 4, arrived=50.0), 50.0)
    assert isinstance(answer, Refused) and answer.reason == OVERLOAD
    assert to.offer(item("other class", 3, arrived=50.0), 50.0) == Accepted()
    assert len(drained(to, now=50.0)) == 12


def test_a_shut_class_takes_the_places_of_lower_ones_before_it_is_refused() -> None:
    to = shut(1000)
    offered(
        to, *(item(f"low{n}", 4, f"t{n}") for n in range(12)), *(item(f"own{n}", 3, "x") for n in range(20))
    )
    to.overload.step(50.0)
    assert to.overload.step(65.0) == 3
    for victim in ("low0", "low1"):
        answer = to.offer(item(f"for {victim}", 3, "y", arrived=65.0), 65.0)
        assert isinstance(answer, Accepted) and [one.id for one in answer.victims] == [victim]
    answer = to.offer(item("for a tenant with more", 3, "y", arrived=65.0), 65.0)
    assert isinstance(answer, Accepted) and [one.id for one in answer.victims] == ["own19"]
    answer = to.offer(item("none", 3, "x", arrived=65.0), 65.0)
    assert isinstance(answer, Refused) and answer.reason == OVERLOAD


@pytest.mark.parametrize("rank", IN_ORDER)
def test_alone_a_class_is_never_shut(rank: int) -> None:
    to = line(Bounds(1000, 1 << 30))
    offered(to, *(item(f"{n}", rank, f"t{n}", ttl=1e6) for n in range(50)))
    assert to.offer(item("late", rank, arrived=1e5), 1e5) == Accepted()
