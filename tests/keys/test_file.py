"""Secrets in files: what is taken, what is refused, and why."""

import os
from pathlib import Path

import pytest

from keys.secrets.file import FileSource
from keys.secrets.reference import Reference
from keys.secrets.source import SIZE_MAX, Fault, Fetched, FetchError


def read(path: Path) -> Fetched:
    return FileSource().read(Reference("file", str(path)))


@pytest.mark.parametrize("content", [b"sk-a", b"sk-a\n", b"sk-a\r\n"])
def test_one_final_newline_is_not_of_the_secret(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    assert read(tmp_path / "key").secret.reveal() == "sk-a"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", Fault.MISSING),
        (b"\n", Fault.MISSING),
        (b"sk-a\n\n", Fault.MALFORMED),
        (b"\xff\xfe", Fault.MALFORMED),
        (b"a" * (SIZE_MAX + 1), Fault.MALFORMED),
    ],
)
def test_content_that_is_no_secret(content: bytes, fault: Fault, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(FetchError) as caught:
        read(tmp_path / "key")
    assert caught.value.fault is fault


def test_the_largest_is_taken(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"a" * SIZE_MAX)
    assert len(read(tmp_path / "key").secret.reveal()) == SIZE_MAX


def test_what_is_no_regular_file_is_missing_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "gone")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop", tmp_path / "loop" / "x", Path("/dev/zero")):
        with pytest.raises(FetchError, match="does not exist or is not a regular file") as caught:
            read(path)
        assert caught.value.fault is Fault.MISSING


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o400, False), (0o640, True), (0o444, True)])
def test_who_else_can_read_it_is_told(mode: int, exposed: bool, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-a")
    (tmp_path / "key").chmod(mode)
    assert read(tmp_path / "key").exposed is exposed


def test_one_that_anybody_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-a")
    (tmp_path / "key").chmod(0o602)
    with pytest.raises(FetchError, match="can be written to by anybody") as caught:
        read(tmp_path / "key")
    assert caught.value.fault is Fault.DENIED


def test_links_are_followed_as_mounts_change_by_them(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "key").write_text(f"sk-{version}")
    (tmp_path / "data").symlink_to(tmp_path / "one")
    (tmp_path / "key").symlink_to(tmp_path / "data" / "key")
    source = FileSource()
    first = source.read(Reference("file", str(tmp_path / "key")))
    (tmp_path / "next").symlink_to(tmp_path / "two")
    (tmp_path / "next").replace(tmp_path / "data")
    second = source.read(Reference("file", str(tmp_path / "key")))
    assert (first.secret.reveal(), second.secret.reveal()) == ("sk-one", "sk-two")
    assert first.version != second.version


def test_a_name_that_is_no_path_is_an_error_like_any(tmp_path: Path) -> None:
    for name in ("/nul\x00", "/" + "a" * 5000):
        with pytest.raises(FetchError):
            FileSource().read(Reference("file", name))
