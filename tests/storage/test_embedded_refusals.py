"""Where the embedded PostgreSQL cannot run: each says why, and what to change, in one line."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tests.audit import ROOT
from tests.storage.test_embedded_postgres import AS_ROOT, PLAIN_USER

needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root mounts, and is somebody else at will")
_AS_PLAIN_USER = """
import asyncio, concurrent.futures.thread, os, sys
from pathlib import Path
from storage.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

user = int(sys.argv[2])
os.setgroups([]), os.setgid(user), os.setuid(user)
try:
    asyncio.run(EmbeddedPostgres(Path(sys.argv[1])).start())
except EmbeddedPostgresError as error:
    print(error)
"""


async def refusal(directory: Path) -> str:
    server = EmbeddedPostgres(directory)
    with pytest.raises(EmbeddedPostgresError) as caught:
        await server.start()
    await server.stop()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def plain_users_refusal(directory: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _AS_PLAIN_USER, str(directory), str(PLAIN_USER)],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    return done.stdout


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[None]:
    """A file system of its own there."""
    directory.parent.chmod(0o711)
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@needs_root
async def test_a_read_only_file_system(directory: Path) -> None:
    with mounted(directory, "ro"):
        assert await refusal(directory / "pg") == (
            f"the embedded PostgreSQL did not start: {directory}/pg: Read-only file system"
        )


@needs_root
async def test_a_disk_that_is_full_at_the_first_start_leaves_nothing_half_made(directory: Path) -> None:
    with mounted(directory, "size=16m,mode=711"):
        said = await refusal(directory / "pg")
        assert "initdb failed" in said and "No space left on device" in said
        assert not (directory / "pg" / "data").exists()
        subprocess.run(["mount", "-o", "remount,size=512m", str(directory)], check=True)
        server = EmbeddedPostgres(directory / "pg")
        await server.start()
        await server.stop()


@needs_root
async def test_a_disk_that_is_full_later(directory: Path, cluster: Path) -> None:
    with mounted(directory, "size=256m,mode=711"):
        subprocess.run(["cp", "-a", cluster, directory / "pg"], check=True)
        try:
            with (directory / "filler").open("wb") as filler:
                while True:
                    filler.write(b"x" * 65536)
                    filler.flush()
        except OSError:
            pass
        assert "No space left on device" in await refusal(directory / "pg")
        (directory / "filler").unlink()
        server = EmbeddedPostgres(directory / "pg")
        await server.start()
        await server.stop()


@needs_root
async def test_files_of_another_user(made: Path) -> None:
    subprocess.run(["chown", "-R", str(PLAIN_USER), made / "data"], check=True)
    said = await refusal(made)
    assert f"{made}/data belongs to the user" in said and "PostgreSQL runs here as nobody: " in said


@needs_root
async def test_a_plain_user_where_it_may_not_write(directory: Path) -> None:
    directory.parent.chmod(0o711)
    directory.mkdir(mode=0o755)
    said = await asyncio.to_thread(plain_users_refusal, directory / "pg")
    assert said == f"the embedded PostgreSQL did not start: {directory}/pg: Permission denied\n"


@needs_root
async def test_a_plain_user_over_what_root_made(made: Path) -> None:
    made.parent.chmod(0o711)
    said = await asyncio.to_thread(plain_users_refusal, made)
    assert str(made) in said and ("Permission denied" in said or "belongs to the user nobody" in said)


async def test_a_file_in_its_place(directory: Path) -> None:
    directory.mkdir()
    (directory / "pg").touch()
    assert (
        await refusal(directory / "pg")
        == f"the embedded PostgreSQL did not start: {directory}/pg: File exists"
    )


async def test_a_server_that_gives_up_says_why_itself(made: Path) -> None:
    os.truncate(made / "data" / "global" / "pg_control", 100)
    said = await refusal(made)
    assert "it ended with status" in said and "pg_control" in said and f"(see {made}/postgres.log)" in said
