"""A sentinel puts another server in the master's place, a cluster loses a node: the ledger goes on, and asks for
what it no longer knows.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, suppress

import pytest

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.ledger import Answer, Batch, LedgerUnavailableError
from gateway.admission.ledger_wire import AccountWire
from gateway.admission.redis_connection import LOOK_S
from gateway.admission.redis_ledger import RedisLedger
from tests.admission.ledgers import asks, granted, terms
from tests.admission.topologies import Cluster, WatchedPair
from tests.clock import LoopClock, passes, standing

CEILING = 10


class Worker:
    """One process, on an account of CEILING requests a minute."""

    def __init__(self, ledger: RedisLedger, account: AccountTerms | None = None, name: str = "w") -> None:
        self.account = account or terms(Dimension("rpm", CEILING))
        self._ledger = ledger
        self._name = name
        self._number = 0
        self._last: Answer | None = None
        self._called_at = 0.0

    async def asks(self, count: int) -> Answer:
        """However long it takes; raises LedgerUnavailableError."""
        with standing():
            return await self._asks(count)

    async def heard(self, count: int) -> Answer:
        """The first answer, asked for until it comes."""
        while True:
            with suppress(LedgerUnavailableError):
                return await self._asks(count)

    async def _asks(self, count: int) -> Answer:
        called_at = time.monotonic()
        seen = self._last and self._last.seen(int((called_at - self._called_at) * 1000))
        batch = Batch(self.account, self._name, self._number + 1, seen, asks=asks(count))
        self._last = await self._ledger.exchange(batch)
        self._number, self._called_at = self._number + 1, called_at
        return self._last


Clients = Callable[[str], RedisLedger]


@pytest.fixture
def pair(watched_pair: WatchedPair) -> Iterator[WatchedPair]:
    yield watched_pair
    watched_pair.mend()


@pytest.fixture
async def client() -> AsyncIterator[Clients]:
    """Makes clients, as each process has its own."""
    async with AsyncExitStack() as stack:

        def made(url: str) -> RedisLedger:
            ledger = RedisLedger(url, LoopClock())
            stack.push_async_callback(ledger.aclose)
            return ledger

        yield made


async def test_whoever_takes_the_masters_place_knows_what_was_granted(
    pair: WatchedPair, client: Clients
) -> None:
    worker = Worker(client(pair.url))
    first = await worker.asks(CEILING)
    pair.lose_master()
    answer = await Worker(client(pair.url), worker.account, "new").heard(1)
    assert granted(answer) == 0 and answer.usage[0].used == CEILING and answer.epoch == first.epoch
    assert granted(await worker.heard(1)) == 0


async def test_what_it_may_have_missed_is_asked_for_whoever_comes_first(
    pair: WatchedPair, client: Clients
) -> None:
    busy = Worker(client(pair.url), name="busy")
    silent = Worker(client(pair.url), busy.account, "silent")
    await silent.asks(0)
    pair.stop_replicating()
    assert granted(await busy.asks(CEILING)) == CEILING
    pair.lose_master()
    for _ in range(
        3
    ):  # it has seen no more than the replica has; and then more was answered than `busy` has seen
        answer = await silent.heard(1)
        assert granted(answer) == 0 and answer.learning
    assert (await busy.heard(1)).relearn


async def test_a_master_that_was_relieved_and_lives_is_left(pair: WatchedPair, client: Clients) -> None:
    worker = Worker(client(pair.url))
    first = await worker.asks(4)
    before = pair.fail_over()
    for _ in range(500):  # until the first look at which the sentinel is through
        await passes(LOOK_S)
        if (await worker.heard(0)).epoch > first.epoch:
            break
    else:
        pytest.fail("it is not left")
    assert b"role:master" in before.say("INFO", "replication"), "it would go on"


async def test_a_master_that_was_relieved_and_says_so_is_left(pair: WatchedPair, client: Clients) -> None:
    worker = Worker(client(pair.url))
    first = await worker.asks(4)
    before = pair.fail_over()
    before.say("REPLICAOF", "127.0.0.1", pair.master.port)
    answer = await worker.heard(0)
    assert answer.relearn and answer.epoch > first.epoch


async def test_a_pair_that_comes_back_with_nothing_is_told(pair: WatchedPair, client: Clients) -> None:
    worker = Worker(client(pair.url))
    await worker.asks(CEILING)
    for server in pair.servers:
        server.stop()
    with pytest.raises(LedgerUnavailableError):
        await worker.asks(1)
    pair.mend()
    answer = await worker.heard(1)
    assert answer.relearn and granted(answer) == 0


async def test_a_node_of_a_cluster_is_lost_and_comes_back_with_nothing(
    cluster: Cluster, client: Clients
) -> None:
    ledger = client(cluster.url)
    workers = [Worker(ledger) for _ in range(24)]
    for worker in workers:
        assert granted(await worker.asks(CEILING)) == CEILING
    first = ledger._connection._client.get_default_node()  # which the library asks before all others
    lost = next(node for node in cluster.nodes if node.port == first.port)
    affected = [one for one in workers if cluster.node_of(AccountWire(one.account).keys[0]) is lost]
    assert 0 < len(affected) < len(workers)
    lost.stop()
    for worker in affected:
        with pytest.raises(LedgerUnavailableError):
            await worker.asks(1)
    for worker in workers:
        if worker not in affected:
            assert granted(await worker.asks(1)) == 0, "the others go on"
    lost.start()
    cluster.wait()
    for worker in workers:
        answer = await worker.heard(1)
        assert granted(answer) == 0 and answer.relearn == (worker in affected)
