"""Request ids: ULIDs that are unique and sort by time."""

import re
from datetime import UTC, datetime

from gateway.pipeline.request_id import RequestIds

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_shape_uniqueness_and_order_within_a_process() -> None:
    ids = RequestIds()
    made = [ids.next(number / 1e5) for number in range(100_000)]
    assert all(re.fullmatch(rf"req_[0-7][{_ALPHABET}]{{25}}", one) for one in made)
    assert len(set(made)) == len(made)
    assert made == sorted(made)


def test_processes_that_start_together_share_none() -> None:
    made = [ids.next(0.0) for ids in [RequestIds() for _ in range(200)] for _ in range(50)]
    assert len(set(made)) == len(made)


def test_the_time_part_is_the_time() -> None:
    before = datetime.now(UTC).timestamp() * 1000
    stamp = 0
    for letter in RequestIds().next(0.0).removeprefix("req_")[:10]:
        stamp = stamp * 32 + _ALPHABET.index(letter)
    assert int(before) <= stamp <= datetime.now(UTC).timestamp() * 1000
