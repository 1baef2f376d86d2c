"""What callers meet: caps near and far, several workers, warnings, resets, and who gives back what when."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from budgets.period import span
from budgets.slice import Budget, Grant, Want
from budgets.slice_size import NEAR_REQUESTS, SHARE, STOCK_S, near_cap, slice_size
from budgets.slices import WANTS_MAX, Exhausted, Levels, Reserved, Short, Slices
from budgets.spool.record import Intent, Settle
from tests.budgets.books import Books
from tests.budgets.slices_world import NOW, meet, said

MONEY = st.integers(0, 10**15)


def test_two_hundred_at_once_on_a_budget_for_fifty() -> None:
    """Four workers, and whoever was short asks again until all is decided: 50 get through, the others are told."""
    budget = Budget("key:a/web", 50 * 100, "day")
    books = Books([budget], 4)
    workers = [Slices() for _ in range(4)]
    waiting = {(f"request-{number}", 1): number % 4 for number in range(200)}
    settled, intents = 0, {}
    for _ in range(100):
        for one, seat in list(waiting.items()):
            decided = workers[seat].reserve(one, Levels((budget,)), 100, NOW, NOW + 60)
            if isinstance(decided, Reserved):
                intents[one] = Intent(*one, 0, 100, decided.accounts, f"w{seat}")
                settled += 1
            if not isinstance(decided, Short):
                del waiting[one]
        for seat, slices in enumerate(workers):
            meet(books, f"w{seat}", slices)
        for one, intent in list(intents.items()):
            slices = workers[int(intent.holder[1:])]
            assert slices.settle(one, 100)
            books.flush([Settle(intent, 100, "provider")])
            del intents[one]
    assert settled == 50 and not waiting
    assert books.posted[budget.id, span("day", NOW).key] == budget.limit


def test_what_reserves_leave_over_lets_others_in() -> None:
    """Reserves are ten times what is spent; only when a hundred have been through is the budget used up."""
    budget = Budget("all", 1000, "total")
    books, slices = Books([budget], 1), Slices()
    served = 0
    for number in range(200):
        one = f"request-{number}", 1
        for _ in range(3):
            decided = slices.reserve(one, Levels((budget,)), 100, NOW, NOW + 60)
            if not isinstance(decided, Short):
                break
            meet(books, "w", slices)
        if isinstance(decided, Exhausted):
            break
        assert isinstance(decided, Reserved)
        slices.settle(one, 10)
        assert slices.pressing  # near its cap: what is left over goes back at once
        books.flush([Settle(Intent(*one, 0, 100, decided.accounts, "w"), 10, "provider")])
        served += 1
    assert served == 91  # 900 and less than 100 left
    assert isinstance(decided, Exhausted) and decided.left == 90 and decided.span.resets_at is None


def test_far_from_its_cap_a_worker_asks_once_for_many() -> None:
    budget = Budget("all", 10**9, "month")
    books, slices, now, short = Books([budget], 4), Slices(), NOW, 0
    for number in range(3000):
        one = f"request-{number}", 1
        decided = slices.reserve(one, Levels((budget,)), 100, now, now + 60)
        if isinstance(decided, Short):
            short += 1
            meet(books, "w", slices, now)
            decided = slices.reserve(one, Levels((budget,)), 100, now, now + 60)
        assert isinstance(decided, Reserved)
        slices.settle(one, 60)
        now += 0.01
        if number % 25 == 24:
            meet(books, "w", slices, now)
    assert short <= 10
    held = books.leased((budget.id, span("month", NOW).key)) - 3000 * 60
    assert 0 < held <= 2 * STOCK_S * 100 * 101  # thirty seconds of it, not more
    now += 100
    meet(books, "w", slices, now)  # nobody asks any more: all goes back
    meet(books, "w", slices, now)
    assert books.leased((budget.id, span("month", NOW).key)) == 3000 * 60  # spent, not posted yet


def test_soft_budgets_warn_and_refuse_nothing() -> None:
    soft, hard = Budget("tenant:a", 1000, "day", hard=False), Budget("all", 10**6, "day")
    books, slices = Books([soft, hard], 1), Slices()
    slices.reserve(("first", 1), Levels((hard,)), 5000, NOW, NOW + 1)
    meet(books, "w", slices)
    seen = []
    for number in range(12):
        decided = slices.reserve((f"request-{number}", 1), Levels((soft,)), 100, NOW, NOW + 60)
        assert isinstance(decided, Reserved)
        seen.append(dict(decided.warnings).get("tenant:a", 0))
        slices.settle((f"request-{number}", 1), 100)
    assert seen == [0] * 7 + [80, 80, 100, 100, 100]
    end = span("day", NOW).end
    (want,) = [want for want in slices.wants(end - 1) if want.budget == soft.id]
    assert (want.granted, want.least) == (0, 0)  # nothing of it is leased
    accounts = ((soft.id, want.period),)
    books.flush(
        Settle(Intent(f"request-{number}", 1, 0, 100, accounts, "w"), 100, "provider") for number in range(12)
    )
    meet(books, "w", slices, end + 1)
    assert slices.wants(end + 61) == []  # all is posted, and nothing is kept of it
    assert not list(slices.slices())


def test_all_or_none() -> None:
    rich, poor = Budget("all", 10**6, "total"), Budget("key:a/web", 50, "day")
    books, slices = Books([rich, poor], 1), Slices()
    for _ in range(2):
        decided = slices.reserve(("one", 1), Levels((rich, poor)), 100, NOW, NOW + 60)
        assert not isinstance(decided, Reserved)
        assert all(each.reserved == 0 for each in slices.slices())
        meet(books, "w", slices)
    assert isinstance(decided, Exhausted) and decided.budget is poor and decided.left == 50
    assert decided.span.resets_at is not None and decided.span.end > NOW


def test_what_is_free_passes_a_budget_that_has_nothing() -> None:
    spent = Budget("all", 0, "total")
    slices = Slices()
    assert isinstance(slices.reserve(("paid", 1), Levels((spent,)), 1, NOW, NOW + 60), Short)
    assert isinstance(slices.reserve(("free", 1), Levels((spent,)), 0, NOW, NOW + 60), Reserved)
    meet(Books([spent], 1), "w", slices)
    assert isinstance(slices.reserve(("paid", 1), Levels((spent,)), 1, NOW, NOW + 60), Exhausted)


def test_a_request_counts_in_the_period_in_which_it_was_reserved() -> None:
    budget = Budget("all", 1000, "day")
    books, slices = Books([budget], 1), Slices()
    today = span("day", NOW)
    slices.reserve(("late", 1), Levels((budget,)), 900, today.end - 1, today.end + 60)
    meet(books, "w", slices, today.end - 1)
    late = slices.reserve(("late", 1), Levels((budget,)), 900, today.end - 1, today.end + 60)
    assert isinstance(late, Reserved)
    slices.reserve(("new", 1), Levels((budget,)), 900, today.end, today.end + 60)
    meet(books, "w", slices, today.end)
    new = slices.reserve(("new", 1), Levels((budget,)), 900, today.end, today.end + 60)
    assert isinstance(new, Reserved) and new.accounts != late.accounts
    assert slices.settle(("late", 1), 400)
    meet(books, "w", slices, today.end + 1)
    assert books.leased((budget.id, today.key)) == 400  # the rest of yesterday's went back


def test_who_is_not_heard_of_is_settled_as_reserved_and_only_once() -> None:
    budget = Budget("all", 1000, "total", hard=False)
    slices = Slices()
    slices.reserve(("gone", 1), Levels((budget,)), 70, NOW, NOW + 10)
    slices.reserve(("slow", 1), Levels((budget,)), 70, NOW, NOW + 20)
    assert slices.late(NOW + 9) == []
    assert slices.late(NOW + 10) == [(("gone", 1), 70)]
    assert slices.settle(("gone", 1), 70)
    assert not slices.settle(("gone", 1), 5) and not slices.release(("gone", 1))
    assert slices.open_count == 1


def test_more_than_was_reserved_is_counted_and_made_good() -> None:
    budget = Budget("all", 10_000, "total")
    books, slices = Books([budget], 1), Slices()
    slices.reserve(("one", 1), Levels((budget,)), 100, NOW, NOW + 60)
    meet(books, "w", slices)
    decided = slices.reserve(("one", 1), Levels((budget,)), 100, NOW, NOW + 60)
    assert isinstance(decided, Reserved)
    settled = slices.settle(("one", 1), 130)
    assert settled
    books.flush([Settle(Intent("one", 1, 0, 100, decided.accounts, "w"), 130, "provider")])
    meet(books, "w", slices)
    assert [each.free >= 0 for each in slices.slices()] == [True]
    assert books.leased(("all", "total")) >= 0


def test_an_answer_to_a_slice_before_this_one_is_not_believed() -> None:
    budget = Budget("all", 1000, "day")
    slices, today = Slices(), span("day", NOW)
    slices.reserve(("one", 1), Levels((budget,)), 100, NOW, NOW + 60)
    (want,) = slices.wants(NOW)
    assert want == Want("all", today.key, 100, 100, 0, 1, budget)
    books = Books([budget], 1)
    (answer,) = books.exchange("w", [want])
    assert slices.wants(today.end + 59) != []
    assert slices.wants(today.end + 60) == []  # forgotten
    assert not list(slices.slices())
    slices.reserve(("two", 1), Levels((budget,)), 100, NOW, NOW + 60)  # the clock went back
    slices.hear([answer])
    assert [each.free for each in slices.slices()] == [0]
    slices.hear([Grant("all", today.key, 150, 20, 100, answer.standing, 9)])
    assert [each.free for each in slices.slices()] == [30]


def test_near_the_cap_what_one_budget_has_is_kept_for_who_waits_for_another() -> None:
    """Else two budgets would take turns: each given back while the other is waited for."""
    wide, narrow = Budget("all", 100, "total"), Budget("key:a/web", 100, "total")
    books, slices, other = Books([wide, narrow], 2), Slices(), Slices()
    path = Levels((wide, narrow))
    other.reserve("theirs", Levels((narrow,)), 50, NOW, NOW)
    meet(books, "other", other)
    assert said(other.reserve("theirs", Levels((narrow,)), 50, NOW, NOW)) == "Reserved"
    slices.reserve("one", path, 60, NOW, NOW)
    meet(books, "w", slices)  # there is enough of the wide one
    assert said(slices.reserve("one", path, 60, NOW, NOW)) == "Short"
    meet(books, "w", slices)
    assert [each.free for each in slices.slices()] == [60, 0]
    other.settle("theirs", 10)
    meet(books, "other", other)
    assert said(slices.reserve("one", path, 60, NOW, NOW)) == "Short"
    meet(books, "w", slices)
    assert said(slices.reserve("one", path, 60, NOW, NOW)) == "Reserved"


def test_leftovers_that_serve_nobody_here_go_back_and_serve_somebody_elsewhere() -> None:
    budget = Budget("all", 250, "total")
    books, workers = Books([budget], 2), [Slices(), Slices()]
    for seat, slices in enumerate(workers):
        slices.reserve("one", Levels((budget,)), 50 if seat else 100, NOW, NOW)
        slices.reserve("two", Levels((budget,)), 100, NOW, NOW)
        meet(books, f"w{seat}", slices)  # 200 and what is left, 50
    assert said(workers[0].reserve("one", Levels((budget,)), 100, NOW, NOW)) == "Reserved"
    assert said(workers[1].reserve("two", Levels((budget,)), 100, NOW, NOW)) == "Short"
    meet(books, "w1", workers[1])
    assert [each.free for each in workers[1].slices()] == [0]
    assert said(workers[0].reserve("three", Levels((budget,)), 150, NOW, NOW)) == "Short"
    meet(books, "w0", workers[0])
    assert said(workers[0].reserve("three", Levels((budget,)), 150, NOW, NOW)) == "Reserved"


def test_many_slices_are_asked_for_in_turn_and_urgent_ones_first() -> None:
    budgets = [Budget(f"key:{number:05}", 10**6, "day", hard=False) for number in range(WANTS_MAX + 500)]
    urgent = Budget("all", 10**6, "day")
    slices = Slices()
    for number, budget in enumerate(budgets):
        slices.reserve(number, Levels((budget,)), 1, NOW, NOW)
    slices.reserve("urgent", Levels((urgent,)), 1, NOW, NOW)
    assert [want.budget for want in slices.wants(NOW, only_urgent=True)] == ["all"]
    assert slices.wants(NOW, only_urgent=True) == [] and not slices.pressing
    asked = [{want.budget for want in slices.wants(NOW + number)} for number in range(2)]
    assert [len(names) for names in asked] == [WANTS_MAX, WANTS_MAX]
    assert asked[0] | asked[1] >= {budget.id for budget in budgets}


@given(st.floats(0, 1e12), MONEY, MONEY, st.integers(1, 64))
def test_the_size_of_slices(burn: float, dear: int, remaining: int, workers: int) -> None:
    size = slice_size(burn, dear, remaining, workers)
    if near_cap(remaining, dear, workers):
        assert size == 0
    else:
        assert size * workers * SHARE <= remaining
        assert size >= dear
        assert size <= max(burn * STOCK_S, 3 * dear)
    assert near_cap(NEAR_REQUESTS * dear * workers - 1, dear, workers)


def _used_up() -> tuple[Budget, Books, Slices[tuple[str, int]]]:
    """A budget of which nothing is left, as a worker knows from the books."""
    budget = Budget("tenant:a", 1000, "month")
    books, slices = Books([budget], 1), Slices[tuple[str, int]]()
    assert isinstance(slices.reserve(("r", 1), Levels((budget,)), 1000, NOW, NOW + 60), Short)
    meet(books, "w", slices)
    held = slices.reserve(("r", 1), Levels((budget,)), 1000, NOW, NOW + 60)
    assert isinstance(held, Reserved)
    slices.settle(("r", 1), 1000)
    books.flush([Settle(Intent("r", 1, 0, 1000, held.accounts, "w"), 1000, "provider")])
    meet(books, "w", slices)
    assert isinstance(slices.reserve(("s", 1), Levels((budget,)), 1, NOW, NOW + 60), Exhausted)
    return budget, books, slices


def test_a_budget_that_was_raised_refuses_nobody_by_what_it_was() -> None:
    """Though the books were not asked since: their word is of before."""
    budget, _, slices = _used_up()
    slices.follow({budget.id: replace(budget, limit=5000)}.get, NOW)
    assert isinstance(slices.reserve(("s", 1), Levels((budget,)), 1, NOW, NOW + 60), Short)


def test_a_budget_that_was_lowered_refuses_by_what_it_is() -> None:
    budget, books, slices = _used_up()
    raised = books.budgets[budget.id] = replace(budget, limit=5000)
    slices.follow({budget.id: raised}.get, NOW)
    slices.reserve(("s", 1), Levels((raised,)), 2000, NOW, NOW + 60)
    meet(books, "w", slices)
    slices.follow({budget.id: replace(budget, limit=1500)}.get, NOW)
    decided = slices.reserve(("t", 1), Levels((raised,)), 4000, NOW, NOW + 60)
    assert isinstance(decided, Exhausted) and decided.left == 500


def test_the_books_are_told_the_terms_in_force_where_no_request_comes() -> None:
    budget, _, slices = _used_up()
    slices.follow({budget.id: replace(budget, limit=5000)}.get, NOW)
    assert [want.terms.limit for want in slices.wants(NOW)] == [5000]


def test_what_a_request_brings_sets_no_terms() -> None:
    """One of before a change comes after it, to a slice that is there and to one that is not."""
    old = Budget("tenant:a", 1000, "month")
    lowered, slices = replace(old, limit=100), Slices[tuple[str, int]]()
    for one, now in ((("r", 1), NOW), (("s", 1), NOW + 40 * 86_400)):
        slices.follow({old.id: lowered}.get, now)
        slices.reserve(one, Levels((old,)), 500, now, now + 60)
        assert {want.terms for want in slices.wants(now)} == {lowered}
    slices.follow({}.get, now)  # who is deleted keeps the last that was said
    slices.reserve(("t", 1), Levels((old,)), 500, now, now + 60)
    assert {each.budget for each in slices.slices()} == {lowered}


def test_a_budget_becomes_soft_while_a_request_waits_for_it_and_hard_again() -> None:
    hard = Budget("tenant:a", 1000, "month")
    slices, levels = Slices[tuple[str, int]](), Levels((hard,))
    assert said(slices.reserve(("r", 1), levels, 500, NOW, NOW + 60)) == "Short"
    slices.follow({hard.id: replace(hard, hard=False)}.get, NOW)
    assert said(slices.reserve(("r", 1), levels, 500, NOW, NOW + 60)) == "Reserved"
    slices.follow({hard.id: hard}.get, NOW)
    assert said(slices.reserve(("s", 1), levels, 500, NOW, NOW + 60)) == "Short"


def test_what_was_spent_while_soft_counts_once() -> None:
    """It is posted, and the budget hard, before this worker hears of the slice for the first time."""
    hard = Budget("tenant:a", 300, "month")
    soft = replace(hard, hard=False)
    books, slices = Books([hard], 1), Slices[tuple[str, int]]()
    slices.follow({hard.id: soft}.get, NOW)
    decided = slices.reserve(("r", 1), Levels((soft,)), 200, NOW, NOW + 60)
    assert isinstance(decided, Reserved)
    slices.settle(("r", 1), 200)
    books.flush([Settle(Intent("r", 1, 0, 200, decided.accounts, "w"), 200, "provider")])
    slices.follow({hard.id: hard}.get, NOW)
    meet(books, "w", slices)
    assert [each.spent_in_all for each in slices.slices()] == [200]
    assert said(slices.reserve(("s", 1), Levels((hard,)), 100, NOW, NOW + 60)) == "Short"
    meet(books, "w", slices)
    assert said(slices.reserve(("s", 1), Levels((hard,)), 100, NOW, NOW + 60)) == "Reserved"
