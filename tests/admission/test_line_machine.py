"""The line against a naive model: a list of what waits, and the rules said as searches through all of it.

Of reference §3.8: work conservation (3), priority (4), no head-of-line blocking (5), every item ends (6), fairness
(7, as: nobody with a smaller tag is passed over), FIFO (8), shed order (9), deadlines (10), one outcome (11),
nothing waits for ever (12) and monotone expectations (14).
"""

import sys
from math import inf, isnan

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from gateway.admission.bounds import Bounds
from gateway.admission.classes import CLASSES, RANKS
from gateway.admission.item import (
    DEADLINE_UNREACHABLE,
    Item,
    Refused,
)
from gateway.admission.line import CERTAINTY, RETRY_MAX_S, Line
from gateway.charge import Charge
from tests.admission.shedding import Shedding

ACCOUNTS = ("a", "b", "c")
SIGNATURES = (("a",), ("b",), ("a", "b"), ("b", "a", "c"), ("c",))
TENANTS = {"one": 1.0, "two": 1.0, "three": 3.0}
ORDERS = (RANKS, (0, 3, 1, 2, 3, 4), (0, 2, 4, 1, 2, 3, 4))
RATE = 10.0
EPSILON = 1e-9


class Accounts:
    """Room in two dimensions, which only the test adds to. One that is down has none and promises none."""

    def __init__(self) -> None:
        self.room = {account: [3, 10] for account in ACCOUNTS}
        self.down: set[str] = set()

    def fits(self, account: str, item: Item) -> bool:
        return account not in self.down and all(
            need <= room for need, room in zip(item.charge, self.room[account], strict=False)
        )

    def take(self, account: str, item: Item) -> bool:
        if not self.fits(account, item):
            return False
        self.room[account][0] -= item.charge.requests
        self.room[account][1] -= item.charge.input
        return True

    def free_in(self, account: str, item: Item) -> float:
        if account in self.down:
            return inf
        missing = [need - room for need, room in zip(item.charge, self.room[account], strict=False)]
        return max(0.0, *missing) / RATE

    def sure_in(self, account: str, item: Item) -> float:
        return self.free_in(account, item)

    def opens_in(self, account: str, _item: Item) -> float:
        return inf if account in self.down else 0.0

    def share(self, account: str, item: Item) -> float:
        return item.share

    def rates(self, account: str) -> tuple[float, ...]:
        return (RATE, RATE, inf, inf) if account not in self.down else (0.0, 0.0, inf, inf)

    def served(self, account: str) -> tuple[float, ...]:
        return (0.1, 0.2, 0.2, 0.05, 0.05)

    def elsewhere(self, account: str) -> tuple[()]:
        return ()


class Model:
    """What waits, as a list, and virtual service, as numbers."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.waiting: list[Item] = []
        self.clock: dict[tuple[str, int], float] = {}
        self.finish: dict[tuple[str, int, str], float] = {}

    def tag(self, account: str, item: Item) -> float:
        clock = self.clock.get((account, item.rank), 0.0)
        return max(clock, self.finish.get((account, item.rank, item.tenant), 0.0))

    def serve(self, account: str, item: Item) -> None:
        tag = self.tag(account, item)
        self.clock[account, item.rank] = tag
        self.finish[account, item.rank, item.tenant] = tag + item.share / item.weight

    def correct(self, account: str, item: Item, share: float) -> None:
        where = (account, item.rank, item.tenant)
        self.finish[where] = self.finish.get(where, 0.0) + (share - item.share) / item.weight

    @staticmethod
    def place(item: Item) -> tuple[float, int]:
        return (-inf if item.ahead_of_all else item.expires_at, item.order)

    def lanes(self) -> list[list[Item]]:
        found: dict[tuple[object, ...], list[Item]] = {}
        for item in self.waiting:
            found.setdefault((item.signature, item.rank, item.tenant), []).append(item)
        return [sorted(lane, key=self.place) for lane in found.values()]

    def heads(self, account: str) -> list[Item]:
        return [lane[0] for lane in self.lanes() if account in lane[0].signature]

    def of(self, rank: int, tenant: str | None = None) -> list[Item]:
        return [i for i in self.waiting if i.rank == rank and tenant in (None, i.tenant)]

    def holds(self, account: str, item: Item, now: float) -> float | None:
        """For how long the item that does not fit may keep others off the account; None where it may not."""
        wait = self.accounts.free_in(account, item)
        waits = [self.accounts.free_in(other, item) for other in item.signature]
        nearest = item.signature[waits.index(min(waits))]
        return wait if nearest == account and wait <= min(60.0, item.expires_at - now) else None

    def excused(self, account: str, item: Item, order: tuple[int, ...], now: float, slack: float) -> bool:
        """Whether `item`, which fits, rightly does not go: one before it holds the account.

        Of those with equal tags either may be before the other: `slack` is positive where that may excuse. A class
        that is held up by a more urgent one holds up nobody itself.
        """
        bar = len(RANKS)
        for rank in dict.fromkeys(order):
            holders = [
                (self.tag(account, other), held)
                for other in self.heads(account)
                if other.rank == rank and other is not item and not self.accounts.fits(account, other)
                if (held := self.holds(account, other, now)) is not None
            ]
            if rank == item.rank:
                return rank >= bar or any(tag <= self.tag(account, item) + slack for tag, _ in holders)
            if rank >= bar or not holders:
                continue
            first = min(holders)[0]
            short = [held <= 1.0 for tag, held in holders if tag <= first + EPSILON]
            if any(short) if slack > 0.0 else all(short):
                return True
            bar = rank
        raise AssertionError("every class is in the order")


class LineMachine(RuleBasedStateMachine):
    gone = Bundle("gone")  # picked, and under way

    @initialize(roomy=st.booleans())
    def start(self, roomy: bool) -> None:
        self.accounts = Accounts()
        self.model = Model(self.accounts)
        self.bounds = Bounds(1000, 1 << 30) if roomy else Bounds(12, 100)
        self.line = Line(self.bounds, self.accounts)
        self.now = 0.0
        self.count = 0
        self.ended: set[str] = set()

    def end(self, item: Item) -> None:
        """One outcome for each item."""
        assert item.id not in self.ended
        self.ended.add(item.id)

    @rule(
        rank=st.sampled_from(RANKS),
        tenant=st.sampled_from(sorted(TENANTS)),
        signature=st.sampled_from(SIGNATURES),
        tokens=st.sampled_from([1, 1, 4, 12, 100]),
        size=st.sampled_from([0, 1, 3, 30, 70]),
        deadline=st.none() | st.floats(0.5, 40.0),
    )
    def offer(
        self, rank: int, tenant: str, signature: tuple[str, ...], tokens: int, size: int, deadline: float | None
    ) -> None:  # fmt: skip
        self.count += 1
        item = Item(
            f"{self.count}", signature, rank, tenant, Charge(1, tokens), tokens / 100, size, self.now,
            CLASSES[rank].ttl_s, TENANTS[tenant], None if deadline is None else self.now + deadline,
        )  # fmt: skip
        self.expire()
        before = self.model.waiting
        full = Shedding(self.bounds, before).limits()
        answer = self.line.offer(item, self.now)
        if isinstance(answer, Refused):
            self.check_refusal(item, answer)
            self.end(item)
            return
        self.model.waiting = [*before, item]
        for victim in answer.victims:
            Shedding(self.bounds, self.model.waiting).check_victim(item, victim)
            self.model.waiting.remove(victim)
            self.end(victim)
        assert Shedding(self.bounds, self.model.waiting).within(full)

    def check_refusal(self, item: Item, answer: Refused) -> None:
        assert answer.retry_after_s >= 0.0
        if answer.reason == DEADLINE_UNREACHABLE:
            late = answer.retry_after_s * CERTAINTY > item.expires_at - self.now
            assert late or answer.retry_after_s == RETRY_MAX_S
        else:
            Shedding(self.bounds, self.model.waiting).check_refusal(item, answer.reason)

    @rule(account=st.sampled_from(ACCOUNTS), requests=st.integers(0, 3), tokens=st.integers(0, 30))
    def gain(self, account: str, requests: int, tokens: int) -> None:
        room = self.accounts.room[account]
        room[0], room[1] = min(6, room[0] + requests), min(40, room[1] + tokens)

    @rule(account=st.sampled_from(ACCOUNTS))
    def goes_down_or_up(self, account: str) -> None:
        self.accounts.down ^= {account}

    @rule(target=gone, account=st.sampled_from(ACCOUNTS), order=st.sampled_from(ORDERS))
    def pick(self, account: str, order: tuple[int, ...]) -> object:
        self.expire()
        asked: list[Item] = []
        fitting = [one for one in self.model.heads(account) if self.accounts.fits(account, one)]
        excused, barred = (
            [one for one in fitting if self.model.excused(account, one, order, self.now, slack)]
            for slack in (EPSILON, -EPSILON)
        )
        tags = {one.id: self.model.tag(account, one) for one in fitting}

        def try_take(item: Item) -> bool:
            asked.append(item)
            return self.accounts.take(account, item)

        picked = self.line.pick(account, order, try_take, self.now)
        assert len({one.id for one in asked}) == len(asked)
        if picked is None:
            assert [one.id for one in fitting] == [one.id for one in excused]  # 3, 5
            return multiple()
        assert picked is asked[-1] and picked in fitting and picked not in barred  # 8, 10
        ranks = list(dict.fromkeys(order))
        for one in fitting:
            if one not in excused and ranks.index(one.rank) < ranks.index(picked.rank):
                raise AssertionError(f"{one.id} of a class before {picked.id}'s fits")  # 4
            if one.rank == picked.rank and one not in excused:
                assert tags[picked.id] <= tags[one.id] + EPSILON  # 7
        self.model.waiting.remove(picked)
        self.model.serve(account, picked)
        assert picked.expires_at > self.now
        return picked

    @rule(item=consumes(gone))
    def put_back(self, item: Item) -> None:
        assert item.served_at is not None
        self.model.correct(item.served_at, item, 0.0)
        self.line.put_back(item, self.now)
        self.model.waiting.append(item)
        (lane,) = [lane for lane in self.model.lanes() if item in lane]
        assert lane[0] is item or lane[0].ahead_of_all

    @rule(item=consumes(gone), used=st.floats(0.0, 3.0))
    def settle(self, item: Item, used: float) -> None:
        assert item.served_at is not None
        account, predicted = item.served_at, item.share
        self.line.settle(item, predicted * used)
        if self.model.finish[account, item.rank, item.tenant] > self.model.clock[account, item.rank]:
            self.model.correct(account, item, predicted * used)
        assert not self.line.remove(item)
        self.end(item)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.model.waiting:
            item = data.draw(st.sampled_from(self.model.waiting))
            assert self.line.remove(item) and not self.line.remove(item)
            self.model.waiting.remove(item)
            self.end(item)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 30.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        late = {one.id for one in self.model.waiting if one.expires_at <= self.now}
        due = self.line.next_expiry()
        assert due is not None or not late
        expired = self.line.expire(self.now)
        assert {one.id for one in expired} == late and len(expired) == len(late)
        for one in expired:
            self.model.waiting.remove(one)
            self.end(one)

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "line"):
            return
        assert len(self.line) == len(self.model.waiting)
        assert self.line.bytes == sum(one.bytes for one in self.model.waiting)
        for one in self.model.waiting:
            assert self.line.find(one.id) is one
        for account in ACCOUNTS:
            ranks = [one.rank for one in self.model.waiting if account in one.signature]
            assert [self.line.waits_for(account, rank) for rank in RANKS] == [
                any(other <= rank for other in ranks) for rank in RANKS
            ]

    @invariant()
    def expectations_are_monotone(self) -> None:
        if not hasattr(self, "line"):
            return
        for lane in self.model.lanes():
            last_position = 0
            last_ahead: dict[
                Charge, float
            ] = {}  # by what they take: a floor must yield a request itself, too
            for one in lane:
                position, wait = self.line.expected(one, self.now)
                ahead = wait - min(self.accounts.free_in(account, one) for account in one.signature)
                assert wait >= 0.0 and position >= last_position
                last_position = position
                if not isnan(ahead):
                    assert ahead >= last_ahead.get(one.charge, 0.0) - 1e-6
                    last_ahead[one.charge] = ahead

    def teardown(self) -> None:
        """Nothing waits for ever, and nothing is left of what waited."""
        if not hasattr(self, "line") or sys.exc_info()[0] is not None:
            return  # what failed is told instead
        self.now += 4000.0
        self.expire()
        assert len(self.line) == 0 and self.line.bytes == 0
        assert all(self.line.depth(signature) == 0 for signature in SIGNATURES)


LineMachine.TestCase.settings = settings(max_examples=250, stateful_step_count=50, deadline=None)
TestLine = LineMachine.TestCase
