"""Tenants of one class: who gets how much."""

import random

import pytest

from gateway.admission.fairness import VirtualService
from gateway.admission.ledger import Ask, Served
from gateway.admission.named import named
from gateway.charge import Charge
from tests.admission.parts import IN_ORDER, item, line, offered, yes


def contend(offers: dict[str, int], weights: dict[str, float], rounds: int, seed: int) -> dict[str, float]:
    """The service that tenants got who offer so many items a turn, of random cost, when one goes each turn.

    What is predicted is off by up to a factor of two; the truth is told some turns later.
    """
    rng = random.Random(seed)
    to, count = line(), 0
    got = dict.fromkeys(offers, 0.0)
    under_way = []
    for turn in range(rounds):
        for tenant, many in offers.items():
            if to.backlogs.classes[1].count_of(tenant) > 50:
                continue
            for _ in range(many):
                count += 1
                share = rng.uniform(0.0005, 0.002)
                one = item(f"{count}", tenant=tenant, weight=weights[tenant], share=share, ttl=1e9)
                offered(to, one)
        gone = to.pick("a", IN_ORDER, yes, 0.0)
        assert gone is not None
        under_way.append((turn + rng.randrange(20), gone, gone.share * rng.uniform(0.5, 2.0)))
        for one in [one for one in under_way if one[0] <= turn]:
            under_way.remove(one)
            to.settle(one[1], one[2])
            got[one[1].tenant] += one[2]
    return got


@pytest.mark.parametrize("seed", range(4))
def test_of_two_equal_tenants_one_offering_ten_times_both_get_the_same(seed: int) -> None:
    got = contend({"quiet": 1, "loud": 10}, {"quiet": 1.0, "loud": 1.0}, 1500, seed)
    assert got["loud"] == pytest.approx(got["quiet"], rel=0.05)


def test_weights_divide_service() -> None:
    got = contend({"one": 2, "three": 2}, {"one": 1.0, "three": 3.0}, 1500, 1)
    assert got["three"] == pytest.approx(3 * got["one"], rel=0.05)


def test_many_tenants_get_the_same() -> None:
    names = [f"t{n}" for n in range(20)]
    got = contend({name: 1 + n % 3 for n, name in enumerate(names)}, dict.fromkeys(names, 1.0), 4000, 2)
    mean = sum(got.values()) / 20
    assert all(one == pytest.approx(mean, rel=0.05) for one in got.values())


def test_idle_time_earns_no_credit() -> None:
    to = line()
    offered(to, *(item(f"busy{n}", tenant="busy") for n in range(200)))
    for _ in range(100):
        to.pick("a", IN_ORDER, yes, 0.0)
    offered(to, *(item(f"back{n}", tenant="back") for n in range(100)))
    first = [to.pick("a", IN_ORDER, yes, 0.0) for _ in range(40)]
    assert abs(sum(one is not None and one.tenant == "back" for one in first) - 20) <= 1


def test_having_been_alone_is_no_debt() -> None:
    """Alone on one account for long, a tenant shares another from the first request on."""
    to = line()
    offered(to, *(item(f"x{n}", tenant="one", signature=("x",)) for n in range(500)))
    while to.pick("x", IN_ORDER, yes, 0.0):
        pass
    offered(to, *(item(f"one{n}", tenant="one") for n in range(50)))
    offered(to, *(item(f"two{n}", tenant="two") for n in range(50)))
    first = [to.pick("a", IN_ORDER, yes, 0.0) for _ in range(20)]
    assert abs(sum(one is not None and one.tenant == "one" for one in first) - 10) <= 1


def test_a_tenant_stuck_elsewhere_holds_nobodys_clock_still() -> None:
    """One that waits for an account that is down does not let newcomers in ahead of those served meanwhile."""
    to = line()
    offered(to, item("stuck", tenant="stuck", signature=("down",)))
    offered(to, *(item(f"{t}{n}", tenant=t) for t in ("one", "two") for n in range(100)))
    for _ in range(100):
        to.pick("a", IN_ORDER, yes, 0.0)
    offered(to, *(item(f"new{n}", tenant="new") for n in range(50)))
    first = [to.pick("a", IN_ORDER, yes, 0.0) for _ in range(30)]
    assert abs(sum(one is not None and one.tenant == "new" for one in first) - 10) <= 1


def test_what_was_predicted_is_corrected() -> None:
    service = VirtualService()
    one = item("1", share=0.1)
    service.serve(one)
    service.correct(one, 0.3)
    assert service.start("t") == pytest.approx(0.3)


def test_more_than_predicted_counts_against_the_forgotten_too() -> None:
    service = VirtualService()
    service.correct(item("1", share=0.1), 0.3)
    assert service.start("t") == pytest.approx(0.2)
    service.correct(item("1", tenant="u", share=0.1), 0.0)
    assert service.start("u") == 0.0


def test_counters_are_bounded() -> None:
    service = VirtualService()
    for n in range(20_000):
        service.serve(item(f"{n}", tenant=f"t{n}", share=0.01 if n % 2 else 0.0))
    assert len(service) <= 4096


def test_tags_learned_are_as_far_apart_as_the_ledger_has_them_and_only_grow() -> None:
    service = VirtualService()
    assert service.tell(9) == {}
    for tenant, share in (("a", 0.1), ("b", 0.1), ("b", 0.1)):
        service.serve(item(tenant, tenant=tenant, share=share))
    assert service.tell(1) == {"a": 100_000} and service.tell(1) == {"b": 200_000}
    before = {tenant: service.start(tenant) for tenant in "ab"}
    service.serve(item("more", tenant="a", share=0.05))
    service.learn({"a": 7_300_000, "b": 7_000_000})
    after = {tenant: service.start(tenant) for tenant in "ab"}
    assert after["a"] - after["b"] == pytest.approx(0.35), "with what it was not told yet"
    assert after["b"] == pytest.approx(before["b"]) and after["a"] > before["a"]


def test_nothing_is_lost_of_what_is_too_little_to_be_told() -> None:
    service = VirtualService()
    service.tell(9)
    told = 0
    for _ in range(100):
        service.serve(item("x", tenant="a", share=0.000_000_25))
        told += service.tell(9).get("a", 0)
    assert told == 25


def test_a_batch_names_all_who_are_asked_for() -> None:
    served = (Served(1, "x", 5), Served(2, "x", 3))
    asks = (Ask(Charge(1), 1, 0, "x"), Ask(Charge(1), 1, 0, "y"), Ask(Charge(1), 0))
    first = named(served, asks)
    assert first == (Served(1, "x", 5, True), Served(2, "x", 3), Served(1, "y", 0, True))
    assert named(first, asks[:1]) == (Served(1, "x", 5, True), Served(2, "x", 3), Served(1, "y"))
