"""A ledger that lost its state: what it is told, what it assumes, and how soon it grants again. On every ledger."""

from dataclasses import dataclass
from typing import Any

import pytest

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.ledger import Answer, Batch, Observation, Recall, Sent
from gateway.charge import Charge
from tests.admission.ledgers import LedgerUnderTest, asks, granted, terms


@dataclass
class Worker:
    """One that remembers its last answer, of a ledger that knew all."""

    ledger: LedgerUnderTest
    account: AccountTerms
    name: str
    number: int = 0
    last: Answer | None = None
    whole: Answer | None = None
    at: int = 0
    whole_at: int = 0

    async def call(self, wants: int = 0, **more: Any) -> Answer:
        self.number += 1
        seen = None if self.last is None else self.last.seen(self.ledger.now - self.at)
        batch = Batch(self.account, self.name, self.number, seen, asks=asks(wants), lease_ms=0)
        self.last, self.at = await self.ledger.exchange(batch._replace(**more)), self.ledger.now
        if not (self.last.learning or self.last.relearn):
            self.whole, self.whole_at = self.last, self.at
        return self.last

    def recall(self, own: int) -> Recall:
        was = self.whole
        assert was is not None
        used = Charge(was.usage[0].used)
        elapsed_ms = self.ledger.now - self.whole_at
        return Recall(was.epoch, was.version, was.now, elapsed_ms, was.live, used, Charge(own))

    async def comes_back(self, own: int, ago_ms: int = 100) -> Answer:
        """It finds that the ledger forgot, and tells what it sent, `ago_ms` before."""
        assert (await self.call()).relearn
        return await self.call(sent=(Sent(ago_ms, Charge(own)),), recall=self.recall(own))


def workers(ledger: LedgerUnderTest, account: AccountTerms, names: str) -> list[Worker]:
    return [Worker(ledger, account, name) for name in names]


async def lose(ledger: LedgerUnderTest) -> None:
    """All that it knows."""
    await ledger.forget()
    ledger.now += 1  # an epoch is a time


async def test_grants_nothing_until_all_who_lived_have_told(ledger: LedgerUnderTest) -> None:
    a, b = workers(ledger, terms(Dimension("rpm", 10)), "ab")
    await a.call(6)
    await b.call(1)
    await a.call()
    await lose(ledger)
    ledger.now += 100
    first = await a.call(1)
    assert first.relearn and first.learning and granted(first) == 0
    told, recall = (Sent(100, Charge(6)),), a.recall(6)
    taught = await a.call(1, sent=told, recall=recall)
    assert not taught.relearn and taught.learning and granted(taught) == 0
    a.number -= 1  # told twice
    assert (await a.call(1, sent=told, recall=recall)).usage[0].used == 6
    ledger.now += 1_200
    assert (await a.call(1)).learning
    done = await b.comes_back(1)
    assert not done.learning and done.known == 2 and done.usage[0].used == 7
    assert granted(await b.call(9)) == 2  # one is kept for what a is waiting with


async def test_a_round_is_waited_for_whoever_is_not_known_to_live(ledger: LedgerUnderTest) -> None:
    (a,) = workers(ledger, terms(Dimension("rpm", 10)), "a")
    await a.call(1)
    await lose(ledger)
    await a.comes_back(1)
    ledger.now += 1_099
    assert (await a.call()).learning
    ledger.now += 1
    assert granted(await a.call(9)) == 9


async def test_what_the_dead_sent_counts_from_the_last_answer_on(ledger: LedgerUnderTest) -> None:
    a, dead = workers(ledger, terms(Dimension("rpm", 10)), "ad")
    await dead.call(4)
    ledger.now += 20_000
    await a.call(3)
    await lose(ledger)
    ledger.now += 200
    await a.comes_back(3, 200)
    ledger.now += 1_200
    back = await a.call(9)
    assert (granted(back), back.usage[0].used) == (3, 10)
    ledger.now += 59_000
    assert granted(await a.call(9)) == 0
    ledger.now += 1_000  # 60.6 s after that answer
    assert granted(await a.call(9)) == 7


async def test_one_who_lived_and_does_not_come_may_have_had_all_the_rest(ledger: LedgerUnderTest) -> None:
    a, gone = workers(ledger, terms(Dimension("rpm", 10)), "ag")
    await gone.call(1)
    await a.call(3)
    ledger.now += 10
    await gone.call(6)
    await lose(ledger)
    await a.comes_back(3, 10)
    ledger.now += 2_999
    assert (await a.call(1)).learning
    ledger.now += 1
    full = await a.call(1)
    assert not full.learning and granted(full) == 0 and full.usage[0].used == 10
    ledger.now += 57_700
    assert granted(await a.call(9)) == 3  # what it sent itself has left
    late = await gone.comes_back(7, 60_400)
    assert late.usage[0].used == 10


async def test_who_comes_late_takes_what_was_assumed_for_him(ledger: LedgerUnderTest) -> None:
    a, late = workers(ledger, terms(Dimension("rpm", 10)), "al")
    await late.call(2)
    await a.call(3)
    await lose(ledger)
    await a.comes_back(3)
    ledger.now += 3_000
    assert (await a.call()).usage[0].used == 10
    back = await late.comes_back(2, 3_000)
    assert not back.learning and back.usage[0].used == 5
    assert granted(await late.call(9)) == 5


async def test_who_was_silent_before_is_not_waited_for_nor_taken_for_one_who_lived(
    ledger: LedgerUnderTest,
) -> None:
    a, b, silent = workers(ledger, terms(Dimension("rpm", 20)), "abs")
    await silent.call(5)
    ledger.now += 3_001
    await b.call(1)
    await a.call(4)
    await lose(ledger)
    await a.comes_back(4)
    ledger.now += 1_500
    assert (await silent.comes_back(5, 4_501)).learning  # b is missing
    assert not (await b.comes_back(1, 1_500)).learning
    done = await a.call(19)
    assert granted(done) == 10 and done.usage[0].used == 20


async def test_the_latest_word_counts(ledger: LedgerUnderTest) -> None:
    a, b, dead = workers(ledger, terms(Dimension("rpm", 20)), "abd")
    await a.call(1)
    await dead.call(7)
    ledger.now += 3_500
    await a.call()
    await b.call(2)
    await lose(ledger)
    await b.comes_back(2)
    await a.comes_back(1)
    ledger.now += 1_100
    assert (await a.call()).usage[0].used == 10


async def test_a_second_loss_while_it_learns(ledger: LedgerUnderTest) -> None:
    """What was last known whole is what counts, not what a ledger said that was learning."""
    a, b, dead = workers(ledger, terms(Dimension("rpm", 20)), "abd")
    await dead.call(7)
    ledger.now += 3_500
    await b.call(2)
    await a.call(1)
    await lose(ledger)
    await a.comes_back(1)
    ledger.now += 500
    await lose(ledger)
    await b.comes_back(2, 500)
    await a.comes_back(1, 500)
    ledger.now += 1_100
    assert (await a.call()).usage[0].used == 10


async def test_a_state_that_one_knew_after_the_one_that_was_relearned(ledger: LedgerUnderTest) -> None:
    a, b = workers(ledger, terms(Dimension("rpm", 20)), "ab")
    await a.call(3)
    await lose(ledger)
    ledger.now += 10
    await b.call(5)  # of a ledger that knew nothing of a
    await lose(ledger)
    ledger.now += 10
    await a.comes_back(3, 20)
    ledger.now += 3_000
    assert not (await a.call()).learning
    back = await b.comes_back(5, 3_010)
    assert back.learning and back.usage[0].used == 8
    ledger.now += 1_100
    assert granted(await b.call(19)) == 12


async def test_somebody_new_waits_with_the_others_and_comes_first_without_delay(
    ledger: LedgerUnderTest,
) -> None:
    a, new, newer = workers(ledger, terms(Dimension("rpm", 10)), "anm")
    await a.call(6)
    await lose(ledger)
    assert granted(await new.call(1)) == 1
    assert (await a.call()).relearn
    held = await newer.call(1)
    assert held.learning and not held.relearn and granted(held) == 0
    await a.call(sent=(Sent(10, Charge(6)),), recall=a.recall(6))
    ledger.now += 1_100
    assert granted(await newer.call(9)) == 3


async def test_the_providers_count_is_no_news_before_all_have_told(ledger: LedgerUnderTest) -> None:
    a, b = workers(ledger, terms(Dimension("rpm", 10)), "ab")
    await b.call(2)
    await a.call(3)
    await lose(ledger)
    seen = (Observation("rpm", limit=9, remaining=4),)
    assert (await a.call(observations=seen)).usage[0] == ("rpm", 0, 9, 0)
    await a.call(sent=(Sent(10, Charge(3)),), recall=a.recall(3), observations=seen)
    await b.comes_back(2)
    ledger.now += 1_100
    assert (await a.call()).usage[0].used == 5
    assert (await a.call(observations=(Observation("rpm", remaining=3),))).usage[0].used == 6


async def test_a_lump_is_no_more_than_a_slice_holds(ledger: LedgerUnderTest) -> None:
    a, dead = workers(ledger, terms(Dimension("rpm", 60, 10.0)), "ad")
    for _ in range(4):
        await dead.call(10)
        ledger.now += 10_200
    await a.call(1)
    await lose(ledger)
    await a.comes_back(1)
    ledger.now += 9_000
    assert (await a.call(1)).verdicts[0].wait_ms < 1_400
    ledger.now += 1_400
    assert granted(await a.call(60)) == 10


async def test_a_day_is_known_by_those_who_were_told(ledger: LedgerUnderTest) -> None:
    account = terms(Dimension("rpm", 100), Dimension("rpd", 10))
    (a,) = workers(ledger, account, "a")
    await a.call(8)
    await lose(ledger)
    await a.call()
    await a.call(sent=(Sent(10, Charge(8)),), recall=a.recall(8)._replace(today=8))
    ledger.now += 1_100
    assert granted(await a.call(9)) == 2


@pytest.mark.parametrize("by_ms", [3_600_000, -3_600_000])
async def test_a_clock_that_was_set_is_such_a_loss(ledger: LedgerUnderTest, by_ms: int) -> None:
    a, dead = workers(ledger, terms(Dimension("rpm", 10)), "ad")
    await dead.call(4)
    ledger.now += 4_000
    await a.call(3)
    ledger.now += by_ms
    a.at += by_ms
    a.whole_at += by_ms
    await a.comes_back(3)
    ledger.now += 1_100
    assert (await a.call()).usage[0].used == 7
