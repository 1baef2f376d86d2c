"""A worker with a spool, to be killed: `python -m tests.budgets.spool_worker ROOT RUNS SEED`.

One process starts the runs, so that Python starts once: each is a fork that writes records, tells a pipe of each
that it was told is written, and flushes some of them to a file that stands for the database. It is killed after as
many tellings as chance says, at whatever it is doing then. What it told is left in `told` beside its spool.
"""

import asyncio
import os
import random
import signal
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path

from budgets.spool.claim import Claim, claim
from budgets.spool.journal import Journal
from budgets.spool.pressure import SpoolBounds
from budgets.spool.record import Correct, Settle
from budgets.spool.replay import Replay
from budgets.spool.tail import Tail
from budgets.spool.writer import SpoolWriter
from tests.budgets.entries import intent, settle, void

OPEN_MAX = 20


def post(entries: list[Settle | Correct], directory: Path) -> None:
    """One transaction: all of the lines or, cut short, those that are whole."""
    lines = "".join(
        f"{entry.intent.request_id} {entry.cost} {entry.source}\n"
        for entry in entries
        if isinstance(entry, Settle)
    )
    with (directory / "posted").open("a") as file:
        file.write(lines)


async def work(mine: Claim, tell: int, chance: random.Random) -> None:
    """Requests without end, flushed as they go."""
    epoch = mine.epoch()
    writer = SpoolWriter(mine.path, Journal(mine.path, epoch, 3000), SpoolBounds(reserve_bytes=1))
    tail, under_way, number = Tail(mine.path, epoch), list[int](), 0
    while True:
        if len(under_way) < chance.randrange(OPEN_MAX):
            number += 1
            writer.begin(intent(number, 1000 + number))
            os.write(tell, b"I %d\n" % number)
            under_way.append(number)
        elif under_way:
            ended = under_way.pop(chance.randrange(len(under_way)))
            if chance.random() < 0.2:
                writer.resolve(void(intent(ended, 1000 + ended)))
                os.write(tell, b"V %d\n" % ended)
            else:
                writer.resolve(settle(intent(ended, 1000 + ended), ended))
                os.write(tell, b"S %d\n" % ended)
        if chance.random() < 0.05:
            batch = await asyncio.to_thread(tail.take, 50)
            await asyncio.to_thread(post, batch.entries, mine.path)
            if chance.random() < 0.9:  # else the answer to COMMIT was lost
                tail.done()
                writer.flushed(batch.flushed)
        if chance.random() < 0.02:
            await asyncio.sleep(0)


def replay(mine: Claim) -> None:
    left = Replay(mine.path)
    entries = left.entries()
    while batch := list(islice(entries, 10)):
        post(batch, mine.path)
    left.finish()


def child(directory: Path, tell: int, seed: int, working: bool) -> None:
    """Never returns."""
    mine = claim(directory)
    assert mine is not None, "the dead hold no locks"
    if working:
        asyncio.run(work(mine, tell, random.Random(seed)))
    else:
        os.write(tell, b"R\n")
        replay(mine)
    os._exit(0)


def run(directory: Path, seed: int, working: bool) -> bytes:
    """What a worker told before it was killed."""
    chance = random.Random(seed)
    ours, its = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(ours)
        try:
            child(directory, its, seed, working)
        finally:
            os._exit(1)
    os.close(its)
    told, enough = b"", chance.choice([1, 20, 100, 400]) * chance.randrange(1, 4) if working else 1
    while told.count(b"\n") < enough and (piece := os.read(ours, 4096)):
        told += piece
    for _ in range(chance.randrange(2000) if not working else 0):
        pass
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    while piece := os.read(ours, 65536):
        told += piece
    os.close(ours)
    _, status = os.waitpid(worker, 0)
    if working or os.WIFEXITED(status):
        assert working == os.WIFSIGNALED(status) and (working or os.WEXITSTATUS(status) == 0), status
    return told


def main() -> None:
    root, runs, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for number in range(runs):
        directory = root / f"run-{number}"
        directory.mkdir()
        (directory / "posted").touch()
        told = b""
        for start in range(1 + number % 3):  # it is started again, and killed again
            told = run(directory, seed + 1000 * number + start, working=True)
            if start < number % 3:
                run(directory, seed + 1000 * number + start, working=False)
                finished = claim(directory)
                assert finished is not None
                replay(finished)
                (directory / "posted").rename(directory / f"posted-{start}")
                (directory / "posted").touch()
                (directory / f"told-{start}").write_bytes(told)
                finished.close()
        (directory / "told").write_bytes(told)


if __name__ == "__main__":
    main()
