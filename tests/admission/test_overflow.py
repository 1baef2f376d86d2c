"""When a request goes to the local model."""

import pytest

from gateway.admission.overflow import DEADLINE, DEPTH, LocalModel, overflows
from tests.admission.parts import item

FREE = LocalModel(running=0, concurrency=2, waiting=0, waiting_max=4)
BUSY = LocalModel(running=2, concurrency=2, waiting=3, waiting_max=4)
FULL = LocalModel(running=2, concurrency=2, waiting=4, waiting_max=4)


@pytest.mark.parametrize(
    ("rank", "hint", "depth", "wait_s", "local", "reason"),
    [
        (1, "fast", 51, 0.0, FREE, DEPTH),
        (0, "embed", 51, 0.0, FREE, DEPTH),
        (3, None, 51, 0.0, FREE, DEPTH),
        (4, "smart", 51, 0.0, BUSY, DEPTH),
        (1, "fast", 50, 0.0, FREE, None),  # as deep as allowed is not deeper
        (1, "fast", 0, 21.0, FREE, DEADLINE),  # beyond the class's patience
        (1, "fast", 0, 19.0, FREE, None),
        (2, None, 1000, 1000.0, FREE, None),  # neither hint nor class allow it
        (1, "smart", 1000, 1000.0, FREE, None),
        (1, "fast", 1000, 1000.0, FULL, None),
    ],
)
def test_overflow(
    rank: int, hint: str | None, depth: int, wait_s: float, local: LocalModel, reason: str | None
) -> None:
    assert overflows(item("1", rank, hint=hint), depth, wait_s, 50, local, 0.0) == reason


def test_a_deadline_may_be_nearer_than_patience() -> None:
    one = item("1", 1, hint="fast", deadline=5.0)
    assert overflows(one, 0, 4.0, 50, FREE, 0.0) is None
    assert overflows(one, 0, 4.0, 50, FREE, 2.0) == DEADLINE
