"""What leases promise besides: who asks once, blocks, too large, contention, the way out."""

import asyncio
from typing import Any

import pytest

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import Observation
from gateway.admission.memory_ledger import MemoryLedger
from gateway.charge import Charge
from tests.admission.leases.fleet import ONE, Fleet
from tests.admission.ledgers import terms


async def obtained(fleet: Fleet, count: int, worker: int = 0) -> list[object]:
    asking = [
        asyncio.create_task(fleet.lines[worker].leases.obtain(fleet.terms.id, ONE, 1)) for _ in range(count)
    ]
    await fleet.passes(1.0)
    return [await one for one in asking]


async def test_who_does_not_wait_asks_the_shared_ledger_once() -> None:
    fleet = Fleet(terms(Dimension("rpm", 5), paced=False), 2)
    first = await obtained(fleet, 3)
    second = await obtained(fleet, 4, worker=1)
    assert [one is not None for one in first + second] == [True] * 5 + [False] * 2
    assert fleet.calls < 8
    now = fleet.time.now()
    wait = fleet.lines[1].leases.next_free_in(fleet.terms.id, ONE, 1, now)
    assert wait is not None and 0 < wait <= 61_000
    assert fleet.lines[1].leases.usage(fleet.terms.id, now)[0].used == 5
    await fleet.aclose()


async def test_who_is_refused_is_told_when_there_is_room_again() -> None:
    fleet = Fleet(terms(Dimension("rpm", 5), paced=False), 2)
    await obtained(fleet, 5)
    leases = fleet.lines[1].leases

    async def refused() -> int | None:
        assert await leases.obtain(fleet.terms.id, ONE, 1) is None
        return leases.next_free_in(fleet.terms.id, ONE, 1, fleet.time.now())

    asking = [asyncio.create_task(refused()) for _ in range(2)]
    await fleet.passes(1.0)
    told = [await one for one in asking]
    assert all(wait is not None and 58_000 < wait < 61_000 for wait in told)
    await fleet.aclose()


async def test_who_left_meanwhile_gets_nothing() -> None:
    fleet = Fleet(terms(Dimension("rpm", 5), paced=False), 1)
    asking = asyncio.create_task(fleet.lines[0].leases.obtain(fleet.terms.id, ONE, 1))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert all(one is not None for one in await obtained(fleet, 5))
    await fleet.aclose()


async def test_who_left_in_the_turn_of_the_answer_gets_nothing() -> None:
    fleet = Fleet(terms(Dimension("rpm", 5), paced=False), 1)
    leases = fleet.lines[0].leases
    asking = asyncio.create_task(leases.obtain(fleet.terms.id, ONE, 1))
    await asyncio.sleep(0)
    wish = leases._channels[fleet.terms.id].wishes.fresh[0]
    leases._channels[fleet.terms.id].wishes.fresh[0] = wish._replace(
        answer=lambda grant: wish.answer(grant) and asking.cancel()
    )
    await fleet.passes(1.0)
    assert asking.cancelled()
    assert all(one is not None for one in await obtained(fleet, 5))
    await fleet.aclose()


async def test_too_large_is_never_free() -> None:
    fleet = Fleet(terms(Dimension("rpm", 50), Dimension("tpm", 1_000)), 1)
    leases = fleet.lines[0].leases
    assert leases.next_free_in(fleet.terms.id, Charge(1, tokens=1_001), 1, fleet.time.now()) is None
    leases.observe(fleet.terms.id, Observation("tpm", limit=500), fleet.time.now())
    fleet.lines[0].arrive(Charge(1, tokens=600))
    await fleet.passes(1.0)
    assert leases.next_free_in(fleet.terms.id, Charge(1, tokens=600), 1, fleet.time.now()) is None
    assert leases.next_free_in(fleet.terms.id, Charge(1, tokens=500), 1, fleet.time.now()) is not None
    await fleet.aclose()


async def test_a_block_holds_for_what_is_in_hand_and_soon_for_all() -> None:
    fleet = Fleet(terms(Dimension("rpm", 60_000)), 2)
    for line in fleet.lines:
        line.arrive()
        await fleet.passes(0.1)
        assert line.leases._channels[fleet.terms.id].lots.places > 0
    blocked = Observation("rpm", blocked_ms=10_000, unexpected=True)
    fleet.lines[0].leases.observe(fleet.terms.id, blocked, fleet.time.now())
    fleet.lines[0].arrive()
    await fleet.passes(1.1)
    fleet.lines[1].arrive()
    await fleet.passes(5.0)
    assert len(fleet.sent) == 2
    await fleet.passes(5.0)
    assert len(fleet.sent) == 4
    await fleet.aclose()


async def test_what_is_granted_in_ignorance_of_a_block_is_not_sent() -> None:
    fleet = Fleet(terms(Dimension("rpm", 60_000)), 1)
    line = fleet.lines[0]
    fleet.roads[0].seconds = 0.1
    line.arrive()
    await fleet.passes(0.05)  # the call is on the way
    line.leases.observe(fleet.terms.id, Observation("rpm", blocked_ms=5_000), fleet.time.now())
    await fleet.passes(4.5)
    assert not fleet.sent
    await fleet.passes(2.0)
    assert len(fleet.sent) == 1
    await fleet.aclose()


async def test_stock_counts_for_the_class_that_took_it() -> None:
    fleet = Fleet(terms(Dimension("rpm", 600)), 1)
    line = fleet.lines[0]
    for _ in range(60):
        line.arrive(ONE, 3)
        await fleet.passes(0.2)
    await fleet.passes(3.0)
    served = line.leases.served(fleet.terms.id, fleet.time.now())
    assert line.leases.lease_hits > 50 and served[3] > 70 and served[1] < 15
    await fleet.aclose()


async def test_stock_is_given_back_when_somebody_waits_elsewhere() -> None:
    fleet = Fleet(terms(Dimension("rpm", 600), Dimension("tpm", 60_000)), 2)
    holder, other = fleet.lines
    for _ in range(30):
        holder.arrive(Charge(1, tokens=10), 3)
        await fleet.passes(0.3)
    channel = holder.leases._channels[fleet.terms.id]
    assert channel.lots.places > 0
    for _ in range(3):
        other.arrive(Charge(1, tokens=40_000), 1)
    await fleet.passes(1.5)
    assert any(other.waiting) and channel.lots.places == 0
    await fleet.aclose()


async def test_the_way_out_returns_what_is_in_hand() -> None:
    fleet = Fleet(terms(Dimension("rpm", 60_000)), 1)
    for _ in range(50):
        fleet.lines[0].arrive()
        await fleet.passes(0.01)
    assert fleet.lines[0].leases._channels[fleet.terms.id].lots.places > 0
    await fleet.aclose()
    assert isinstance(fleet.ledger, MemoryLedger)
    assert fleet.ledger.usage(fleet.terms.id, fleet.time.now())[0].used == 50


async def test_other_ceilings_hold_at_once() -> None:
    fleet = Fleet(terms(Dimension("rpm", 60_000)), 1)
    line = fleet.lines[0]
    line.arrive()
    await fleet.passes(0.1)
    fleet.terms = fleet.terms._replace(dimensions=(Dimension("tpm", 100),))
    line.leases.open_account(fleet.terms, fleet.time.now())
    line.arrive(Charge(1, tokens=60))
    line.arrive(Charge(1, tokens=60))
    await fleet.passes(3.0)
    assert len(fleet.sent) == 2
    await fleet.aclose()


async def test_without_ceilings_nobody_is_asked() -> None:
    fleet = Fleet(terms(), 1)
    for _ in range(100):
        fleet.lines[0].arrive()
    await fleet.passes(10.0)
    assert len(fleet.sent) == 100 and fleet.calls == 0
    await fleet.aclose()


async def test_an_idle_account_falls_silent_and_the_ledger_is_tried_by_another() -> None:
    seconds: list[float] = []
    fleet = Fleet(terms(Dimension("rpm", 600)), 1, on_call=seconds.append)
    batches = fleet.roads[0].batches
    fleet.lines[0].arrive()
    await fleet.passes(50.0)
    assert {batch.account.id for batch in batches} == {fleet.terms.id} and len(batches) < 70
    await fleet.passes(20.0)
    batches.clear()
    await fleet.passes(600.0)
    assert fleet.terms.id not in {batch.account.id for batch in batches} and 590 <= len(batches) <= 600
    assert seconds == pytest.approx([0.001] * fleet.calls)
    await fleet.aclose()


@pytest.mark.parametrize("step", ["asks", "room"])
async def test_a_fault_of_our_own_silences_no_account(
    step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether a call could not be made or its answer not be taken over: it is asked again a second later."""
    fleet = Fleet(terms(Dimension("rpm", 600)), 1)
    line = fleet.lines[0]
    await fleet.passes(1.0)
    sound = getattr(line, step)
    faults = []

    def spoilt(*about: Any) -> Any:
        if not faults:
            faults.append(step)
            raise RuntimeError("spoilt once")
        return sound(*about)

    monkeypatch.setattr(line, step, spoilt)
    for _ in range(20):
        line.arrive()
    await fleet.passes(5.0)
    assert faults and "failed in a way that it should not" in caplog.text
    assert len(fleet.sent) == 20
    await fleet.aclose()


async def test_a_fault_of_our_own_leaves_nobody_waiting_who_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = Fleet(terms(Dimension("rpm", 5), paced=False), 1)
    line = fleet.lines[0]

    def spoilt(*_: Any) -> Any:
        raise RuntimeError("spoilt")

    monkeypatch.setattr(line, "asks", spoilt)
    async with asyncio.timeout(5.0):
        assert await obtained(fleet, 2) == [None, None]
    monkeypatch.undo()
    await fleet.passes(2.0)
    assert None not in await obtained(fleet, 2)
    await fleet.aclose()
