"""What replies taught: in force for a day, of the latest owners, of each the latest lessons."""

from gateway.pipeline.learned import Learned

_DAY_S = 86_400.0


def test_a_lesson_holds_for_a_day_from_when_it_was_learned_last() -> None:
    learned: Learned[str, str] = Learned()
    assert not learned
    learned.add("a", ["one", "two"], 0.0)
    learned.add("a", ["one"], 10.0)
    assert learned and learned.of("a", _DAY_S - 1) == ["two", "one"]
    assert learned.of("a", _DAY_S) == ["one"]
    assert learned.of("b", 0.0) == []


def test_the_oldest_go_first() -> None:
    learned: Learned[int, int] = Learned()
    for owner in range(1025):
        learned.add(owner, [0], 0.0)
        learned.add(1, [0], 0.0)  # it is kept fresh
    assert [owner for owner in range(4) if learned.of(owner, 1.0)] == [1, 2, 3]
    learned.add(7, range(70), 0.0)
    assert learned.of(7, 1.0) == list(range(6, 70))
