"""The ledger cut off or forgetful: leases are spent, then what the mode allows; and all is well when it is back."""

import asyncio

import pytest

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.ledger import Observation
from gateway.admission.memory_ledger import MemoryLedger
from gateway.charge import Charge
from tests.admission.charging import worst
from tests.admission.leases.fleet import ONE, Fleet
from tests.admission.ledgers import terms


def account(rpm: int, permille: int = 5, *more: Dimension) -> AccountTerms:
    return terms(Dimension("rpm", rpm), *more, set_aside_permille=permille)


async def warm(fleet: Fleet, count: int = 20) -> None:
    """Each worker has sent a little, and has stock."""
    for line in fleet.lines:
        for _ in range(count):
            line.arrive()
            await fleet.passes(0.02)


def cut(fleet: Fleet, workers: int, *, mended: bool = False) -> None:
    for road in fleet.roads[:workers]:
        road.cut = not mended


async def fill(fleet: Fleet, seconds: int, per_second: int) -> None:
    for _ in range(seconds * per_second):
        for line in fleet.lines:
            if not line.waiting[1]:
                line.arrive()
        await fleet.passes(1 / per_second)


@pytest.mark.parametrize(
    ("mode", "least", "most"), [("closed", 0, 0), ("safe_share", 8, 20), ("open", 500, 500)]
)
async def test_leases_are_spent_and_then_the_mode_decides(mode: str, least: int, most: int) -> None:
    """A safe share is a third of the forty a minute that are set aside, its burst credit a third of that."""
    away: list[bool] = []
    fleet = Fleet(account(4_000, 10), 3, on_ledger_loss=mode, on_degraded=away.append)
    line = fleet.lines[0]
    await warm(fleet)
    cut(fleet, 1)
    await fleet.passes(1.2)  # a heartbeat finds out
    assert away == [True] and line.leases.mode(fleet.time.now()) == "leases"
    in_hand = line.leases._channels[fleet.terms.id].lots.stock(ONE, fleet.time.now())
    before = len(fleet.sent)
    for _ in range(500 + in_hand):
        line.arrive()
    await fleet.passes(3.0)
    assert line.leases.mode(fleet.time.now()) == mode
    await fleet.passes(57.0)
    assert in_hand > 0 and in_hand + least <= len(fleet.sent) - before <= in_hand + most
    cut(fleet, 1, mended=True)
    await fleet.passes(40.0)
    assert away == [True, False] and line.leases.mode(fleet.time.now()) is None
    assert not any(line.waiting)
    await fleet.aclose()


@pytest.mark.parametrize("paced", [True, False])
async def test_a_ledger_that_goes_while_nobody_asks_is_missed_and_its_return_seen(paced: bool) -> None:
    away: list[bool] = []
    fleet = Fleet(terms(Dimension("rpm", 600), paced=paced), 1, on_degraded=away.append)
    await fleet.passes(300.0)
    cut(fleet, 1)
    await fleet.passes(1.1)
    assert away == [True]
    cut(fleet, 1, mended=True)
    await fleet.passes(1.1)
    assert away == [True, False]
    await fleet.aclose()


async def test_an_account_that_is_closed_does_not_take_the_trying_with_it() -> None:
    away: list[bool] = []
    fleet = Fleet(account(600), 1, on_degraded=away.append)
    await warm(fleet, 1)
    cut(fleet, 1)
    await fleet.until(lambda: away == [True])  # by its call
    fleet.lines[0].leases.close_account(fleet.terms.id)
    await fleet.passes(5.0)
    cut(fleet, 1, mended=True)
    await fleet.passes(1.1)
    assert away == [True, False]
    await fleet.aclose()


async def test_cut_off_and_connected_stay_within_the_ceiling_together() -> None:
    fleet = Fleet(account(600, 50), 4)
    await warm(fleet, 5)
    cut(fleet, 2)
    await fill(fleet, 200, 10)
    await fleet.aclose()
    assert worst([(at, 1) for at, _ in fleet.sent], 60_000) <= 600
    minute = fleet.time.now() - 60_000
    # The connected use what is granted, 570 less what pacing takes, and each of the others its seven.
    assert sum(at >= minute for at, _ in fleet.sent) >= 0.98 * 570 + 10


async def test_a_ledger_that_forgot_is_taught_the_last_minute() -> None:
    fleet = Fleet(account(100), 3)
    await fill(fleet, 40, 5)
    assert 60 < len(fleet.sent) <= 100
    forgot = MemoryLedger(fleet.time)
    for road in fleet.roads:
        road.ledger = forgot
    await fill(fleet, 200, 5)
    await fleet.aclose()
    assert worst([(at, 1) for at, _ in fleet.sent], 60_000) <= 100
    minute = fleet.time.now() - 60_000
    assert sum(at >= minute for at, _ in fleet.sent) >= 95  # and it grants as before


async def test_a_safe_share_is_part_of_what_it_is_taught() -> None:
    fleet = Fleet(account(6_000, 50), 1)
    await warm(fleet)
    cut(fleet, 1)
    await fleet.passes(5.0)
    for _ in range(100):
        fleet.lines[0].arrive()
    sent = len(fleet.sent)
    assert sent > 80
    fleet.roads[0].ledger = MemoryLedger(fleet.time)
    cut(fleet, 1, mended=True)
    await fleet.passes(1.5)
    told = next(batch.sent for batch in fleet.roads[0].batches if batch.sent is not None)
    assert sum(one.charge.requests for one in told) >= sent
    await fleet.aclose()


async def test_leases_of_a_ledger_that_forgot_are_void() -> None:
    fleet = Fleet(account(60_000), 1)
    await warm(fleet)
    line = fleet.lines[0]
    channel = line.leases._channels[fleet.terms.id]
    assert channel.lots.places > 0
    fleet.roads[0].ledger = MemoryLedger(fleet.time)
    fleet.roads[0].batches.clear()
    await fleet.passes(1.0)
    first, second = fleet.roads[0].batches[:2]
    assert first.sent is None and second.sent is not None
    assert sum(one.charge.requests for one in second.sent) == len(fleet.sent)
    assert second.in_flight == 0 and not second.reports and not second.returns
    await fleet.passes(3.0)
    line.arrive()
    assert line.leases.lease_hits > 0 and not any(line.waiting)
    await fleet.aclose()


async def test_what_an_open_account_sent_is_told_to_a_ledger_that_knows_the_rest() -> None:
    fleet = Fleet(account(600), 1, on_ledger_loss="open")
    await warm(fleet, 3)
    cut(fleet, 1)
    await fleet.passes(4.0)
    for _ in range(200):
        fleet.lines[0].arrive()
    assert len(fleet.sent) == 203
    cut(fleet, 1, mended=True)
    await fleet.passes(3.0)
    assert isinstance(fleet.ledger, MemoryLedger)
    assert fleet.ledger.usage(fleet.terms.id, fleet.time.now())[0].used >= 203
    await fleet.aclose()


async def test_an_open_account_goes_by_the_providers_own_refusals() -> None:
    fleet = Fleet(account(600), 1, on_ledger_loss="open")
    await warm(fleet, 3)
    cut(fleet, 1)
    await fleet.passes(4.0)
    line = fleet.lines[0]
    line.leases.observe(
        fleet.terms.id, Observation("rpm", blocked_ms=2_000, unexpected=True), fleet.time.now()
    )
    for _ in range(50):
        line.arrive()
    assert len(fleet.sent) == 3
    await fleet.passes(1.9)
    assert len(fleet.sent) == 3
    await fleet.passes(0.2)
    assert len(fleet.sent) == 53
    await fleet.aclose()


async def test_places_at_once_are_shared_with_those_under_way() -> None:
    fleet = Fleet(account(60_000, 5, Dimension("concurrency", 40)), 2)
    line = fleet.lines[0]
    line.took_s = None
    for _ in range(15):
        line.arrive()
    await fleet.passes(2.5)
    assert len(fleet.sent) == 15
    cut(fleet, 2)
    await fleet.passes(4.0)
    for _ in range(20):
        line.arrive()
    await fleet.passes(1.0)
    assert len(line.under_way) == 20  # half of forty
    line.end(next(iter(line.under_way)))
    await fleet.passes(1.0)
    assert len(line.under_way) == 20 and len(fleet.sent) == 21
    await fleet.aclose()


async def test_a_tenant_keys_safe_share_is_an_equal_part() -> None:
    fleet = Fleet(terms(Dimension("rpm", 100), paced=False), 4)
    leases, id_ = fleet.lines[0].leases, fleet.terms.id
    cut(fleet, 4)
    fleet.lines[0].arrive()
    await fleet.passes(1.0)
    granted = [await leases.obtain(id_, ONE, 1) for _ in range(40)]
    assert sum(one is not None for one in granted) == 25 - len(fleet.sent)
    assert all(one.used <= one.limit for one in leases.usage(id_, fleet.time.now()))
    await fleet.aclose()


@pytest.mark.parametrize("forgets", [False, True])
async def test_what_a_tenant_key_used_meanwhile_is_told_once(forgets: bool) -> None:
    fleet = Fleet(terms(Dimension("rpm", 20), paced=False), 1)
    leases, id_ = fleet.lines[0].leases, fleet.terms.id
    fleet.lines[0].arrive()
    await fleet.passes(2.0)
    cut(fleet, 1)
    await fleet.passes(2.0)
    granted = [await leases.obtain(id_, ONE, 1) for _ in range(7)]
    assert None not in granted
    if forgets:
        fleet.ledger = MemoryLedger(fleet.time)
        fleet.roads[0].ledger = fleet.ledger
    cut(fleet, 1, mended=True)
    await fleet.passes(8.0)
    (used,) = [one.used for one in leases.usage(id_, fleet.time.now())]
    # A ledger that forgot also counts what may have been leased: no more than was, and nothing of this twice.
    assert 8 <= used < (8 + 7 if forgets else 9)
    await fleet.aclose()


@pytest.mark.parametrize("ends", ["while it is away", "when it is back", "before it forgets"])
@pytest.mark.parametrize(("paced", "mode"), [(False, "safe_share"), (True, "open")])
async def test_what_was_not_used_meanwhile_is_not_charged(ends: str, paced: bool, mode: str) -> None:
    """Of nine, three are not sent, three use less than was thought, and three are still under way."""
    limits = terms(Dimension("rpm", 1_000), Dimension("tpm", 100_000), paced=paced)
    fleet = Fleet(limits, 1, on_ledger_loss=mode)
    leases, id_ = fleet.lines[0].leases, fleet.terms.id
    await warm(fleet, 1)
    cut(fleet, 1)
    await fleet.passes(4.0)
    granted = [await leases.obtain(id_, Charge(1, tokens=240), 1) for _ in range(9)]

    def end() -> None:
        now = fleet.time.now()
        for place, grant in enumerate(granted[:6]):
            assert grant is not None
            if place < 3:
                leases.give_back(grant, now)
            else:
                leases.settle(grant, Charge(1, tokens=17), now)

    if ends != "when it is back":
        end()
    await fleet.passes(1.0)
    if ends == "before it forgets":
        fleet.roads[0].ledger = MemoryLedger(fleet.time)
    cut(fleet, 1, mended=True)
    await fleet.passes(5.0)
    told = {one.dimension: one.used for one in leases.usage(id_, fleet.time.now())}
    if ends == "when it is back":
        assert told == {"rpm": 10, "tpm": 9 * 240}
        end()
        await fleet.passes(2.0)
        told = {one.dimension: one.used for one in leases.usage(id_, fleet.time.now())}
    if ends == "before it forgets":  # and counts besides what may have been leased
        taught = next(batch.sent for batch in fleet.roads[0].batches if batch.sent is not None)
        told["rpm"] = sum(one.charge.requests for one in taught)
    assert told == {"rpm": 7, "tpm": 3 * 17 + 3 * 240}
    await fleet.aclose()


async def test_what_is_written_once_the_ledger_is_back_is_told_too() -> None:
    fleet = Fleet(terms(Dimension("otpm", 10_000), paced=False), 1)
    leases, id_ = fleet.lines[0].leases, fleet.terms.id
    await warm(fleet, 1)
    cut(fleet, 1)
    await fleet.passes(4.0)
    grant = await leases.obtain(id_, Charge(1, output=100), 1)
    assert grant is not None
    used = []
    for output in (60, 150, 200):
        await fleet.passes(1.0)
        leases.produced(grant, output, fleet.time.now())
        cut(fleet, 1, mended=output > 60)
        await fleet.passes(2.0)
        used += [one.used for one in leases.usage(id_, fleet.time.now())]
    leases.settle(grant, Charge(1, output=230), fleet.time.now())
    await fleet.passes(2.0)
    used += [one.used for one in leases.usage(id_, fleet.time.now())]
    assert used[1:] == [150, 200, 230]
    await fleet.aclose()


async def test_who_is_not_let_wait_has_a_safe_share_while_the_ledger_learns() -> None:
    fleet = Fleet(terms(Dimension("rpm", 40), paced=False), 2)
    leases, id_ = fleet.lines[0].leases, fleet.terms.id
    for line in fleet.lines:
        line.arrive()
    await fleet.passes(1.5)
    forgot = MemoryLedger(fleet.time)
    for road in fleet.roads:
        road.ledger = forgot
    await fleet.passes(1.1)
    asked = [asyncio.create_task(leases.obtain(id_, ONE, 1)) for _ in range(30)]
    await fleet.passes(0.1)
    assert 30 - [await one for one in asked].count(None) == 20
    await fleet.passes(2.0)
    asked = [asyncio.create_task(leases.obtain(id_, ONE, 1)) for _ in range(10)]
    await fleet.passes(0.1)
    assert None not in [await one for one in asked]
    await fleet.aclose()


@pytest.mark.parametrize("mode", ["closed", "safe_share"])
@pytest.mark.parametrize("paced", [False, True])
async def test_what_is_shut_is_so_until_the_ledger_knows_again(mode: str, paced: bool) -> None:
    """Who may wait in line is asked for while the ledger learns, and is told when it will be asked."""
    fleet = Fleet(terms(Dimension("rpm", 40), paced=paced), 1, on_ledger_loss=mode)
    leases, road = fleet.lines[0].leases, fleet.roads[0]
    seen = []
    fleet.lines[0].arrive()
    await fleet.passes(2.0)
    for cut_, ledger in ((False, road.ledger), (True, road.ledger), (False, MemoryLedger(fleet.time))):
        road.cut, road.ledger = cut_, ledger
        fleet.lines[0].arrive()
        await fleet.passes(1.1)
        seen.append(leases.is_shut(fleet.terms.id, fleet.time.now()))
    await fleet.passes(3.0)
    assert not leases.is_shut(fleet.terms.id, fleet.time.now())
    is_closed = mode == "closed"
    assert seen == [False, is_closed, is_closed and not paced]
    await fleet.aclose()


async def test_batches_are_repeated_with_their_number_until_they_are_answered() -> None:
    fleet = Fleet(account(6_000), 1)
    line = fleet.lines[0]
    await warm(fleet)
    fleet.roads[0].loses = iter(["answer lost"] * 4)
    fleet.roads[0].batches.clear()
    line.arrive(Charge(1))
    await fleet.passes(4.0)
    numbers = [batch.number for batch in fleet.roads[0].batches]
    assert numbers[:5] == [numbers[0]] * 5 and numbers[5] == numbers[0] + 1
    assert len({batch.reports for batch in fleet.roads[0].batches[:5]}) == 1
    await fleet.aclose()
