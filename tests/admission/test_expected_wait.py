"""Position and expected wait."""

from math import inf

import pytest

from gateway.admission.ledger import Queued
from gateway.admission.supply import left_for
from tests.admission.parts import IN_ORDER, Plenty, item, line, offered, yes


def test_alone_the_wait_is_that_for_room() -> None:
    to = line(outlook=Plenty({"a": 3.0, "b": 2.0}, rate=1.0))
    assert to.expected(item("1", signature=("a", "b")), 0.0) == (0, 2.0)


def test_work_ahead_goes_by_rate_and_accounts_of_a_signature_are_one_pool() -> None:
    to = line(outlook=Plenty(rate=1.0))
    offered(to, *(item(f"{n}", 0, signature=("a", "b")) for n in range(10)))
    assert to.expected(item("new", 0, signature=("a", "b")), 0.0) == (10, pytest.approx(5.0))
    assert to.expected(item("new", 0, signature=("a",)), 0.0) == (5, pytest.approx(5.0))
    assert to.expected(item("new", 0, signature=("c",)), 0.0) == (0, 0.0)


def test_the_scarcest_dimension_counts() -> None:
    outlook = Plenty()
    outlook.rates = lambda _account: (10.0, 100.0, 50.0, inf)  # type: ignore[method-assign]
    to = line(outlook=outlook)
    offered(to, *(item(f"{n}", 0) for n in range(10)))  # 1 request, 100 in, 100 out each
    assert to.expected(item("new", 0), 0.0).wait_s == pytest.approx(20.0)


def test_of_other_tenants_only_what_virtual_service_puts_before_it_is_ahead() -> None:
    to = line(outlook=Plenty(rate=1.0))
    offered(to, *(item(f"loud{n}", 0, "loud", ttl=1e3) for n in range(40)))
    assert to.expected(item("new", 0, "quiet"), 0.0).position == 0
    offered(to, item("quiet0", 0, "quiet"), item("quiet1", 0, "quiet"))
    assert to.expected(item("new", 0, "quiet"), 0.0).position == 4
    assert to.expected(item("new", 0, "loud"), 0.0).position == 42


def test_a_crowd_is_taken_together() -> None:
    to = line(outlook=Plenty(rate=1.0))
    for n in range(30):
        offered(to, *(item(f"{n}-{i}", 0, f"t{n}", ttl=1e3) for i in range(10)))
    assert to.expected(item("new", 0, "t7"), 0.0).position == 300
    third = to.find("7-5")
    assert third is not None and to.expected(third, 0.0).position == 150


def test_who_never_runs_dry_is_expected_to_go_on() -> None:
    to = line(outlook=Plenty(rate=1.0))
    offered(to, item("other", 0, "other", ttl=1e3), *(item(f"{n}", 0, "mine", ttl=1e3) for n in range(50)))
    assert to.expected(item("new", 0, "mine"), 0.0) == (51, pytest.approx(51.0))
    for n in range(40):
        offered(to, item(f"more{n}", 0, "other", ttl=1e3))
        assert to.pick("a", IN_ORDER, yes, 0.0) is not None
    forecast = to.expected(item("new", 0, "mine"), 0.0)
    assert forecast.position == 51
    assert forecast.wait_s == pytest.approx(60.0, abs=3.0), "30 of its own, and 30 of the other's"


def test_a_deadline_goes_before_what_has_time() -> None:
    to = line(outlook=Plenty(rate=1.0))
    offered(to, *(item(f"{n}", 2, ttl=1e3) for n in range(300)))
    assert to.expected(item("new", 2, ttl=1e3), 0.0).position == 300
    hasty = item("hasty", 2, deadline=400.0)
    hasty.expires_at, hasty.order = 400.0, 1000
    assert to.expected(hasty, 0.0).position == 0


def test_one_who_might_come_is_expected_where_it_would_stand() -> None:
    to = line(outlook=Plenty(rate=1.0))
    offered(to, *(item(f"{n}", 0, deadline=50.0, ttl=1e3) for n in range(3)))
    hurried = item("new", 0, deadline=50.0, ttl=1e3)
    foreseen = to.expected(hurried, 0.0)
    offered(to, hurried)
    assert foreseen == to.expected(hurried, 0.0) == (3, pytest.approx(3.0))
    assert to.expected(item("soonest", 0, deadline=40.0, ttl=1e3), 0.0).position == 0


def test_who_came_back_does_not_stand_behind_what_came_later_for_other_accounts() -> None:
    to = line(outlook=Plenty(rate=1.0))
    offered(to, item("back", 2))
    back = to.pick("a", IN_ORDER, yes, 0.0)
    assert back is not None
    to.put_back(back, 0.0)
    offered(to, item("second", 2), *(item(f"{n}", 2, signature=("a", "b")) for n in range(10)))
    second = to.find("second")
    assert second is not None
    assert to.expected(back, 0.0).position == 0
    assert to.expected(second, 0.0).position < 3, "the ten came later"


def test_what_is_left_for_a_class() -> None:
    took = (0.1, 0.3, 0.2, 0.2, 0.01)
    assert left_for(0, took) == pytest.approx(1.0 - 0.2 - 0.08 - 0.04 - 0.01)
    assert left_for(2, took) == pytest.approx(0.6 - 0.04 - 0.01)
    assert left_for(3, (0.5, 0.5, 0.0, 0.0, 0.0)) == 0.04, "its floor"


def test_the_floor_serves_a_class_behind_any_number_of_more_urgent() -> None:
    outlook = Plenty(rate=10.0)
    outlook.took = [0.5, 0.5, 0.0, 0.0, 0.0]
    to = line(outlook=outlook)
    offered(to, *(item(f"urgent{n}", 0, ttl=1e6) for n in range(1000)), item("mine", 2))
    assert to.expected(item("new", 2), 0.0).wait_s == pytest.approx(2 / (10.0 * 0.08))


def away(rank: int, tenant: str, count: float, oldest_s: float = 5.0, **more: float) -> Queued:
    """So many items as `item` makes them, at other workers."""
    named = {"weight": 1.0, "gone": 0.0, **more}
    return Queued(
        rank, tenant, oldest_s=oldest_s, count=count, share=0.001 * count, requests=count,
        input=100 * count, output=100 * count, tokens=200 * count, **named,
    )  # fmt: skip


def test_what_waits_at_other_workers_is_ahead_like_what_waits_here() -> None:
    outlook = Plenty(rate=1.0)
    outlook.away = [away(0, "x", 3), away(1, "t", 8), away(1, "t", 2), away(2, "t", 50)]
    to = line(outlook=outlook)
    assert to.expected(item("first"), 0.0) == (13, pytest.approx(13.0)), "and the lower class is not"
    offered(to, *(item(f"{n}", arrived=0.0) for n in range(5)))
    assert to.expected(item("new"), 0.0) == (18, pytest.approx(18.0))


def test_of_its_own_tenants_work_elsewhere_what_came_earlier_is_ahead() -> None:
    outlook = Plenty(rate=1.0)
    outlook.away = [away(1, "t", 10, oldest_s=8.0)]
    to = line(outlook=outlook)
    offered(to, item("mine", arrived=4.0), now=4.0)
    mine = to.find("mine")
    assert mine is not None
    assert to.expected(mine, 4.0).position == 10
    assert to.expected(mine, 8.0).position == 5, "ten came evenly in eight seconds"
    assert to.expected(mine, 12.5).position == 0


def test_what_a_tenant_has_here_and_elsewhere_is_one_lane_of_its_own() -> None:
    outlook = Plenty(rate=1.0)
    outlook.away = [away(1, "loud", 100)]
    to = line(outlook=outlook)
    offered(to, *(item(f"loud{n}", tenant="loud", ttl=1e3) for n in range(50)))
    assert to.expected(item("new", tenant="quiet"), 0.0).position == 0
    offered(to, item("quiet0", tenant="quiet"), item("quiet1", tenant="quiet"))
    assert to.expected(item("new", tenant="quiet"), 0.0).position == 4, "and not two at each place"
    outlook.away = [away(1, "quiet", 3), away(1, "loud", 100)]
    assert to.expected(item("new", tenant="quiet", arrived=1.0), 1.0).position == 10
    assert to.expected(item("new", tenant="loud", arrived=1.0), 1.0).position == 155


def test_who_brings_more_elsewhere_is_expected_to_go_on() -> None:
    outlook = Plenty(rate=1.0)
    outlook.away = [away(1, "other", 1, gone=1.0)]
    to = line(outlook=outlook)
    offered(to, *(item(f"{n}", tenant="mine", ttl=1e3) for n in range(20)))
    assert to.expected(item("new", tenant="mine"), 0.0) == (21, pytest.approx(40.0))


def test_a_crowd_here_or_elsewhere_is_taken_together() -> None:
    outlook = Plenty(rate=1.0)
    outlook.away = [away(1, "", 300, weight=30.0)]
    to = line(outlook=outlook)
    offered(to, *(item(f"{n}", tenant="t7", ttl=1e3) for n in range(10)))
    assert to.expected(item("new", tenant="t7"), 0.0).position == 310
    outlook.away = [away(1, f"t{n}", 10) for n in range(30)]
    assert to.expected(item("new", tenant="t7"), 1.0).position == 310


def test_what_is_told_of_a_line_is_what_waits_there_by_class_and_tenant() -> None:
    to = line()
    offered(to, *(item(f"{n}", 1, "t", arrived=float(n)) for n in range(4)), item("low", 3, "u"), now=4.0)
    offered(to, item("shared", 1, "t", ("b", "a"), arrived=4.0), item("elsewhere", 1, "t", ("b",)), now=4.0)
    told = {(one.rank, one.tenant): one for one in to.queued("a", 10.0)}
    assert told.keys() == {(1, "t"), (3, "u")}
    mine = told[1, "t"]
    assert (mine.count, mine.requests, mine.input, mine.oldest_s) == (4.5, 4.5, 450, 10.0)
    assert mine.share == pytest.approx(0.0045)
    offered(to, *(item(f"many{n}", 2, f"t{n}", weight=2.0) for n in range(20)), now=4.0)
    (crowd,) = [one for one in to.queued("a", 10.0) if one.rank == 2]
    assert (crowd.tenant, crowd.count, crowd.weight) == ("", 20, 40.0)
