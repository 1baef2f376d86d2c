"""The bounded mapping: never more than its bound, never without what is in use."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.recent import Recent


@given(st.integers(2, 40), st.lists(st.integers(0, 60), max_size=300))
def test_it_is_bounded_and_remembers_what_was_used_last(bound: int, used: list[int]) -> None:
    made: Recent[int, str] = Recent(bound)
    for at, key in enumerate(used):
        if made.get(key) is None:
            made.put(key, str(key))
        assert len(made) <= bound
        lately = list(dict.fromkeys(reversed(used[: at + 1])))[: bound // 2]
        assert all(made.get(one) == str(one) for one in reversed(lately))


def test_what_is_asked_for_outlives_what_is_not() -> None:
    made: Recent[int, int] = Recent(10)
    for number in range(100):
        made.put(number, number)
        made.get(0)
    assert made.get(0) == 0
    assert made.get(1) is None
