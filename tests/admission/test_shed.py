"""Who goes when the line is full, and when classes are shut."""

import pytest

from gateway.admission.backlog import Backlog
from gateway.admission.bounds import Bounds
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
    to = filled(10, (1, "x", 3), (1, "y", 3), (2, "x", 2), (4, "x", 1), (4, "y", 1))
    assert gone(to, item("new", 0)) == ["4x0"]
    assert gone(to, item("newer", 0)) == ["4y0"]
    assert gone(to, item("newest", 0)) == ["2x1"]
    assert len(to) == 10


def test_the_largest_tenant_is_the_one_with_most_now() -> None:
    to = filled(10, (0, "x", 5), (1, "x", 1), (1, "y", 2), (1, "z", 2))
    assert gone(to, item("new", 0)) == ["1y1"]
    assert gone(to, item("newer", 0, "y")) == ["1z1"]


def test_of_equal_class_the_bigger_backlog_goes() -> None:
    to = filled(10, (0, "x", 5), (0, "y", 3), (0, "z", 2))
    assert gone(to, item("new", 0, "z")) == ["0x4"]
    assert reason(to, item("newer", 0, "z")) == LINE_FULL, "or two would throw each other out by turns"
    assert reason(to, item("other", 1, "z")) == LINE_FULL


def test_tenants_and_classes_have_their_shares() -> None:
    to = filled(10, (4, "x", 1), (4, "y", 1))
    assert reason(to, item("new", 4, "x")) == TENANT_FULL
    assert reason(to, item("new", 4, "z")) == CLASS_FULL
    to = filled(20, (4, "x", 2), (4, "y", 1), (4, "w", 1))
    assert reason(to, item("other", 4, "y")) == CLASS_FULL
    assert reason(to, item("other", 4, "x")) == TENANT_FULL
    assert gone(to, item("new", 4, "z")) == ["4x1"]


def test_bytes_cost_as_many_as_it_takes() -> None:
    to = line(Bounds(100, 100))
    offered(to, *(item(f"low{n}", 4, f"t{n}", bytes=5) for n in range(3)), item("mid", 1, bytes=50))
    assert gone(to, item("large", 0, bytes=44)) == ["low0", "low1"]
    assert to.bytes == 99


def test_nobody_is_shed_in_vain() -> None:
    to = line(Bounds(100, 100))
    offered(to, item("low", 4, bytes=5), item("mid", 1, bytes=30), item("top", 0, bytes=50))
    assert reason(to, item("large", 1, "u", bytes=30)) == LINE_FULL
    assert len(to) == 3


def test_a_large_body_may_wait_in_a_low_class() -> None:
    to = line(Bounds(100, 100))
    offered(to, item("large", 4, bytes=90))


def test_what_was_put_back_is_not_the_newest() -> None:
    to = filled(10, (0, "z", 4), (0, "y", 3), (4, "x", 1), (2, "x", 2))
    first = to.pick("a", (2,), yes, 0.0)
    assert first is not None
    to.put_back(first, 0.0)
    assert gone(to, item("a", 0)) == ["4x0"]
    assert gone(to, item("b", 0)) == ["2x1"]


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


def test_a_shut_class_keeps_work_for_its_floor() -> None:
    to = line(Bounds(1000, 1 << 30))
    offered(to, item("waits", 1, ttl=1000.0))
    for n in range(20):
        assert to.offer(item(f"{n}", 4, f"t{n}", arrived=50.0), 50.0) == Accepted()
    answer = to.offer(item("more", 4, arrived=50.0), 50.0)
    assert isinstance(answer, Refused) and answer.reason == OVERLOAD
    assert to.offer(item("other class", 3, arrived=50.0), 50.0) == Accepted()
    assert len(drained(to, now=50.0)) == 22


@pytest.mark.parametrize("rank", IN_ORDER)
def test_alone_a_class_is_never_shut(rank: int) -> None:
    to = line(Bounds(1000, 1 << 30))
    offered(to, *(item(f"{n}", rank, f"t{n}", ttl=1e6) for n in range(50)))
    assert to.offer(item("late", rank, arrived=1e5), 1e5) == Accepted()
