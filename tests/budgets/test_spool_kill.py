"""Workers killed in the middle of things: everything they were told is written is posted, once, and enough of it.

Once by its key: what stands for the database takes a second row of the same key for the first, as Postgres does.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from budgets.spool.claim import claim
from budgets.spool.record import Correct
from budgets.spool.replay import UNKNOWN, Replay

#: A third of them is started and killed once, a third twice, a third three times.
RUNS = 51


def rows(text: str) -> dict[int, tuple[int, str]]:
    """The table: the first row of a key stays."""
    table: dict[int, tuple[int, str]] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):  # else the transaction was cut short, and is done again
            name, cost, source = line.split()
            table.setdefault(int(name.removeprefix("request-")), (int(cost), source))
    return table


def check(told: str, table: dict[int, tuple[int, str]]) -> None:
    said: dict[int, str] = {}
    for line in told.splitlines():
        kind, number = line.split()
        said[int(number)] = kind
    for number, kind in said.items():
        row = table.pop(number, None)
        if kind == "S":
            assert row == (number, "provider"), (number, row)
        elif kind == "V":
            assert row is None, (number, row)
        else:  # begun: what came of it, if anything, was written but not told of yet
            assert row in (None, (number, "provider"), (1000 + number, UNKNOWN)), (number, row)
    # at most the one that was written and not told of
    assert all(row in ((number, "provider"), (1000 + number, UNKNOWN)) for number, row in table.items())
    assert len(table) <= 1


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: what a killed process wrote is there, synced or not."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(prefix="kaze-spool-", dir=memory) as made:
        yield Path(made)


@pytest.mark.timeout(300)  # a hundred processes, on a machine that may be busy
def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_posted_twice(directory: Path) -> None:
    root = directory
    subprocess.run(
        [sys.executable, "-m", "tests.budgets.spool_worker", str(root), str(RUNS), "7"], check=True
    )
    unknown = settled = 0
    for number in range(RUNS):
        directory = root / f"run-{number}"
        mine = claim(directory)
        assert mine is not None
        text = (directory / "posted").read_text()
        several = []
        for _ in range(3):  # replayed three times, the same
            replay = Replay(directory)
            lines = ""
            for entry in replay.entries():
                assert not isinstance(entry, Correct)
                lines += f"{entry.intent.request_id} {entry.cost} {entry.source}\n"
            assert not replay.damage
            several.append(rows(text.rpartition("\n")[0] + "\n" + lines if text else lines))
        assert several[0] == several[1] == several[2]
        table = several[0]
        unknown += sum(source == UNKNOWN for _, source in table.values())
        settled += len(table)
        check((directory / "told").read_text(), dict(table))
        for start in range(number % 3):
            check(
                (directory / f"told-{start}").read_text(), rows((directory / f"posted-{start}").read_text())
            )
        replay.finish()
        mine.close()
    assert unknown > RUNS and settled > 1000  # they were killed in the middle of something
