"""A hard limit that is lowered, and what workers had in stock under the higher one."""

from dataclasses import replace

from budgets.slice import LOWERED_S, Budget
from budgets.slices import Levels, Slices
from tests.budgets.books import Books
from tests.budgets.slices_world import NOW, meet, said


def _stocked(limit: int) -> tuple[Budget, Books, list[Slices[str]]]:
    """Two workers far from the cap, with some of it in stock each."""
    budget = Budget("tenant:a", limit, "month")
    books, workers = Books([budget], 2), [Slices[str](), Slices[str]()]
    for seat, slices in enumerate(workers):
        for number in range(5):
            slices.reserve(f"first-{number}", Levels((budget,)), 100, NOW, NOW + 60)
            meet(books, f"w{seat}", slices)
            slices.release(f"first-{number}")
        meet(books, f"w{seat}", slices)
        assert [each.free >= 300 for each in slices.slices()] == [True]
    return budget, books, workers


def _lower(budget: Budget, limit: int, books: Books, *workers: Slices[str], now: float = NOW) -> Budget:
    lowered = books.budgets[budget.id] = replace(budget, limit=limit)
    for slices in workers:
        slices.follow({budget.id: lowered}.get, now)
    return lowered


def test_what_is_in_stock_does_not_outlive_the_cap_it_was_leased_under() -> None:
    """Of two workers neither knows what the other holds: 150 are left, and both have more than that in stock."""
    budget, books, workers = _stocked(100_000)
    lowered = _lower(budget, 150, books, *workers)
    for slices in workers:
        assert slices.pressing  # the books are asked at once
        assert said(slices.reserve("a", Levels((lowered,)), 100, NOW, NOW + 60)) == "Short"
    for _ in range(2):
        for seat, slices in enumerate(workers):
            meet(books, f"w{seat}", slices)
            if not slices.open_count:
                slices.reserve("a", Levels((lowered,)), 100, NOW, NOW + 60)
    assert [slices.open_count for slices in workers] in ([0, 1], [1, 0])
    assert sum(each.reserved + each.free for slices in workers for each in slices.slices()) <= lowered.limit


def test_what_is_under_way_when_a_cap_is_lowered_goes_on_and_lets_nobody_in_by_what_it_leaves() -> None:
    budget, books, (slices, other) = _stocked(100_000)
    assert said(slices.reserve("a", Levels((budget,)), 250, NOW, NOW + 60)) == "Reserved"
    _lower(budget, 100, books, slices, other)
    assert [each.reserved for each in slices.slices()] == [250]
    assert slices.settle("a", 50)
    assert said(slices.reserve("b", Levels((budget,)), 1, NOW, NOW + 60)) == "Short"  # of the 200 nothing
    meet(books, "w1", other)
    meet(books, "w0", slices)
    assert said(slices.reserve("b", Levels((budget,)), 50, NOW, NOW + 60)) == "Short"
    meet(books, "w0", slices)
    assert said(slices.reserve("b", Levels((budget,)), 50, NOW, NOW + 60)) == "Reserved"
    assert [each.free for each in slices.slices()] == [0]


def test_what_was_asked_for_under_a_higher_cap_is_not_spent_under_the_lower() -> None:
    """It was on its way, or the answer was lost and what it gave comes with the next."""
    for lost in (False, True):
        budget, books, (slices, other) = _stocked(100_000)
        other.reserve("theirs", Levels((budget,)), 300, NOW, NOW + 60)
        slices.reserve("dear", Levels((budget,)), 5_000, NOW, NOW + 60)
        answers = [books.exchange("w0", slices.wants(NOW))]
        _lower(budget, 310, books, slices, other)
        if lost:
            answers = [books.exchange("w0", slices.wants(NOW))]
        for answer in answers:
            slices.hear(answer)
            assert said(slices.reserve("a", Levels((budget,)), 100, NOW, NOW + 60)) == "Short"


def test_what_the_books_said_before_a_cap_was_lowered_tells_nothing_of_what_others_took_since() -> None:
    """By their last word there is room enough under the lower cap."""
    budget, books, (slices, other) = _stocked(100_000)
    assert said(slices.reserve("a", Levels((budget,)), 250, NOW, NOW + 60)) == "Reserved"
    slices.reserve("b", Levels((budget,)), 5_000, NOW, NOW + 60)
    answer = books.exchange("w0", slices.wants(NOW))
    other.reserve("theirs", Levels((budget,)), 60_000, NOW, NOW + 60)
    meet(books, "w1", other)
    lowered = _lower(budget, 50_000, books, slices, other)
    slices.hear(answer)
    assert slices.settle("a", 0)
    assert said(slices.reserve("b", Levels((lowered,)), 100, NOW, NOW + 60)) == "Short"


def test_no_stock_is_held_of_a_lowered_cap_until_every_worker_has_heard_of_it() -> None:
    """The one that has not spends what is left under the cap as it was; nobody else may have that in stock."""
    budget, books, (slices, late) = _stocked(100_000)
    lowered = _lower(budget, 50_000, books, slices)
    meet(books, "w0", slices)
    assert [each.free for each in slices.slices()] == [0]
    slices.reserve("a", Levels((lowered,)), 100, NOW, NOW + 60)
    meet(books, "w0", slices)
    assert said(slices.reserve("a", Levels((lowered,)), 100, NOW, NOW + 60)) == "Reserved"
    assert [each.free for each in slices.slices()] == [0]  # what was asked for, and no more
    books.budgets[budget.id] = budget
    late.reserve("late", Levels((budget,)), 60_000, NOW + 0.5, NOW + 60)
    meet(books, "w1", late, NOW + 0.5)
    assert said(late.reserve("late", Levels((budget,)), 60_000, NOW + 0.5, NOW + 60)) == "Reserved"
    _lower(budget, 50_000, books, late, now=NOW + 0.5)
    assert said(slices.reserve("b", Levels((lowered,)), 1, NOW + 0.5, NOW + 60)) == "Short"
    late.release("late")
    for _ in range(3):
        meet(books, "w1", late, NOW + LOWERED_S)
        meet(books, "w0", slices, NOW + LOWERED_S)
    assert [each.free > 100 for each in slices.slices()] == [True]


def test_a_cap_that_is_raised_or_stays_as_it_was_freezes_nothing() -> None:
    budget, _, (slices, _) = _stocked(100_000)
    before = [each.free for each in slices.slices()]
    for limit in (100_000, 200_000):
        slices.follow({budget.id: replace(budget, limit=limit)}.get, NOW)
        assert [each.free for each in slices.slices()] == before and not slices.pressing
    assert said(slices.reserve("a", Levels((budget,)), 100, NOW, NOW + 60)) == "Reserved"


def test_what_was_in_stock_of_a_cap_that_became_soft_goes_back_when_it_is_hard_again() -> None:
    """While it was soft nobody held to it: how much is left of it only the books know."""
    budget, _, (slices, _) = _stocked(100_000)
    slices.follow({budget.id: replace(budget, hard=False)}.get, NOW)
    slices.follow({budget.id: budget}.get, NOW)
    assert [each.free for each in slices.slices()] == [0]
    assert said(slices.reserve("a", Levels((budget,)), 100, NOW, NOW + 60)) == "Short"
