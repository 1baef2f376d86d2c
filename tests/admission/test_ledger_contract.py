"""What every ledger promises, on each of them: memory, Valkey, and Redis where there is one."""

import pytest

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import (
    Batch,
    Demand,
    Observation,
    Recall,
    Report,
    Return,
    Seen,
    Sent,
    Served,
    Settle,
    StockAsk,
    Usage,
)
from gateway.admission.tenant_tags import TenantTags
from gateway.charge import Charge
from tests.admission.ledgers import LedgerUnderTest, asks, granted, terms

ONE = Charge(1)


async def test_grants_up_to_the_ceiling_and_says_when_there_is_room(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 5))
    answer = await ledger.exchange(Batch(account, "w", 1, asks=asks(7)))
    assert granted(answer) == 5
    assert answer.usage == (Usage("rpm", 5, 5, 0),)
    wait = answer.verdicts[5].wait_ms
    assert 60_000 < wait <= 62_000
    ledger.now += wait - 1
    assert granted(await ledger.exchange(Batch(account, "w", 2, asks=asks(1)))) == 0
    ledger.now += 1
    assert granted(await ledger.exchange(Batch(account, "w", 3, asks=asks(1)))) == 1


async def test_too_large_is_told_at_once_and_holds_nobody_up(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 5), Dimension("tpm", 100))
    answer = await ledger.exchange(
        Batch(
            account,
            "w",
            1,
            asks=asks(1, charge=Charge(1, tokens=101)) + asks(1, charge=Charge(1, tokens=100)),
        )
    )
    assert [one.too_large for one in answer.verdicts] == [True, False]
    assert answer.verdicts[1].granted


async def test_all_or_nothing_over_all_dimensions(ledger: LedgerUnderTest) -> None:
    account = terms(
        Dimension("rpm", 50), Dimension("itpm", 100), Dimension("rpd", 10), Dimension("concurrency", 9)
    )
    answer = await ledger.exchange(Batch(account, "w", 1, asks=asks(3, charge=Charge(1, 60))))
    assert granted(answer) == 1
    assert [one.used for one in answer.usage] == [1, 60, 1, 1]


async def test_a_lease_is_charged_at_its_end_and_moved_back_when_sent(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 1))
    first = await ledger.exchange(Batch(account, "w", 1, asks=asks(1), lease_ms=1_500))
    lease = first.verdicts[0]
    assert lease.at == ledger.now + 1_500
    ledger.now += 60_700
    assert granted(await ledger.exchange(Batch(account, "w", 2, asks=asks(1)))) == 0
    report = (Report(lease.at, first.now, ONE),)
    assert granted(await ledger.exchange(Batch(account, "w", 3, reports=report, asks=asks(1)))) == 1


async def test_a_crash_counts_as_spent_and_heals_with_the_window(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 3))
    await ledger.exchange(Batch(account, "gone", 1, asks=asks(3), lease_ms=500))
    assert granted(await ledger.exchange(Batch(account, "w", 1, asks=asks(1)))) == 0
    ledger.now += 61_200
    assert granted(await ledger.exchange(Batch(account, "w", 2, asks=asks(3)))) == 3


async def test_what_is_returned_is_there_again(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 3))
    answer = await ledger.exchange(Batch(account, "w", 1, asks=asks(3)))
    returns = tuple(Return(one.at, ONE, 0) for one in answer.verdicts)
    assert granted(await ledger.exchange(Batch(account, "w", 2, returns=returns, asks=asks(3)))) == 3


@pytest.mark.parametrize("later_ms", [1_000, 300_000])
async def test_settles_are_signed_and_more_is_never_lost(ledger: LedgerUnderTest, later_ms: int) -> None:
    account = terms(Dimension("otpm", 1_000))
    answer = await ledger.exchange(Batch(account, "w", 1, asks=asks(2, charge=Charge(1, 0, 100))))
    at = answer.verdicts[0].at
    ledger.now += later_ms
    settles = (Settle(at, Charge(0, 0, 700), 0), Settle(at, Charge(0, 0, -40), 0))
    answer = await ledger.exchange(Batch(account, "w", 2, settles=settles))
    assert answer.usage[0].used == (860 if later_ms < 60_000 else 700)


async def test_a_number_is_booked_once(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 100))
    answer = await ledger.exchange(Batch(account, "w", 1, asks=asks(10)))
    returns = tuple(Return(one.at, ONE, 0) for one in answer.verdicts[:3])
    batch = Batch(
        account, "w", 2, served=(Served(0, "t", 7),), returns=returns,
        settles=(Settle(answer.verdicts[5].at, Charge(2), 0),), observations=(Observation("rpm", unexpected=True),),
    )  # fmt: skip
    first = await ledger.exchange(batch)
    again = await ledger.exchange(batch)
    assert first.usage == again.usage == (Usage("rpm", 9, 90, 0),)
    assert first.tags == again.tags == (7,)


async def test_a_day_turns_where_the_provider_keeps_it(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpd", 2, zone="America/Los_Angeles"))
    ledger.now = 1_793_516_100_000  # 23:55 on 31 October 2026 there
    answer = await ledger.exchange(Batch(account, "w", 1, asks=asks(3)))
    assert granted(answer) == 2
    assert answer.verdicts[2].wait_ms == 300_000
    ledger.now += 300_000
    assert granted(await ledger.exchange(Batch(account, "w", 2, asks=asks(3)))) == 2


async def test_places_in_flight_are_by_owner_and_the_dead_hold_none(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("concurrency", 4))
    assert granted(await ledger.exchange(Batch(account, "a", 1, asks=asks(3)))) == 3
    assert granted(await ledger.exchange(Batch(account, "b", 1, asks=asks(3)))) == 1
    assert granted(await ledger.exchange(Batch(account, "a", 2, in_flight=1, asks=asks(3)))) == 2
    ledger.now += 10_001
    assert granted(await ledger.exchange(Batch(account, "b", 2, in_flight=1, asks=asks(9)))) == 3


async def test_a_block_and_a_lower_limit_hold_for_all(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 100))
    told = (Observation("rpm", limit=50, remaining=20, blocked_ms=2_000),)
    answer = await ledger.exchange(Batch(account, "a", 1, observations=told))
    assert answer.usage == (Usage("rpm", 30, 50, 2_000),)
    refused = await ledger.exchange(Batch(account, "b", 1, asks=asks(1)))
    assert refused.verdicts[0].wait_ms == 2_000
    ledger.now += 2_000
    assert granted(await ledger.exchange(Batch(account, "b", 2, asks=asks(30)))) == 20


@pytest.mark.parametrize("dimension", ["rpm", "concurrency"])
async def test_refusals_of_one_event_lower_once_whoever_tells_of_them(
    ledger: LedgerUnderTest, dimension: str
) -> None:
    account = terms(Dimension(dimension, 1_000))
    refused = (Observation(dimension, unexpected=True),)
    for number in range(1, 6):
        for worker in ("a", "b"):
            answer = await ledger.exchange(Batch(account, worker, number, observations=refused))
        ledger.now += 1_000
    assert answer.usage[0].limit in (900, 901)
    answer = await ledger.exchange(Batch(account, "a", 6, observations=refused))
    assert answer.usage[0].limit in (810, 811)


@pytest.mark.parametrize("dimension", ["rpm", "rpd", "concurrency"])
async def test_a_limit_that_no_reply_confirms_is_forgotten(ledger: LedgerUnderTest, dimension: str) -> None:
    account = terms(Dimension(dimension, 1_000))
    told = (Observation(dimension, limit=2),)
    for number in (1, 3):
        await ledger.exchange(Batch(account, "a", number, observations=told))
        ledger.now += 599_900
        answer = await ledger.exchange(Batch(account, "a", number + 1))
        assert answer.usage[0].limit == 2
    ledger.now += 300
    answer = await ledger.exchange(Batch(account, "a", 5))
    assert answer.usage[0].limit == 1_000


async def test_a_burst_goes_on_credit_that_is_repaid_without_a_standstill(ledger: LedgerUnderTest) -> None:
    """Of 596 a minute (4 are the top class's) a second's worth and 18 s credit at once, then 65 % of the rate."""
    account = terms(Dimension("rpm", 600))
    seconds = []
    for second in range(120):
        seconds.append(
            granted(await ledger.exchange(Batch(account, "w", second + 1, asks=asks(200, rank=3))))
        )
        ledger.now += 1_000
    assert seconds[0] == 9 + 176
    assert sum(seconds[1:31]) == 192  # 30 s at 6.39, and what was left of the first grants
    assert min(seconds) >= 3  # as the first burst leaves the window
    ledger.now += 60_000
    assert granted(await ledger.exchange(Batch(account, "w", 121, asks=asks(200, rank=3)))) == 185


async def test_what_each_class_took_lately_is_told(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 100), Dimension("tpm", 1_000))
    mixed = asks(10, charge=Charge(1, tokens=1)) + asks(1, rank=2, charge=Charge(1, tokens=200))
    assert (await ledger.exchange(Batch(account, "w", 1, asks=mixed))).served == (10, 0, 200, 0, 0), (
        "of tokens"
    )
    ledger.now += 60_000
    later = (await ledger.exchange(Batch(account, "v", 1))).served
    assert later[0] == 3 and 60 < later[2] < 80  # a twelfth is forgotten twelve times
    ledger.now += 300_000
    assert (await ledger.exchange(Batch(account, "v", 2))).served == (0, 0, 0, 0, 0)
    assert (await ledger.exchange(Batch(terms(Dimension("rpd", 9)), "w", 1, asks=asks(1)))).served == (0,) * 5


async def test_a_small_request_does_not_overtake_a_large_one(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("tpm", 1_000))
    await ledger.exchange(Batch(account, "w", 1, asks=asks(1, charge=Charge(1, tokens=500))))
    both = asks(1, charge=Charge(1, tokens=600)) + asks(1, rank=1, charge=Charge(1, tokens=10))
    assert granted(await ledger.exchange(Batch(account, "w", 2, asks=both))) == 0


async def test_stock_is_for_plenty(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 6_000))
    stock = StockAsk(ONE, 10, 2_000)
    answer = await ledger.exchange(Batch(account, "a", 1, stock=stock))
    assert (answer.stock, answer.stock_at) == (10, ledger.now + 2_000)
    crowd = (Demand(1, 1, ONE, ONE),)
    own = await ledger.exchange(Batch(account, "b", 1, asks=asks(1), demand=crowd, stock=stock))
    assert own.stock == 10 and granted(own) == 1  # who waits there besides is served from it
    assert (await ledger.exchange(Batch(account, "a", 2, stock=stock))).stock == 0
    day = terms(Dimension("rpd", 40))
    assert (await ledger.exchange(Batch(day, "a", 1, stock=stock))).stock == 4
    assert (await ledger.exchange(Batch(day, "b", 1, stock=stock))).stock == 1, "36 are left to two"
    low = terms(Dimension("rpm", 5))
    assert (await ledger.exchange(Batch(low, "a", 1, stock=stock))).stock == 0


async def test_the_reserve_is_never_granted(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 1_000), set_aside_permille=5)
    assert granted(await ledger.exchange(Batch(account, "w", 1, asks=asks(1_000)))) == 995


async def test_the_first_start_waits_for_nobody(ledger: LedgerUnderTest) -> None:
    answer = await ledger.exchange(Batch(terms(Dimension("rpm", 10)), "a", 1, asks=asks(1)))
    assert granted(answer) == 1 and not answer.relearn and not answer.learning


@pytest.mark.parametrize("seen", [Seen(0, 99, 0, 0), Seen(0, 1, -90_000, 10)])
async def test_a_rollback_or_a_clock_that_jumped_is_a_new_epoch(ledger: LedgerUnderTest, seen: Seen) -> None:
    account = terms(Dimension("rpm", 10))
    first = await ledger.exchange(Batch(account, "a", 1, asks=asks(10)))
    seen = seen._replace(epoch=first.epoch, now=ledger.now + seen.now)
    answer = await ledger.exchange(Batch(account, "a", 2, seen=seen, asks=asks(1)))
    assert answer.epoch > first.epoch and answer.relearn and granted(answer) == 0


async def test_a_clock_set_back_is_a_new_epoch_and_a_small_step_is_waited_out(
    ledger: LedgerUnderTest,
) -> None:
    account = terms(Dimension("rpm", 10))
    first = await ledger.exchange(Batch(account, "a", 1))
    ledger.now -= 900
    small = await ledger.exchange(Batch(account, "a", 2, seen=first.seen(0)))
    assert (small.now, small.epoch) == (first.now, first.epoch)
    ledger.now -= 3_600_000
    assert (await ledger.exchange(Batch(account, "a", 3, seen=small.seen(0)))).epoch > first.epoch


async def test_changed_terms_keep_what_is_charged(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 10), Dimension("tpm", 900))
    await ledger.exchange(Batch(account, "a", 1, asks=asks(4, charge=Charge(1, 0, 0, 5))))
    changed = account._replace(dimensions=(Dimension("rpm", 6), Dimension("itpm", 50)))
    answer = await ledger.exchange(Batch(changed, "a", 2, asks=asks(4)))
    assert answer.usage == (Usage("rpm", 6, 6, 0), Usage("itpm", 0, 50, 0))


async def test_a_rate_that_left_the_terms_brings_nothing_back(ledger: LedgerUnderTest) -> None:
    both = terms(Dimension("rpm", 100, 10.0), Dimension("tpm", 900))
    for number, dimensions, used in (
        (1, both.dimensions, (4, 20)),
        (2, both.dimensions[:1], (4,)),
        (3, both.dimensions, (4, 0)),
        (4, (Dimension("rpm", 100, 20.0), both.dimensions[1]), (4, 0)),
        (5, both.dimensions, (4, 0)),
    ):
        work = asks(4, charge=Charge(1, 0, 0, 5)) if number == 1 else ()
        answer = await ledger.exchange(
            Batch(both._replace(dimensions=dimensions), "a", number, asks=work, lease_ms=0)
        )
        assert tuple(one.used for one in answer.usage) == used, number
    ledger.now += 30_000
    later = asks(1, charge=Charge(1, 0, 0, 5))
    assert granted(await ledger.exchange(Batch(both, "a", 6, asks=later, lease_ms=0))) == 1
    ledger.now += 31_000
    assert [one.used for one in (await ledger.exchange(Batch(both, "a", 7))).usage] == [1, 5]


async def test_a_slice_is_a_part_of_the_ceiling_in_force(ledger: LedgerUnderTest) -> None:
    """As told by the provider's headers, and lowered after a surprise."""
    account = terms(Dimension("rpm", 60, 10.0))
    for number, news, fit in ((1, None, 10), (2, Observation("rpm", 30), 5), (3, None, 4)):
        observations = (Observation("rpm", unexpected=True),) if number == 3 else (news,) if news else ()
        asked = Batch(account, "a", number, asks=asks(20), lease_ms=0, observations=observations)
        assert granted(await ledger.exchange(asked)) == fit, number
        ledger.now += 61_000


async def test_another_slice_begins_as_full_as_the_minute_is(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 60))
    assert granted(await ledger.exchange(Batch(account, "a", 1, asks=asks(8), lease_ms=0))) == 8
    sliced = account._replace(dimensions=(Dimension("rpm", 60, 10.0),))
    for number, passed, fit in ((2, 0, 2), (3, 9_900, 0), (4, 2_300, 8)):
        ledger.now += passed
        asked = Batch(sliced, "a", number, asks=asks(8), lease_ms=0)
        assert granted(await ledger.exchange(asked)) == fit, number


async def test_a_long_batch_is_booked_whole(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("tpm", 1_000_000))
    first = await ledger.exchange(Batch(account, "a", 1))
    await ledger.forget()
    ledger.now += 1
    back = await ledger.exchange(Batch(account, "a", 2, seen=first.seen(1)))
    sent = tuple(Sent(age_ms, Charge(1, tokens=7)) for age_ms in range(0, 60_000, 100))
    tenants = tuple(Served(number % 3, f"tenant-{number * 7 % 450}", number % 19) for number in range(450))
    was = Recall(
        first.epoch, first.version, first.now, 1, 1, Charge(0, tokens=4_200), Charge(0, tokens=4_200)
    )
    model = TenantTags()
    model.book(tenants, ledger.now)
    expected = tuple(model.of(one.rank, one.tenant) for one in tenants)
    told = Batch(account, "a", 3, seen=back.seen(0), sent=sent, recall=was, served=tenants)
    taught = await ledger.exchange(told)
    assert taught.usage[0].used == 7 * 600 and taught.tags == expected
    ledger.now += 30_000
    assert 7 * 300 <= (await ledger.exchange(Batch(account, "a", 4))).usage[0].used <= 7 * 310
    ledger.now += 32_000
    assert (await ledger.exchange(Batch(account, "a", 5))).usage[0].used == 0


async def test_large_numbers_are_exact(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("tpm", 99_999_999_999))
    charge = Charge(1, tokens=12_345_678_901)
    answer = await ledger.exchange(Batch(account, "a", 1, asks=asks(2, charge=charge)))
    assert answer.usage[0].used == 24_691_357_802
    answer = await ledger.exchange(
        Batch(account, "a", 2, settles=(Settle(answer.verdicts[0].at, Charge(0, 0, 0, -1), 0),))
    )
    assert answer.usage[0].used == 24_691_357_801
