"""Segments on disk: whatever happens to their bytes, what is sound is read, and nothing else."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.spool.claim import claim, claim_free, seats
from budgets.spool.cursor import read_cursor, write_cursor
from budgets.spool.journal import Journal, SpoolError
from budgets.spool.record import HEAD, Correct, Kind, Said, frame, read_frame, said_in
from budgets.spool.replay import UNKNOWN, Replay
from budgets.spool.segment import Position, Segment, SegmentScan, said_of, segments
from budgets.spool.tail import Tail
from tests.budgets.entries import intent, settle, void

SAID: list[Said] = [
    intent(1), settle(intent(1)), intent(2), void(intent(2)), Correct(intent(1), 1, -20, "bill"), intent(3),
]  # fmt: skip


def scan_bytes(data: bytes, ended: bool = True) -> SegmentScan:
    return SegmentScan(Segment(Position(1, 1), Path("x")), data, 0, 1, ended)


def close(journal: Journal) -> None:
    journal.close()
    for file in journal.closing:
        os.close(file)


@pytest.mark.parametrize("said", SAID)
def test_a_record_is_read_as_it_was_written(said: Said) -> None:
    data = b"--" + frame(7, said) + b"--"
    sound = read_frame(data, 2)
    assert sound is not None and sound[0] == 7
    assert said_in(sound[1], data[2 + HEAD.size : sound[2]]) == said


def test_a_record_of_any_later_kind_or_form_is_damage_and_not_a_crash() -> None:
    assert said_in(9, b"\x90") is None
    assert said_in(Kind.SETTLE, b"\x90") is None
    assert said_in(Kind.INTENT, b"\xc1") is None


@given(st.integers(0, len(b"".join(frame(n, s) for n, s in enumerate(SAID, 1)))))
def test_of_a_file_cut_anywhere_every_whole_record_is_read(length: int) -> None:
    frames = [frame(number, said) for number, said in enumerate(SAID, 1)]
    data, whole, at = b"".join(frames)[:length], [], 0
    for said, bytes_ in zip(SAID, frames, strict=True):
        at += len(bytes_)
        if at <= length:
            whole.append(said)
    scan = scan_bytes(data)
    assert list(said_of(scan)) == whole
    assert scan.torn == (scan.at < len(data)) and not scan.damage
    later = scan_bytes(data, ended=False)  # still being written: the rest is to come
    assert list(said_of(later)) == whole and not later.torn


@settings(deadline=None)
@given(st.integers(0, len(SAID) - 1), st.data())
def test_damage_costs_only_what_it_touched(hit: int, data: st.DataObject) -> None:
    frames = [frame(number, said) for number, said in enumerate(SAID, 1)]
    start = sum(map(len, frames[:hit]))
    offset = data.draw(st.integers(0, len(frames[hit]) - 1))
    broken = bytearray(b"".join(frames))
    broken[start + offset] ^= data.draw(st.integers(1, 255))
    for ended in (True, False):
        scan = scan_bytes(bytes(broken), ended)
        assert list(said_of(scan)) == SAID[:hit] + SAID[hit + 1 :]
        if hit < len(SAID) - 1:
            assert [(one.at, one.length) for one in scan.damage] == [(start, len(frames[hit]))]
        else:
            assert not scan.damage and scan.torn is ended


def test_zeroes_at_the_end_are_a_torn_tail() -> None:
    scan = scan_bytes(frame(1, SAID[0]) + bytes(5000))
    assert list(said_of(scan)) == SAID[:1]
    assert scan.torn and not scan.damage


def write_all(directory: Path, count: int, segment_bytes: int = 2000) -> Journal:
    """`count` requests, every fifth void and every seventh left open."""
    journal = Journal(directory, 1, segment_bytes)
    for number in range(count):
        begun = intent(number)
        journal.begin(begun)
        if number % 7 == 6:
            continue
        journal.resolve(void(begun) if number % 5 == 4 else settle(begun))
    return journal


def expected(count: int) -> dict[str, int]:
    return {
        f"request-{number}": 1000 if number % 7 == 6 else 500
        for number in range(count)
        if number % 7 == 6 or number % 5 != 4
    }


def replayed(directory: Path, before: int | None = None) -> dict[str, int]:
    posted: dict[str, int] = {}
    for entry in Replay(directory, before).entries():
        assert not isinstance(entry, Correct) and entry.intent.request_id not in posted
        assert (entry.source == UNKNOWN) == (entry.cost == 1000)
        posted[entry.intent.request_id] = entry.cost
    return posted


def test_files_are_rotated_by_size_and_replayed_as_one(tmp_path: Path) -> None:
    close(write_all(tmp_path, 100))
    files = segments(tmp_path)
    assert len(files) > 10 and all(one.path.stat().st_size <= 2000 for one in files)
    assert replayed(tmp_path) == replayed(tmp_path) == expected(100)


def test_a_file_that_is_lost_or_broken_costs_nothing_of_the_others(tmp_path: Path) -> None:
    close(write_all(tmp_path, 100))
    files = segments(tmp_path)
    middle = files[5].path
    middle.write_bytes(b"\xff" * 300 + middle.read_bytes()[300:])
    replay = Replay(tmp_path)
    seen = {entry.intent.request_id for entry in replay.entries()}
    assert len(replay.damage) == 1 and replay.damage[0].path == middle
    missing = expected(100).keys() - seen
    assert len(missing) <= 2  # only what those 300 bytes said
    replay.finish()
    assert segments(tmp_path) == [] and len(list(tmp_path.glob("*.damaged"))) == 1


def test_flushed_files_go_and_what_is_open_is_carried_over(tmp_path: Path) -> None:
    journal = write_all(tmp_path, 50)
    assert journal.open_count == 7
    tail, posted = Tail(tmp_path, 1), []
    while (batch := tail.take(3)).entries:
        assert len(batch.entries) <= 3
        assert tail.take(3) == batch  # until it is done
        tail.done()
        posted += [entry.intent.request_id for entry in batch.entries]
        write_cursor(tmp_path, batch.flushed)
        for path in journal.release(batch.flushed):
            path.unlink()
    assert sorted(posted) == sorted(name for name, cost in expected(50).items() if cost == 500)
    assert len(segments(tmp_path)) <= 3
    assert sum(one.path.stat().st_size for one in segments(tmp_path)) == journal.bytes
    assert replayed(tmp_path) == {name: 1000 for name, cost in expected(50).items() if cost == 1000}
    journal.resolve(settle(intent(6)))  # carried, and still open
    with pytest.raises(ValueError, match="not open"):
        journal.resolve(settle(intent(6)))
    with pytest.raises(ValueError, match="twice"):
        journal.begin(intent(13))
    assert [entry.intent.request_id for entry in tail.take(9).entries] == ["request-6"]
    close(journal)


def test_nothing_is_released_that_is_not_flushed(tmp_path: Path) -> None:
    journal = write_all(tmp_path, 50)
    second = segments(tmp_path)[1].first
    assert journal.release(Position(1, second.sequence - 2)) == []
    assert [path.name for path in journal.release(Position(1, second.sequence - 1))] == [
        segments(tmp_path)[0].path.name
    ]
    close(journal)


def test_a_tail_follows_damage_in_the_file_that_is_being_written(tmp_path: Path) -> None:
    journal = write_all(tmp_path, 6, 100_000)
    (file,) = segments(tmp_path)
    data = bytearray(file.path.read_bytes())
    data[HEAD.size + 5] ^= 1
    file.path.write_bytes(data)
    batch = Tail(tmp_path, 1).take(100)
    assert len(batch.entries) == 5 and len(batch.damage) == 1 and batch.flushed == journal.last
    close(journal)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_record_that_finds_no_room_is_taken_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1)
    journal.begin(intent(0))
    journal.begin(intent(1))
    with files_of_at_most(journal.bytes + 50):
        for _ in range(3):
            with pytest.raises(SpoolError):
                journal.resolve(settle(intent(0)))
        with pytest.raises(SpoolError):
            journal.begin(intent(2))
    assert journal.bytes == segments(tmp_path)[0].path.stat().st_size
    assert journal.open_count == 2
    journal.resolve(settle(intent(0)))
    assert replayed(tmp_path) == {"request-0": 500, "request-1": 1000}
    close(journal)


def test_what_was_flushed_is_not_posted_again_when_the_cursor_says_so(tmp_path: Path) -> None:
    journal = write_all(tmp_path, 10)
    write_cursor(tmp_path, Position(1, 4))  # requests 0 and 1
    assert "request-1" not in replayed(tmp_path) and "request-2" in replayed(tmp_path)
    assert read_cursor(tmp_path) == (1, 4)
    (tmp_path / "cursor").write_text("?")
    assert read_cursor(tmp_path) == (0, 0)
    assert replayed(tmp_path) == expected(10)
    close(journal)


def test_how_far_one_start_is_flushed_says_nothing_of_the_one_before(tmp_path: Path) -> None:
    """It died before it was replayed, and the next one flushed at once and died, too."""
    close(write_all(tmp_path, 10))
    write_cursor(tmp_path, Position(2, 50))
    assert replayed(tmp_path) == expected(10)


def test_a_directory_has_one_holder_an_identity_and_an_epoch_a_start(tmp_path: Path) -> None:
    with claim_free(tmp_path) as first, claim_free(tmp_path) as second:
        assert first.path != second.path and first.identity() != second.identity()
        assert claim(first.path) is None
        assert (first.epoch(), first.epoch(), second.last_epoch(), second.epoch()) == (1, 2, 0, 1)
        identity = first.identity()
        close(write_all(first.path, 3))
        assert seats(tmp_path) == [first.path, second.path]
        assert first.last_epoch() == 2
    with claim_free(tmp_path) as again:
        assert again.identity() == identity and again.epoch() == 3
        assert replayed(again.path, before=3) == expected(3)
        assert replayed(again.path, before=1) == {}


def test_a_replay_that_was_not_finished_deletes_nothing(tmp_path: Path) -> None:
    close(write_all(tmp_path, 30))
    replay = Replay(tmp_path)
    next(replay.entries())
    with pytest.raises(RuntimeError):
        replay.finish()
    assert replayed(tmp_path) == expected(30)
