"""The line: order, leaving, lateness, and what it tells."""

import pytest

from gateway.admission.bounds import Bounds
from gateway.admission.item import DEADLINE_UNREACHABLE, Accepted, Item, Refused
from tests.admission.parts import IN_ORDER, Plenty, drained, item, line, offered, yes


def test_classes_go_in_order_and_tenants_first_come_first() -> None:
    to = line()
    offered(to, item("late", 4), item("b", 1), item("c", 1), item("first", 0))
    assert drained(to) == ["first", "b", "c", "late"]


def test_earlier_deadlines_go_first_inside_a_tenant() -> None:
    to = line()
    offered(to, item("any", 2), item("soon", 2, deadline=5.0), item("sooner", 2, deadline=3.0))
    assert drained(to) == ["sooner", "soon", "any"]


def test_patience_counts_like_a_deadline() -> None:
    """What has waited nearly all of its class's patience goes before a newcomer with some time."""
    to = line()
    offered(to, item("old", 1, arrived=0.0))
    offered(to, item("new", 1, arrived=15.0, deadline=30.0), now=15.0)
    assert drained(to, now=15.0) == ["old", "new"]


def test_the_order_of_ranks_is_the_callers() -> None:
    to = line()
    offered(to, item("talk", 1), item("floored", 3))
    gone = to.pick("a", (0, 3, 1, 2, 3, 4), yes, 0.0)
    assert gone is not None and gone.id == "floored"


def test_only_what_may_use_the_account_goes() -> None:
    to = line()
    offered(to, item("other", 0, signature=("b",)), item("both", 1, signature=("b", "a")))
    assert drained(to, "a") == ["both"]
    assert drained(to, "b") == ["other"]


def test_what_an_account_does_not_serve_just_now_is_in_no_other_groups_way() -> None:
    outlook = Plenty({"a": 10.0})
    outlook.shut.add(("a", "out"))
    to = line(outlook=outlook)
    offered(to, *(item(f"out{n}", 0, group="out") for n in range(20)), item("goes", 4, group="in"))
    assert to.depth(("a",)) == 21
    gone = to.pick("a", IN_ORDER, lambda one: one.group == "in", 0.0)
    assert gone is not None and gone.id == "goes"
    outlook.shut.clear()
    offered(to, item("goes", 4, group="in"))
    assert to.pick("a", IN_ORDER, lambda one: one.group == "in", 0.0) is None, "room is held for who is next"


def test_what_waits_for_an_account_that_is_down_is_in_nobodys_way() -> None:
    to = line(outlook=Plenty({"down": float("inf")}))
    for n in range(20):
        one = item(f"stuck{n}", 0, tenant=f"t{n}", signature=("down", "a"))
        offered(to, one)
    offered(to, item("goes", 4, signature=("a",)))
    tried: list[str] = []

    def refuse_the_stuck(one: Item) -> bool:
        tried.append(one.id)
        return one.id == "goes"

    to_pass = Plenty({"a": 100.0, "down": 100.0})
    to._outlook = to_pass
    gone = to.pick("a", IN_ORDER, refuse_the_stuck, 0.0)
    assert gone is not None and gone.id == "goes"
    assert len(tried) == 5, "a crowd that does not fit costs a few tries"


def test_put_back_goes_first_again_and_costs_nothing() -> None:
    to = line()
    offered(to, *(item(f"{n}") for n in range(3)), item("u", tenant="u"))
    first = to.pick("a", IN_ORDER, yes, 0.0)
    assert first is not None and first.id == "0"
    offered(to, item("hasty", deadline=1.0))
    to.put_back(first, 0.0)
    assert drained(to)[:2] == ["0", "u"]


def test_what_went_past_the_line_can_be_put_back() -> None:
    to, one = line(), item("1")
    to.put_back(one, 1.0)
    assert to.expire(1.0) == [] and drained(to, now=1.0) == ["1"]


def test_put_back_avoiding_the_account_it_was_on() -> None:
    to, one = line(), item("1", signature=("a", "b"))
    offered(to, one)
    assert to.pick("a", IN_ORDER, yes, 0.0) is one
    one.signature = ("b",)
    to.put_back(one, 0.0)
    assert drained(to, "a") == [] and drained(to, "b") == ["1"]


def test_leaving() -> None:
    to = line()
    one, two = item("1"), item("2")
    offered(to, one, two)
    assert to.find("1") is one
    assert to.remove(one) and not to.remove(one)
    assert to.find("1") is None and drained(to) == ["2"]
    assert not to.remove(two)


def test_lateness_ends_waiting_by_deadline_and_by_patience() -> None:
    to = line()
    offered(to, item("hasty", 1, deadline=5.0), item("patient", 1), item("background", 2))
    assert to.next_expiry() == 5.0
    assert to.expire(4.9) == []
    assert [one.id for one in to.expire(5.0)] == ["hasty"]
    assert [one.id for one in to.expire(20.0)] == ["patient"]
    assert drained(to, now=20.0) == ["background"]
    assert to.next_expiry() is None


def test_what_is_late_does_not_go_and_is_still_named() -> None:
    to = line()
    offered(to, item("late", 1, deadline=5.0))
    assert to.pick("a", IN_ORDER, yes, 5.0) is None
    assert to.next_expiry() == 5.0
    assert [one.id for one in to.expire(5.0)] == ["late"]
    assert to.expire(5.0) == []


def test_what_is_late_holds_no_place() -> None:
    to = line(Bounds(1, 1000))
    offered(to, item("late", 1, deadline=5.0))
    assert isinstance(to.offer(item("next", 1, arrived=6.0), 6.0), Accepted)


def test_what_cannot_make_its_deadline_is_refused_with_an_honest_retry_after() -> None:
    to = line(outlook=Plenty(rate=1.0))
    offered(to, *(item(f"{n}", 1) for n in range(10)))
    answer = to.offer(item("hasty", 1, deadline=5.0, tenant="t"), 0.0)
    assert answer == Accepted(), "of its own tenant's work it goes before what has time"
    offered(to, *(item(f"top{n}", 0) for n in range(10)))
    answer = to.offer(item("too hasty", 1, deadline=3.0), 0.0)
    assert answer == Refused(DEADLINE_UNREACHABLE, pytest.approx(5.0)), "its class's floor yields one in 5 s"
    assert to.offer(item("top", 0, deadline=3.0, tenant="u"), 0.0) == Accepted()
    assert to.offer(item("just", 1, deadline=15.0), 0.0) == Accepted()


def test_waits_for() -> None:
    to = line()
    assert not to.waits_for("a", 4)
    offered(to, item("1", 2, signature=("a", "b")))
    assert [to.waits_for("b", rank) for rank in range(5)] == [False, False, True, True, True]
    assert not to.waits_for("c", 4)
    assert to.waiting_since("a", 2) == 0.0 and to.waiting_since("a", 1) is None


def test_memory_of_what_left_is_given_back() -> None:
    """Comings and goings on accounts that never have room leave nothing behind."""
    to = line()
    offered(to, item("stays", signature=("a", "b")))
    for n in range(5000):
        one = item(f"{n}", tenant=f"t{n % 50}", signature=("a", "b"))
        offered(to, one)
        to.remove(one)
    bucket = to._signatures.of(("a", "b"), "").buckets[1]
    assert len(bucket.lanes) == 1
    assert all(len(heap) <= 20 for heap in bucket._heaps)
    assert len(to._expiry) <= 100


def test_signatures_that_are_empty_are_forgotten() -> None:
    to = line()
    for n in range(1000):
        offered(to, item(f"{n}", signature=("a", f"only{n}")))
        assert len(drained(to)) == 1
    assert len(to._signatures) <= 65
