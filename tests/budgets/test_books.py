"""The books in PostgreSQL and their model: the same calls, the same answers; and what must hold, in both."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from budgets.period import span
from budgets.slice import Budget, Grant, Standing, Want
from budgets.spool.record import Correct, Intent, Settle
from budgets.usage import Tokens
from tests.budgets.books import Books
from tests.budgets.postgres_books import PostgresBooks
from tests.budgets.test_slices_model import BUDGETS, Money
from tests.postgres import migrated
from tests.storage.servers import RunningPostgres

TODAY = span("day", 1_795_000_000.0)
DAY = Budget("tenant:a", 1000, "day", tenant="a")
SOFT = Budget("key:a/web", 500, "day", hard=False, tenant="a")
BOTH = {budget.id: budget for budget in (DAY, SOFT)}
HOLDERS = ("one/1", "two/1", "one/2")
AnyBooks = Books | PostgresBooks


@pytest.fixture(scope="module")
def stored_books(postgres: RunningPostgres) -> Iterator[PostgresBooks]:
    books = PostgresBooks(asyncio.run(migrated(postgres)), BOTH.values())
    yield books
    books.end()


@pytest.fixture(params=["model", "postgres"])
def books(request: pytest.FixtureRequest) -> AnyBooks:
    if request.param == "model":
        return Books(BOTH.values(), 2)
    stored: PostgresBooks = request.getfixturevalue("stored_books")
    stored.empty()
    return stored


def want(
    granted: int, least: int | None = None, returned: int = 0, budget: Budget = DAY, asked: int = 1
) -> Want:
    return Want(budget.id, TODAY.key, granted, granted if least is None else least, returned, asked, budget)


def ask(books: AnyBooks, holder: str, one: Want) -> Grant:
    (grant,) = books.exchange(holder, [one])
    return grant


def entry(number: int, cost: int, holder: str = "one/1", budgets: tuple[Budget, ...] = (DAY,)) -> Settle:
    accounts = tuple((budget.id, TODAY.key) for budget in budgets)
    return Settle(
        Intent(f"request-{number}", 1, TODAY.start * 1000 + 5, 900, accounts, holder, tenant="a"),
        cost,
        "provider",
    )


ACCOUNT = DAY.id, TODAY.key


def test_a_slice_is_all_there_is_room_for_or_nothing(books: AnyBooks) -> None:
    assert ask(books, "one/1", want(700, 1))[2:5] == (700, 0, 0)
    assert ask(books, "two/1", want(700, 1)).granted == 300
    assert ask(books, "two/1", want(700, 600)).granted == 300
    grant = ask(books, "two/1", want(301))
    assert grant.granted == 300 and grant.standing.recalled
    assert ask(books, "one/1", want(700, returned=200)).standing.recalled  # who asks nothing is told
    assert ask(books, "two/1", want(500, 301)).granted == 500
    grant = ask(books, "one/1", want(700, returned=200, asked=7))
    assert not grant.standing.recalled and grant.asked == 7
    assert grant.standing[:3] == (1000, 0, 1000)


def test_what_is_said_again_late_or_in_another_order_changes_nothing(books: AnyBooks) -> None:
    early, late = want(100), want(400, returned=50)
    answer = ask(books, "one/1", late)
    for _ in range(3):
        assert (
            ask(books, "one/1", early)[2:5] == ask(books, "one/1", late)[2:5] == answer[2:5] == (400, 50, 0)
        )
    assert books.leased(ACCOUNT) == 350


def test_sums_come_from_the_rows_that_were_inserted(books: AnyBooks) -> None:
    ask(books, "one/1", want(900))
    entries = [entry(1, 100), entry(2, 50), entry(1, 100)]
    books.flush(entries)
    books.flush([*entries, entry(3, 7)])
    grant = ask(books, "one/1", want(900))
    assert grant.spent == 157 and grant.standing[:3] == (1000, 157, 743)
    books.flush([Correct(entry(1, 0).intent, 1, -30, "bill"), Correct(entry(1, 0).intent, 1, -30, "bill")])
    grant = ask(books, "one/1", want(900))
    assert grant.spent == 157 and grant.standing[:3] == (1000, 127, 743)  # to be spent again, by anybody
    assert ask(books, "two/1", want(131, 1)).granted == 130


def test_of_soft_budgets_nothing_is_leased_and_all_is_counted(books: AnyBooks) -> None:
    assert ask(books, "one/1", want(100, 0, budget=SOFT)).granted == 0
    books.flush([entry(1, 800, budgets=(SOFT,))])
    grant = ask(books, "one/1", want(0, budget=SOFT))
    assert grant.spent == 800 and grant.standing.posted == 800


def test_a_dead_worker_s_slices_come_back_when_they_are_closed_and_it_gets_no_others(books: AnyBooks) -> None:
    ask(books, "one/1", want(900))
    books.flush([entry(1, 100)])
    assert ask(books, "two/1", want(500, 1)).granted == 100
    books.close("one/1")
    assert books.exchange("one/1", [want(950, 1)]) == []
    assert ask(books, "two/1", want(950, 1)).granted == 900
    assert books.leased(ACCOUNT) == 900


def test_a_changed_limit_holds_from_the_next_exchange_on(stored_books: PostgresBooks) -> None:
    """The model's are fixed."""
    stored_books.empty()
    ask(stored_books, "one/1", want(900))
    lower = Budget(DAY.id, 500, "day", tenant="a")
    grant = ask(stored_books, "two/1", want(100, 1, budget=lower))
    assert grant.granted == 0 and grant.standing.limit == 500
    assert ask(stored_books, "two/1", want(300, 1, budget=Budget(DAY.id, 2000, "day"))).granted == 300


def test_what_was_spent_while_a_budget_was_soft_is_nobody_s_room(stored_books: PostgresBooks) -> None:
    """Whether its worker is heard of again or not, and whether the books knew of all of it or not."""
    stored_books.empty()
    soft = replace(DAY, hard=False)
    ask(stored_books, "one/1", want(0, budget=soft))
    stored_books.flush([entry(1, 900)])
    other = ask(stored_books, "two/1", want(500, least=1))
    assert (other.granted, other.standing) == (100, Standing(1000, 900, 100, 2))
    stored_books.flush([entry(2, 50)])  # what was under way
    spender = ask(stored_books, "one/1", want(1050, least=1050, asked=2))
    assert (spender.granted, spender.standing.leased) == (950, 100)
    assert stored_books.differences() == []


def test_an_epoch_that_is_not_the_last_is_refused(stored_books: PostgresBooks) -> None:
    """The model knows only what was closed."""
    stored_books.empty()
    ask(stored_books, "one/1", want(100))
    assert ask(stored_books, "one/2", want(100)).granted == 100
    assert stored_books.exchange("one/1", [want(200)]) == []
    stored_books.close("one/1")
    assert ask(stored_books, "one/2", want(1000, 1)).granted == 1000


def test_a_row_says_all_that_the_record_said(stored_books: PostgresBooks) -> None:
    stored_books.empty()
    begun = Intent(
        "r", 2, 1_795_000_000_123, 900, (ACCOUNT,), "one/1", "v1", "a", "web", "openai", "key-1", "m\0", "smart",
        "conversation", None, "täsk",
    )  # fmt: skip
    used = Tokens(*range(1, 12))
    stored_books.flush(
        [Settle(begun, 800, "estimated", used, "flex", 200, "ok", 1_795_000_001_000, 4, 5, 6, False),
         Correct(begun, 1, -5, "bill")]
    )  # fmt: skip
    first, second = stored_books.fetch("SELECT * FROM usage_log ORDER BY number")
    assert list(first.values()) == [
        date(2026, 11, 1), date(2026, 11, 18), "r", 2, 0, "one/1", "a", "web", "", "täsk",
        "smart", "m\ufffd", "openai", "key-1", "conversation", *range(1, 12), 900, 800, "v1", False, "estimated",
        "flex", 200, "ok", datetime(2026, 11, 18, 11, 6, 40, 123000, tzinfo=UTC),
        datetime(2026, 11, 18, 11, 6, 41, tzinfo=UTC), 4, 5, 6, '[["tenant:a", "day:2026-11-18"]]',
        False,
    ]  # fmt: skip
    assert (second["number"], second["cost_nusd"], second["source"], second["outcome"]) == (
        1,
        -5,
        "corrected",
        "bill",
    )


def test_differences_are_found(stored_books: PostgresBooks) -> None:
    stored_books.empty()
    ask(stored_books, "one/1", want(900))
    stored_books.flush([entry(1, 100)])
    assert stored_books.differences() == []
    stored_books.meddle("UPDATE budget_posted SET posted_nusd = posted_nusd + 1")
    (found,) = stored_books.differences()
    assert (found.budget, found.logged, found.posted, found.committed, found.due) == (
        DAY.id,
        100,
        101,
        900,
        901,
    )
    stored_books.meddle("UPDATE budget_posted SET posted_nusd = posted_nusd - 1")
    stored_books.meddle("UPDATE budget_accounts SET committed_nusd = 7")
    assert [one.committed for one in stored_books.differences()] == [7]
    assert (
        len(stored_books.differences(TODAY.resets_at.date())) == 0
    )  # of periods that began before nothing is said


def test_who_spent_more_than_it_was_leased_and_does_not_say_so_is_found(stored_books: PostgresBooks) -> None:
    """While it is heard of it will; and then the account is right by itself."""
    stored_books.empty()
    ask(stored_books, "one/1", want(100))
    stored_books.flush([entry(1, 118)])
    assert stored_books.differences() == []
    stored_books.meddle("UPDATE workers SET seen_at = now() - interval '31 seconds'")
    (found,) = stored_books.differences()
    assert (found.posted, found.committed, found.due) == (118, 100, 118)
    ask(stored_books, "one/1", want(100))
    assert stored_books.differences() == []


def without_workers(grants: list[Grant]) -> list[Grant]:
    return sorted(
        grant._replace(standing=Standing(*grant.standing[:3], 0, grant.standing.recalled)) for grant in grants
    )


AMOUNTS = st.integers(0, 1200)
BUDGET_IDS = st.sampled_from(sorted(BOTH))


class Twins(RuleBasedStateMachine):
    """Everything is said to both."""

    stored: PostgresBooks

    @initialize()
    def start(self) -> None:
        self.model = Books(BOTH.values(), 2)
        self.stored.empty()
        self.asked = 0
        self.sent: list[Settle] = []
        self.epochs = {"one": 1, "two": 1}

    @rule(
        holder=st.sampled_from(HOLDERS),
        said=st.lists(
            st.tuples(BUDGET_IDS, AMOUNTS, AMOUNTS, AMOUNTS), max_size=2, unique_by=lambda one: one[0]
        ),
    )
    def exchange(self, holder: str, said: list[tuple[str, int, int, int]]) -> None:
        worker, _, epoch = holder.partition("/")
        if int(epoch) < self.epochs[worker]:
            return  # the model does not know of epochs
        self.epochs[worker] = int(epoch)
        self.asked += 1
        wants = sorted(
            Want(
                name, TODAY.key, granted, min(least, granted), min(returned, granted), self.asked, BOTH[name]
            )
            for name, granted, least, returned in said
        )
        assert without_workers(self.stored.exchange(holder, wants)) == without_workers(
            self.model.exchange(holder, wants)
        )

    @rule(costs=st.lists(st.tuples(st.integers(0, 8), AMOUNTS), max_size=4), holder=st.sampled_from(HOLDERS))
    def flush(self, costs: list[tuple[int, int]], holder: str) -> None:
        if holder in self.model.closed:
            return  # all that it spent is posted by then
        entries = [entry(number, cost, holder, (DAY, SOFT)) for number, cost in costs]
        self.sent += entries
        for books in (self.stored, self.model):
            books.flush(entries)

    @rule(which=st.integers(0, 50), number=st.integers(1, 2), delta=st.integers(-50, 50))
    def correct(self, which: int, number: int, delta: int) -> None:
        if self.sent:
            one = Correct(self.sent[which % len(self.sent)].intent, number, delta, "bill")
            for books in (self.stored, self.model):
                books.flush([one])

    @rule(worker=st.sampled_from(["one", "two"]))
    def close(self, worker: str) -> None:
        for epoch in range(1, self.epochs[worker] + 1):
            self.model.close(f"{worker}/{epoch}")
        self.stored.close(f"{worker}/{self.epochs[worker]}")

    @invariant()
    def they_say_the_same(self) -> None:
        if not hasattr(self, "model"):
            return
        posted, leases = self.stored.posted, self.stored.leases
        for budget in BOTH.values():
            account = budget.id, TODAY.key
            assert posted[account] == self.model.posted[account]
            assert sum(one.held for one in leases[account].values()) == self.model.leased(account)

    def teardown(self) -> None:
        if hasattr(self, "model"):
            assert self.stored.differences() == []


QUICK = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_the_books_answer_as_their_model_does(stored_books: PostgresBooks) -> None:
    class ItsTwins(Twins):
        stored = stored_books

    run_state_machine_as_test(ItsTwins, settings=QUICK)


def test_money_is_neither_lost_nor_invented(stored_books: PostgresBooks) -> None:
    """The workers of `test_slices_model`, on the real books."""

    class StoredMoney(Money):
        def make_books(self) -> PostgresBooks:  # type: ignore[override]
            stored_books.empty()
            stored_books.budgets = BUDGETS
            return stored_books

        def teardown(self) -> None:
            super().teardown()
            assert stored_books.differences() == []

    run_state_machine_as_test(StoredMoney, settings=QUICK)
