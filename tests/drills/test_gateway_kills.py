"""The whole gateway as processes, killed under load: what a provider served is in the usage log, once (D66, I6).

Then with a disk that takes no more, and stopped in order: one gateway for all, as it takes longest to start.

    python -m pytest tests/drills/test_gateway_kills.py -s --kills 100 --postgres-kills 20

is the long form, which says what it saw. `loadtests/money_kills.py` kills the spool and the books alone, faster.
"""

import asyncio
import json
import os
import random
import resource
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from budgets.books import Books
from provider_sim import ProviderSim
from storage.connection import Row
from storage.database import EVERY_TENANT, Database, connected
from storage.embedded_postgres import EmbeddedPostgres
from tests.running import ENVIRON, TENANT_KEY
from tests.serving.running_process import GatewayProcess, environ, eventually
from tests.spending.test_spending import budgeted
from tests.storage.servers import LoopThread

WORKERS, CALLERS = 2, 6
_RECORDED = 100_000


class Callers:
    """They ask, each request named in its `x-gateway-task` and in what it says, until told to end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ending = threading.Event()
        self._numbers = count()
        #: By the name of a request: its status, 0 where no answer came.
        self.told: dict[str, int] = {}
        self._threads = [threading.Thread(target=self._ask, args=(seat,)) for seat in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def served(self) -> int:
        return sum(status == 200 for status in list(self.told.values()))

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seat: int) -> None:
        while not self._ending.is_set():
            name = f"request-{seat}-{next(self._numbers)}"
            self.told[name] = 0
            headers = {"authorization": f"Bearer {TENANT_KEY}", "x-gateway-task": name}
            body = {"model": "smart", "messages": [{"role": "user", "content": name}]}
            body |= {"stream": seat % 2 == 1, "max_tokens": 300}
            try:
                with httpx2.Client(
                    base_url=self._url, headers=headers, timeout=60, trust_env=False
                ) as client:
                    self.told[name] = client.post("/v1/chat/completions", json=body).status_code
            except httpx2.HTTPError:
                self._ending.wait(0.05)  # killed, or not there again yet


class Running:
    """A gateway with a database of its own in front of a provider that remembers, and callers."""

    def __init__(self, directory: Path) -> None:
        self._loop = LoopThread()
        self.sim: ProviderSim = self._loop.run(_start_sim())
        config = directory / "kaze.yaml"
        config.write_text(json.dumps(budgeted(self.sim, 100.0)))
        env = environ(database=True, **ENVIRON)
        options = ("--workers", str(WORKERS), "--config", str(config))
        self.gateway = GatewayProcess(directory / "data", *options, env=env)

    def seen(self) -> Counter[str]:
        """How often the provider was asked each request."""

        async def bodies() -> list[str]:
            return [request["body"] for request in self.sim.requests(_RECORDED)]

        return Counter(json.loads(body)["messages"][0]["content"] for body in self._loop.run(bodies()))

    def rows(self) -> list[dict[str, Any]]:
        """The usage log once all that was served is in it; then every sum is its rows'."""
        data_dir = self.gateway.data_dir
        found: list[dict[str, Any]] = []

        def all_posted() -> bool:
            found[:] = _query(data_dir, _books)[0]
            return len(found) >= self.seen().total()

        eventually(all_posted)
        eventually(lambda: "gateway_spool_records 0.0\n" in self.gateway.admin("/metrics").text)
        rows, posted, differences = _query(data_dir, _books)
        assert (posted or 0) == sum(row["cost_nusd"] for row in rows) and differences == []
        return rows

    def end(self) -> None:
        self._loop.run(self.sim.__aexit__(None, None, None))
        self._loop.end()


async def _start_sim() -> ProviderSim:
    sim = ProviderSim(latency_ms=20)
    sim.provider.stats.recorded = deque(maxlen=_RECORDED)
    return await sim.__aenter__()


def _query(data_dir: Path, ask: Callable[[Database], Any]) -> Any:
    async def run() -> Any:
        database = Database(EmbeddedPostgres.kept_dsn(data_dir / "postgres"))
        await database.start()
        await database.answering()
        try:
            return await ask(database)
        finally:
            await database.close()

    return asyncio.run(run())


async def _books(database: Database) -> tuple[list[dict[str, Any]], int, list[object]]:
    async with database.reads.transaction(EVERY_TENANT) as connection:
        rows = [dict(row) for row in await connection.fetch("SELECT * FROM usage_log")]
        posted = await connection.fetchval("SELECT sum(posted_nusd)::bigint FROM budget_posted")
    return rows, posted, list(await Books(database.flushes).reconcile())


def _kill_a_worker(gateway: GatewayProcess, chance: random.Random) -> None:
    serving: list[int] = []

    def some() -> bool:
        serving[:] = [row["process"] for row in gateway.workers() if row["state"] == "serving"]
        return bool(serving)

    eventually(some)
    os.kill(chance.choice(serving), signal.SIGKILL)


def _kill_postgres(gateway: GatewayProcess) -> None:
    pid_file = gateway.data_dir / "postgres" / "data" / "postmaster.pid"
    before = pid_file.read_text().splitlines()[0]
    os.kill(int(before), signal.SIGKILL)
    eventually(lambda: pid_file.exists() and pid_file.read_text().splitlines()[:1] not in ([], [before]))


def _all_serving(gateway: GatewayProcess) -> list[int]:
    eventually(lambda: [row["state"] for row in gateway.workers()] == ["serving"] * WORKERS)
    return [row["process"] for row in gateway.workers()]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("kz"))
    with made.gateway:
        yield made
    made.end()


def test_whatever_is_killed_each_served_attempt_is_one_row(running: Running, victims: list[str]) -> None:
    gateway, chance = running.gateway, random.Random(4)
    callers, began = Callers(gateway.url), time.monotonic()
    chance.shuffle(victims)
    for victim in victims:
        enough = callers.served() + chance.choice((1, 5, 20))
        eventually(lambda enough=enough: callers.served() >= enough)
        if victim == "worker":
            _kill_a_worker(gateway, chance)
        else:
            _kill_postgres(gateway)
    _all_serving(gateway)
    callers.end()
    rows = running.rows()
    _judge(callers.told, running.seen(), rows)
    seen = {
        "killed": Counter(victims), "seconds": round(time.monotonic() - began), "asked": len(callers.told),
        "answered": callers.served(), "rows": len(rows), "sources": Counter(row["source"] for row in rows),
    }  # fmt: skip
    print(json.dumps(seen))
    assert not list((gateway.data_dir / "spool").glob("*/refused.ndjson"))


@pytest.mark.timeout(120)
def test_a_disk_that_takes_no_more_records_stops_what_would_need_one(running: Running) -> None:
    """Nothing is sent that could not be written down; what is under way is answered, and its row comes later."""
    gateway = running.gateway
    processes = _all_serving(gateway)
    before = running.seen()
    slow = threading.Thread(target=gateway.ask, args=("[[sim:frames=30 gap_ms=50]] go on",))
    slow.start()
    eventually(lambda: running.seen().total() == before.total() + 1)
    unlimited = [resource.prlimit(process, resource.RLIMIT_FSIZE) for process in processes]
    for process, (_, hard) in zip(processes, unlimited, strict=True):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (1, hard))  # every write(2) to a file fails now
    slow.join()
    assert {gateway.ask(f"refused {number}") for number in range(10)} == {503}
    assert running.seen().total() == before.total() + 1
    for process, limit in zip(processes, unlimited, strict=True):
        resource.prlimit(process, resource.RLIMIT_FSIZE, limit)
    eventually(lambda: {gateway.ask(f"again {number}") for number in range(6)} == {200})
    served = running.seen() - before
    assert all(not name.startswith("refused") for name in served)
    running.rows()


@pytest.mark.timeout(120)
def test_a_stop_in_order_leaves_nothing_behind(running: Running) -> None:
    """Everything is posted and given back before the database is stopped."""
    gateway = running.gateway
    before = len(running.rows())
    assert gateway.ask("the last one") == 200
    gateway.terminate()
    assert gateway.ends() == 0
    server = EmbeddedPostgres(gateway.data_dir / "postgres")

    async def left() -> tuple[int, int, list[Row]]:
        dsn = await server.start()
        try:
            async with connected(dsn) as connection, connection.transaction():
                await connection.execute("SELECT set_config('app.tenant', '*', true)")
                return (
                    await connection.fetchval("SELECT count(*) FROM usage_log"),
                    await connection.fetchval("SELECT count(*) FROM budget_slices"),
                    await connection.fetch("SELECT * FROM budget_balances WHERE reserved_nusd <> 0"),
                )
        finally:
            await server.stop()

    assert asyncio.run(left()) == (before + 1, 0, [])


def _judge(told: dict[str, int], seen: Counter[str], rows: list[dict[str, Any]]) -> None:
    """Rows are what was served, each once, and what nobody knows the end of."""
    once = Counter((row["task"], row["attempt"]) for row in rows if row["number"] == 0)
    assert set(once.values()) == {1}
    by_task = Counter(row["task"] for row in rows if row["number"] == 0)
    lost = {task: (times, by_task[task]) for task, times in seen.items() if by_task[task] != times}
    assert lost == {}
    unseen = [row for row in rows if row["task"] not in seen]
    assert {row["source"] for row in unseen} <= {"unknown"}  # written down, killed, never sent
    answered = {task for task, status in told.items() if status == 200}
    assert len(answered) > 50 and answered <= set(seen)
    sources = Counter(row["source"] for row in rows)
    # a worker may be killed between the end of an answer and the record of it
    assert sources["provider"] + sources["unknown"] >= len(answered)
    assert sources["provider"] > 0.8 * len(answered)
    assert all(row["cost_nusd"] >= 0 and row["price_version"] for row in rows)
