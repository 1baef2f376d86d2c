"""The file of the memory ledger: whole, for its owner only, and whatever is wrong with it never stops a start."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge
from gateway.clock import SystemClock
from gateway.serving.ledger_file import FILE, LedgerFile

TERMS = AccountTerms("a", (Dimension("rpm", 10), Dimension("rpd", 50)))


class Life:
    """One process's ledger and its file: `async with`, from its start to its orderly end."""

    def __init__(self, data_dir: Path) -> None:
        self._time = LedgerTime(SystemClock())
        self.ledger = MemoryLedger(self._time)
        self.ledger.open_account(TERMS, self._time.now())
        self._file = LedgerFile(self.ledger, self._time, data_dir, SystemClock())

    async def __aenter__(self) -> "Life":
        await self._file.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._file.close()

    def send(self) -> None:
        assert self.ledger.take("a", Charge(1), 0, self._time.now()) is not None

    def used(self) -> list[int]:
        return [one.used for one in self.ledger.usage("a", self._time.now())]


async def test_the_next_process_goes_on(tmp_path: Path) -> None:
    async with Life(tmp_path) as life:
        life.send()
        life.send()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    async with Life(tmp_path) as life:
        assert life.used() == [2, 2]


async def test_where_nothing_counts_nothing_is_written(tmp_path: Path) -> None:
    async with Life(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def of_another_format(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"kaze-ledger-1", b"kaze-ledger-2"))


def negative(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\xff")  # the count of the day, −1
    assert whole[-1] == 1


def something_else(path: Path) -> None:
    path.write_text("ledger: memory\n")


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "spoil", [cut, of_another_format, negative, something_else, a_directory, a_pipe, a_link]
)
async def test_a_file_that_is_none_of_ours_is_warned_of_and_does_not_count(
    tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    async with Life(tmp_path) as life:
        life.send()
    spoil(tmp_path / FILE)
    async with Life(tmp_path) as life:
        assert life.used() == [0, 0]
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        life.send()


async def test_a_disk_that_takes_nothing_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Life(tmp_path / "missing") as life:
        life.send()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
