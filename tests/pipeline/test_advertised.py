"""On which accounts a worker's ledger is told of who waits there."""

from collections import Counter

from gateway.settings.snapshot import Limits
from tests.clock import passes
from tests.pipeline.admission_parts import CONVERSATION, TOP, Gate

_KEYS = ("k0", "k1", "k2")


def advertised(gate: Gate) -> Counter[tuple[int, int]]:
    """On how many accounts each who waits is, by (rank, order of arrival)."""
    waiters = gate.dispatcher.waiters
    return Counter((ask.rank, ask.order) for key in _KEYS for ask in waiters.asks(key, 8))


async def full(*ranks: int) -> Gate:
    gate = Gate(*(Limits(concurrency=1) for _ in _KEYS))
    gate.filled(len(_KEYS))
    for rank in ranks:
        await gate.waiting(rank)
        await passes(0.01)  # each arrives at a moment of its own
    return gate


async def test_the_first_of_each_class_is_advertised_wherever_it_may_go() -> None:
    gate = await full(CONVERSATION, TOP, CONVERSATION, TOP)
    assert [count for _, count in sorted(advertised(gate).items())] == [3, 1, 3, 1]


async def test_who_comes_after_it_is_advertised_on_one_account_and_in_time_on_each() -> None:
    gate = await full(CONVERSATION, CONVERSATION)
    places = set()
    for _ in range(8):
        assert [count for _, count in sorted(advertised(gate).items())] == [3, 1]
        places |= {key for key in _KEYS if len(gate.dispatcher.waiters.asks(key, 8)) == 2}
        await passes(0.25)
    assert places == set(_KEYS)
