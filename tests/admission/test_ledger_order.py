"""Every ledger alike: who goes first among all that wait, at whichever worker."""

from collections import Counter

from gateway.admission.classes import CLASSES
from gateway.admission.dimension import Dimension
from gateway.admission.ledger import (
    Ask,
    Batch,
    Demand,
    Queued,
    Served,
)
from gateway.admission.tenant_tags import TAG_MS, WAITS_MS
from gateway.charge import Charge
from tests.admission.ledgers import LedgerUnderTest, asks, granted, terms

ONE = Charge(1)


async def test_more_urgent_work_elsewhere_comes_first(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 100))
    filled = await ledger.exchange(Batch(account, "fill", 1, asks=asks(50) + asks(29, rank=1)))
    assert granted(filled) == 79
    waiting = (Demand(0, 20, Charge(20), ONE),)
    await ledger.exchange(Batch(account, "urgent", 1, demand=waiting))
    held = await ledger.exchange(Batch(account, "late", 1, asks=asks(1, rank=0) + asks(1, rank=2)))
    assert [one.granted for one in held.verdicts] == [True, False]
    assert held.contention and held.waiting[0] == 20
    ledger.now += 501  # nobody renewed that row
    free = await ledger.exchange(Batch(account, "late", 2, asks=asks(1, rank=0)))
    assert granted(free) == 1 and not free.contention


async def test_floors_are_kept_against_the_top_class_too(ledger: LedgerUnderTest) -> None:
    """Over twice the ceiling of the top class at one worker, and two other classes elsewhere."""
    account, got = terms(Dimension("rpm", 600)), Counter[int]()
    for step in range(1, 361 * 5):
        ledger.now += 200
        for worker, rank, wanted in (("loud", 0, 5), ("quiet", 2, 5), ("quiet too", 4, 5)):
            answer = await ledger.exchange(Batch(account, worker, step, asks=asks(wanted, rank=rank)))
            if step > 240 * 5:
                got[rank] += granted(answer)
    for rank in (2, 4):
        assert got[rank] >= CLASSES[rank].floor * sum(got.values()) * 0.97, got
    assert got[0] >= 2 * 600 * 0.88 and sum(got.values()) >= 2 * 600 * 0.98, got


def queued(rank: int, tenant: str, count: float) -> Queued:
    return Queued(rank, tenant, 1.0, 0.25, 0.0, count, count / 1000, count, count * 9.5, 0.0, count * 9.5)


async def test_what_waits_is_told_to_the_other_workers_as_it_was_said(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 2))
    mine, more = (queued(1, "x", 4.5), queued(3, "käse", 1.0)), (queued(1, "x", 2.0),)
    first = await ledger.exchange(Batch(account, "a", 1, queued=mine, asks=asks(4, rank=1)))
    assert granted(first) == 1 and first.elsewhere == ()
    assert (await ledger.exchange(Batch(account, "b", 1))).elsewhere == mine
    answer = await ledger.exchange(Batch(account, "b", 2, queued=more, asks=asks(3)))
    assert answer.elsewhere == mine
    assert (await ledger.exchange(Batch(account, "c", 1))).elsewhere == (more[0], *mine)
    await ledger.exchange(Batch(account, "a", 2))  # nothing waits there any more
    assert (await ledger.exchange(Batch(account, "c", 2))).elsewhere == more
    ledger.now += 501  # nobody renewed that
    assert (await ledger.exchange(Batch(account, "c", 3))).elsewhere == ()


async def test_who_is_not_asked_for_yet_has_their_place_among_all(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("concurrency", 1))
    assert granted(await ledger.exchange(Batch(account, "busy", 1, asks=asks(1)))) == 1
    waits = (Served(2, "t", waits=True),)
    older = (Demand(2, 3, Charge(3), ONE, 5, "t"),)
    await ledger.exchange(Batch(account, "a", 1, served=waits, demand=older))
    await ledger.exchange(Batch(account, "busy", 2))
    for number, order, first in ((1, 6, False), (2, 4, True)):
        ask = (Ask(ONE, 2, order, "t"),)
        answer = await ledger.exchange(Batch(account, "b", number, served=waits, asks=ask))
        assert answer.verdicts[0].granted is first


async def test_of_a_class_goes_first_whose_tenant_was_served_least_by_all_workers(
    ledger: LedgerUnderTest,
) -> None:
    account = terms(Dimension("concurrency", 1))
    assert granted(await ledger.exchange(Batch(account, "busy", 1, asks=asks(1)))) == 1
    x, y = (Ask(ONE, 1, order, tenant) for order, tenant in ((1, "x"), (2, "y")))
    waits = {"a": (Served(1, "x", 9, True), Served(1, "y", 8, True)), "b": (Served(1, "y", waits=True),)}
    for worker, ask in (("a", x), ("b", y)):
        assert not granted(
            await ledger.exchange(Batch(account, worker, 1, served=waits[worker], asks=(ask,)))
        )
    await ledger.exchange(Batch(account, "busy", 2))
    waits = {"a": (Served(1, "x", waits=True),), "b": (Served(1, "y", 2, waits=True),)}  # 9 and then 10
    assert not granted(await ledger.exchange(Batch(account, "a", 2, served=waits["a"], asks=(x,))))
    assert not granted(await ledger.exchange(Batch(account, "b", 2, served=waits["b"], asks=(y,))))
    assert granted(await ledger.exchange(Batch(account, "a", 3, served=waits["a"], asks=(x,))))


async def test_who_comes_to_wait_stands_where_the_least_served_stands(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 5))
    both = (Served(2, "x", 100, True), Served(2, "y", 130, True))
    assert (await ledger.exchange(Batch(account, "a", 1, served=both))).tags == (100, 130)
    answer = await ledger.exchange(Batch(account, "b", 1, served=(Served(2, "x", -20), Served(2, "z"))))
    assert answer.tags == (100, 100), "nobody falls behind the least"
    assert (await ledger.exchange(Batch(account, "b", 2, served=(Served(1, "z"),)))).tags == (0,), "by class"
    ledger.now += WAITS_MS
    served = (Served(2, "y", 5, True), Served(2, "z"))
    assert (await ledger.exchange(Batch(account, "b", 3, served=served))).tags == (135, 135), (
        "x waits no more"
    )
    ledger.now += TAG_MS
    assert (await ledger.exchange(Batch(account, "b", 4, served=(Served(2, "y"),)))).tags == (135,)
