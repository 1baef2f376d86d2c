"""Accounts when their keys change: what is under way and what was charged stays, what is gone leaves in time."""

from dataclasses import replace
from math import inf

from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge
from gateway.pipeline.account import Account, Accounts
from gateway.pipeline.departed import Departed
from gateway.settings.snapshot import Limits, ProviderKey
from tests.admission.manual_clock import ManualClock
from tests.pipeline.parts import provider, provider_key

HERE = provider("p")
KEY = provider_key("k", HERE, limits=Limits(rpm=10), model_limits=(("gpt-[45]*", Limits(rpm=3)),))
DAY_S = 86_400.0


class Books:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.time = LedgerTime(self.clock)
        self.ledger = MemoryLedger(self.time)
        self.departed = Departed(self.ledger)
        self.accounts = Accounts(self.ledger, [KEY], 0, self.time.now(), self.departed)

    def take(self, account: Account, count: int = 1) -> None:
        for _ in range(count):
            assert self.ledger.take(account.id, Charge(1, 1, 1, 2), 0, self.time.now())

    def used(self, account: str = "k") -> tuple[int, int]:
        [usage] = self.ledger.usage(account, self.time.now())
        return usage.used, usage.limit

    def configure(self, *keys: ProviderKey) -> None:
        self.accounts.configure(keys, self.time.now())

    def sweep(self, *waited_for: str) -> bool:
        return self.accounts.sweep(waited_for.__contains__, self.time.now())


def test_another_ceiling_changes_the_account_that_is_there() -> None:
    books = Books()
    account, of_class = books.accounts.by_id["k"], books.accounts.of(KEY, "gpt-4x", books.time.now())
    account.in_flight = 2
    books.take(account, 4)
    wider = replace(KEY, limits=Limits(rpm=20), model_limits=(("gpt-[45]*", Limits(rpm=6)),))
    books.configure(wider)
    assert books.accounts.by_id == {"k": account, "k/gpt-[45]*": of_class} and account.key is wider
    assert (account.in_flight, account.limits.requests, books.used()) == (2, 20, (4, 20))
    assert books.used("k/gpt-[45]*") == (0, 6)
    books.configure(replace(KEY, model_limits=()))
    assert of_class.blocked_until == inf and not books.sweep()
    assert list(books.accounts.by_id) == ["k"]


def test_what_is_gone_takes_nothing_and_leaves_with_its_last_exchange() -> None:
    books = Books()
    account = books.accounts.by_id["k"]
    account.in_flight = 1
    books.configure()
    assert account.blocked_until == inf and books.sweep() and "k" in books.accounts.by_id
    account.in_flight = 0
    assert books.sweep("k")  # somebody still waits for it
    assert not books.sweep() and not books.accounts.by_id


def test_who_comes_back_within_a_day_finds_its_windows_as_they_were() -> None:
    books = Books()
    books.take(books.accounts.by_id["k"], 4)
    books.configure()
    assert not books.sweep()
    books.configure(KEY)
    assert books.used() == (4, 10) and books.accounts.by_id["k"].blocked_until == 0.0
    books.configure()
    books.sweep()
    books.clock.move(DAY_S)
    books.departed.sweep(books.time.now())
    assert "k" not in books.ledger._books


def test_a_key_that_moved_to_another_provider_begins_anew_but_for_its_windows() -> None:
    books = Books()
    account = books.accounts.by_id["k"]
    books.take(account, 4)
    account.failures = 3
    books.configure(replace(KEY, provider=provider("other")))
    moved = books.accounts.by_id["k"]
    assert moved is not account and moved.failures == 0 and books.used() == (4, 10)
