"""The embedded PostgreSQL: as root and as a plain user, killed, left behind, its pid file lying."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from storage import embedded_postgres
from storage.database import connected
from storage.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from storage.postgres_binaries import RunAs, binaries
from storage.postgres_cluster import OWNER, SUPERUSER
from tests.audit import ROOT

AS_ROOT = os.geteuid() == 0
#: Has a name, as PostgreSQL asks for one, and is not the one as whom root's server runs.
PLAIN_USER = next(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, 65534))


async def _value(dsn: str, query: str) -> object:
    async with connected(dsn) as connection:
        return await connection.fetchval(query)


async def _another(server: EmbeddedPostgres, dsn: str, first: int) -> None:
    """Waits until the server runs again and answers."""
    async with asyncio.timeout(50):
        while server.pid in (first, None):
            await asyncio.sleep(0.01)
        while True:
            try:
                await _value(dsn, "SELECT 1")
                return
            except Exception:
                await asyncio.sleep(0.05)


async def test_it_keeps_everything_over_a_restart(made: Path) -> None:
    server = EmbeddedPostgres(made)
    dsn = await server.start()
    async with connected(server.owner_dsn) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS number; GRANT SELECT ON kept TO kaze_app")
    pid = server.pid
    await server.stop()
    assert pid is not None and not Path(f"/proc/{pid}").exists()
    assert await server.start() == dsn  # same passwords
    assert await _value(dsn, "SELECT number FROM kept") == 42
    await server.stop()


async def test_roles_are_small_and_settings_durable(made: Path) -> None:
    server = EmbeddedPostgres(made)
    dsn = await server.start()
    try:
        for role in (dsn, server.owner_dsn):
            rights = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication"
            assert await _value(role, f"{rights} FROM pg_roles WHERE rolname = current_user") is False
        assert await _value(dsn, "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole") == 0
        owner = "SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"
        assert await _value(dsn, owner) == OWNER
        for setting, value in {
            "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": "",
            "shared_preload_libraries": "pg_stat_statements", "data_checksums": "on",
        }.items():  # fmt: skip
            assert await _value(server.dsn_of(SUPERUSER), f"SHOW {setting}") == value
        assert await _value(dsn, "SELECT count(*) > 0 FROM pg_stat_statements")
        assert await _value(dsn, "SELECT '[1,2]'::vector::text") == "[1,2]"
        wrong = dsn.replace(dsn.split(":")[2].split("@")[0], "guessed")
        with pytest.raises(Exception, match="password authentication failed"):
            await _value(wrong, "SELECT 1")
    finally:
        await server.stop()
    assert stat.S_IMODE((made / "passwords.json").stat().st_mode) == 0o600
    if AS_ROOT:
        assert (made / "data").stat().st_uid == 65534
        assert stat.S_IMODE(made.parent.stat().st_mode) & 0o007 == 0


async def test_killed_it_loses_no_acknowledged_commit(made: Path) -> None:
    server = EmbeddedPostgres(made)
    await server.start()
    async with connected(server.owner_dsn) as connection:
        await connection.execute("CREATE TABLE written (writer int, number int)")
    acknowledged: list[tuple[int, int]] = []

    async def write(writer: int) -> None:
        try:
            async with connected(server.owner_dsn) as connection:
                for number in range(100_000):
                    await connection.execute("INSERT INTO written VALUES ($1, $2)", writer, number)
                    acknowledged.append((writer, number))
        except Exception:
            return

    for _ in range(2):
        done, first = len(acknowledged), server.pid
        assert first is not None
        writers = [asyncio.create_task(write(writer)) for writer in range(4)]
        while len(acknowledged) < done + 50:
            await asyncio.sleep(0)
        os.kill(first, signal.SIGKILL)
        await asyncio.gather(*writers)
        await _another(server, server.owner_dsn, first)
    async with connected(server.owner_dsn) as connection:
        found = {tuple(row.values()) for row in await connection.fetch("SELECT * FROM written")}
    assert set(acknowledged) <= found
    await server.stop()


async def test_a_session_that_computes_for_ever_does_not_hold_up_the_next_server(made: Path) -> None:
    server = EmbeddedPostgres(made)
    dsn = await server.start()
    first = server.pid
    assert first is not None
    async with connected(dsn) as connection, connected(server.dsn_of(SUPERUSER)) as watching:
        computing = asyncio.create_task(connection.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
        while not await watching.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO%LOOP%'"
        ):
            await asyncio.sleep(0.01)
        os.kill(first, signal.SIGKILL)
        await _another(server, dsn, first)
        with pytest.raises(Exception, match="connection"):
            await computing
    await server.stop()


async def test_one_left_behind_is_ended_and_its_data_kept(made: Path) -> None:
    left = EmbeddedPostgres(made)
    await left.start()
    async with connected(left.owner_dsn) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    assert left._keeper is not None
    left._keeper.cancel()  # as if its gateway had been killed
    server = EmbeddedPostgres(made)
    await server.start()
    assert server.pid != left.pid
    assert left._process is not None and await asyncio.to_thread(left._process.wait) == 0  # ended in order
    assert await _value(server.owner_dsn, "SELECT number FROM kept") == 1
    await server.stop()


async def test_a_pid_file_that_names_someone_else_is_no_hindrance(made: Path) -> None:
    server = EmbeddedPostgres(made)
    await server.start()
    pid_file, first = made / "data" / "postmaster.pid", server.pid
    assert first is not None and server._keeper is not None
    lines = pid_file.read_text().splitlines()
    server._keeper.cancel()
    os.kill(first, signal.SIGKILL)
    assert server._process is not None
    await asyncio.to_thread(server._process.wait)
    user = 65534 if AS_ROOT else None
    stranger = await asyncio.to_thread(
        subprocess.Popen, ["sleep", "600"], user=user, group=user, extra_groups=[] if AS_ROOT else None
    )
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        again = EmbeddedPostgres(made)
        await again.start()
        assert stranger.poll() is None
        await again.stop()
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_first_start_that_was_killed_begins_again(directory: Path) -> None:
    directory.mkdir()
    half = directory / "data.draft"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(directory)
    dsn = await server.start()
    assert await _value(dsn, "SELECT 1") == 1
    assert not half.exists()
    await server.stop()


async def test_lost_passwords_are_set_anew(made: Path) -> None:
    server = EmbeddedPostgres(made)
    old = await server.start()
    await server.stop()
    (made / "passwords.json").unlink()
    new = await server.start()
    assert new != old
    assert await _value(new, "SELECT current_user") == "kaze_app"
    await server.stop()


async def test_data_of_another_major_version_is_refused_with_a_way_out(directory: Path) -> None:
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 17 and this is 18"):
        await EmbeddedPostgres(directory).start()


async def test_a_directory_too_deep_for_a_socket_is_refused(directory: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="too long"):
        await EmbeddedPostgres(directory.with_name("x" * 100)).start()


async def test_the_log_is_bounded(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_postgres, "LOG_BYTES_MAX", 1000)
    server = EmbeddedPostgres(made)
    dsn = await server.start()
    log = made / "postgres.log"
    async with asyncio.timeout(50):
        while not (made / "postgres.log.1").exists():
            await _value(dsn, "DO $$ BEGIN RAISE WARNING 'a line in the log of the server'; END $$")
    await server.stop()
    assert log.stat().st_size < 20_000


@pytest.mark.skipif(not AS_ROOT, reason="only root can be someone else")
async def test_root_copies_what_its_server_cannot_reach(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation under /root: for the test, one that others may not enter."""
    hidden = made.parent / "hidden"
    installed = binaries(RunAs(), made).parents[1]
    for part in (installed, installed.with_name("embedded_postgres.libs")):
        shutil.copytree(part, hidden / part.name, symlinks=True)
    hidden.chmod(0o700)
    monkeypatch.syspath_prepend(str(hidden))
    server = EmbeddedPostgres(made)
    for _ in range(2):
        assert await _value(await server.start(), "SELECT 1") == 1
        assert server.programs.is_relative_to(made)
        await server.stop()
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root has a user who cannot reach its directories")
async def test_root_keeps_it_elsewhere_when_the_data_directory_is_out_of_reach(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_postgres, "ELSEWHERE", directory.parent / "lib")
    directory.parent.chmod(0o711)
    data = directory / "home" / "data"
    data.mkdir(parents=True)
    (directory / "home").chmod(0o700)
    server = EmbeddedPostgres(data / "pg")
    for _ in range(2):
        assert await _value(await server.start(), "SELECT 1") == 1
        await server.stop()
    assert (data / "pg").resolve().is_relative_to(directory.parent / "lib")
    assert stat.S_IMODE((directory / "home").stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="the other tests are that already")
async def test_a_plain_user_runs_it_as_itself(directory: Path) -> None:
    directory.parent.chmod(0o711)
    directory.mkdir()
    os.chown(directory, PLAIN_USER, PLAIN_USER)
    script = """
import asyncio, concurrent.futures.thread, json, os, sys
from pathlib import Path
from storage.database import connected
from storage.embedded_postgres import EmbeddedPostgres

# From here on, as the interpreter itself may be where only root can start it.
user = int(sys.argv[2])
os.setgroups([]), os.setgid(user), os.setuid(user)
os.environ["HOME"] = "/root"

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    async with connected(await server.start()) as connection:
        found = await connection.fetchval("SELECT 1")
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    await server.stop()
    print(json.dumps([found, owner]))

asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, str(directory / "pg"), str(PLAIN_USER)],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [1, PLAIN_USER]
