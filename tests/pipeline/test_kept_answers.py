"""The store of first answers: what it gives back, what it refuses, and that it stays within its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED
from gateway.pipeline.kept_answers import KEPT_S, Answer, KeptAnswers, Name
from tests.pipeline.parts import refused

NAME: Name = ("tenant", "key", "order-1")
ANSWER = Answer(200, b"a: b\r\n", b"{}")


def store(count_max: int = 10, bytes_max: int = 100_000) -> KeptAnswers:
    return KeptAnswers(count_max, bytes_max)


def test_the_first_answer_for_a_day() -> None:
    kept = store()
    assert kept.begin(NAME, b"f", 0.0) is None
    kept.end(NAME, ANSWER, 10.0)
    assert kept.begin(NAME, b"f", 11.0) is ANSWER
    assert kept.begin(NAME, b"f", 10.0 + KEPT_S - 1) is ANSWER
    assert kept.begin(NAME, b"f", 10.0 + KEPT_S) is None
    assert (len(kept), kept.bytes) == (0, 0)


def test_another_body_is_refused_while_running_and_after() -> None:
    kept = store()
    kept.begin(NAME, b"f", 0.0)
    error = refused(IDEMPOTENCY_KEY_REUSED, lambda: kept.begin(NAME, b"g", 0.0))
    assert error.param == "Idempotency-Key"
    busy = refused(IDEMPOTENCY_IN_PROGRESS, lambda: kept.begin(NAME, b"f", 0.0))
    assert busy.retry_after_s == 0.25
    kept.end(NAME, ANSWER, 0.0)
    refused(IDEMPOTENCY_KEY_REUSED, lambda: kept.begin(NAME, b"g", 0.0))


def test_what_failed_is_tried_again_with_any_body() -> None:
    kept = store()
    kept.begin(NAME, b"f", 0.0)
    kept.end(NAME, None, 0.0)
    assert kept.begin(NAME, b"g", 0.0) is None


def test_names_are_apart() -> None:
    kept = store()
    kept.begin(NAME, b"f", 0.0)
    kept.end(NAME, ANSWER, 0.0)
    for other in (("other", "key", "order-1"), ("tenant", "other", "order-1"), ("tenant", "key", "order-2")):
        assert kept.begin(other, b"g", 0.0) is None


def test_one_large_answer_does_not_push_out_the_rest() -> None:
    kept = store(bytes_max=10_000)
    kept.begin(NAME, b"f", 0.0)
    kept.end(NAME, Answer(200, b"", b"x" * 2_501), 0.0)
    assert len(kept) == 0


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3000), st.integers(0, 20_000)), max_size=60))
def test_never_more_than_its_bounds(steps: list[tuple[int, int, int]]) -> None:
    kept = store(count_max=5, bytes_max=6_000)
    now = 0.0
    for number, size, wait in steps:
        now += wait
        name = ("t", "k", str(number))
        if kept.begin(name, b"f", now) is None:
            kept.end(name, Answer(200, b"", b"x" * size), now)
        assert len(kept) <= 5
        assert 0 <= kept.bytes <= 6_000
    kept.begin(("t", "k", "last"), b"f", now + KEPT_S)
    assert (len(kept), kept.bytes) == (0, 0)
