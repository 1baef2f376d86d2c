"""What the spool and the budgets cost a worker: CPU time on its loop for each record and each decision.

    python -m loadtests.spool_cost [RECORDS]

CPU time of the loop's thread, so that other work on the machine counts little; the syncing thread's is beside it.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from budgets.price import cost
from budgets.price_spec import read_price
from budgets.slice import Budget, Grant, Standing
from budgets.slices import Levels, Reserved, Slices
from budgets.spool.journal import Journal
from budgets.spool.record import Intent, Settle
from budgets.spool.tail import Tail
from budgets.spool.writer import SpoolWriter
from budgets.usage import Tokens

BUDGETS = (
    Budget("all", 10**18, "month"),
    Budget("tenant:client-a", 10**17, "month"),
    Budget("key:client-a/web", 10**16, "day"),
)
NOW = 1_790_000_000.0
USED = Tokens(1200, 300, cache_read=800, reasoning=100)
#: Requests written between two turns of the loop, as when many come at once.
_BURST = 32


def intent(number: int) -> Intent:
    accounts = tuple((budget.id, "month:2026-11-01") for budget in BUDGETS)
    return Intent(
        f"0190c1d2-7e5a-7c3b-9d1e-{number:012d}", 1, 1_790_000_000_000, 10**7, accounts,
        "4f1c2a9be07d6318/12", "genai-prices 0.2.3 openai/gpt-5 2026-10-14", "client-a", "web", "openai",
        "openai-key-1", "gpt-5", "smart", "conversation", "claude-code", "fix the tests",
    )  # fmt: skip


async def write(directory: Path, requests: int) -> tuple[float, float]:
    """Microseconds on the loop for each INTENT and SETTLE, and records a second all in all."""
    writer = SpoolWriter(directory, Journal(directory, 1))
    intents = [intent(number) for number in range(requests)]
    on_loop, began = 0.0, time.perf_counter()
    began_cpu = time.thread_time()
    for start in range(0, requests, _BURST):
        for each in intents[start : start + _BURST]:
            writer.begin(each)
            writer.resolve(
                Settle(each, 1234, "provider", USED, "default", 200, "ok", each.at_ms, 2, 900, 300)
            )
        await asyncio.sleep(0)
    on_loop = time.thread_time() - began_cpu
    took = time.perf_counter() - began
    await writer.close()
    return on_loop * 1e6 / (2 * requests), 2 * requests / took


def read(directory: Path) -> tuple[float, float]:
    """Microseconds to read each record back in batches of a thousand, and records a second."""
    tail, entries = Tail(directory, 1), 0
    began_cpu, began = time.thread_time(), time.perf_counter()
    while (batch := tail.take(1000)).entries:
        entries += len(batch.entries)
        tail.done()
    return (time.thread_time() - began_cpu) * 1e6 / entries, entries / (time.perf_counter() - began)


def decide(requests: int) -> float:
    """Microseconds to reserve and settle a request in three nested budgets."""
    slices = Slices[tuple[str, int]]()
    levels = Levels(BUDGETS)
    slices.reserve(("first", 1), levels, 1, NOW, NOW)
    for want in slices.wants(NOW):
        standing = Standing(10**17, 0, 10**12)
        slices.hear([Grant(want.budget, want.period, 10**13, 0, 0, standing, want.asked)])
    ids = [(f"request-{number}", 1) for number in range(requests)]
    began = time.thread_time()
    for one in ids:
        decided = slices.reserve(one, levels, 1000, NOW, NOW + 900)
        if not isinstance(decided, Reserved):
            raise TypeError("the slices were to be large enough")
        slices.settle(one, 600)
    return (time.thread_time() - began) * 1e6 / requests


def charge(requests: int) -> float:
    """Microseconds to work out what one reply cost."""
    price = read_price({"input": 3, "cache_read": "0.3", "output": 15, "above": {200_000: {"input": 6}}}, "x")
    began = time.thread_time()
    for _ in range(requests):
        cost(price, USED, "default")
    return (time.thread_time() - began) * 1e6 / requests


def main() -> None:
    requests = int(sys.argv[1]) // 2 if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        each, rate = asyncio.run(write(directory, requests))
        size = sum(path.stat().st_size for path in directory.glob("*.wal")) / (2 * requests)
        print(f"written: {each:.1f} µs a record on the loop, {rate:,.0f} records/s, {size:.0f} bytes each")
        back, back_rate = read(directory)
        print(f"read back to be flushed: {back:.1f} µs an entry, {back_rate:,.0f} entries/s")
    print(f"reserved and settled in {len(BUDGETS)} budgets: {decide(requests):.1f} µs a request")
    print(f"priced: {charge(requests):.1f} µs a reply")


if __name__ == "__main__":
    main()
