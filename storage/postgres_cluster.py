"""A new PostgreSQL cluster: `initdb`'s files, the roles, their passwords and our database; whole or not at all.

Everything is done in a draft directory, the roles through the server's single-user mode, and renamed when it is
complete: a start that was killed in the middle begins again, and no server with a half-made set of roles ever runs.
"""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from storage.postgres_binaries import RunAs, user_name, version

DATABASE = "kaze"
#: Made by initdb; nothing of ours uses it but those who repair.
SUPERUSER = "kaze_admin"
#: Owns the database and every table: migrations and partitions.
OWNER = "kaze_owner"
#: Everything else: owns nothing, is subject to row-level security.
APPLICATION = "kaze_app"
ROLES = (SUPERUSER, OWNER, APPLICATION)
_PASSWORDS = "passwords.json"
_MAKE_S = 60.0
_ERRORS = ("FATAL:", "PANIC:", "error:", "ERROR:")
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


class ClusterError(Exception):
    """The cluster cannot be made or used; says why."""


def environment() -> dict[str, str]:
    """What the server's processes see of ours: nothing, as our environment holds secrets."""
    return dict(_ENVIRONMENT)


def last_word(said: str) -> str:
    """Of what a program of PostgreSQL's said before it gave up, the line that tells why."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if any(mark in line for mark in _ERRORS)]
    return (errors or lines or [""])[-1][:500]


class Cluster:
    """The files of one server in `home`: `data` is the cluster's own, `passwords.json` ours (mode 0600)."""

    def __init__(self, home: Path, programs: Path, run_as: RunAs) -> None:
        self.data = home / "data"
        self._home = home
        self._passwords_file = home / _PASSWORDS
        self._programs = programs
        self._run_as = run_as

    def prepare(self) -> dict[str, str]:
        """Makes the cluster where there is none; the passwords by role."""
        draft = self.data.with_name("data.draft")
        shutil.rmtree(draft, ignore_errors=True)
        if not self.data.exists():
            passwords = {role: secrets.token_urlsafe(24) for role in ROLES}
            self._initialise(draft, passwords[SUPERUSER])
            self._single_user(draft, "template1", [*_roles(passwords), *_databases()])
            self._keep(passwords)
            draft.rename(self.data)
            descriptor = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            return passwords
        self._check_version()
        self._check_owner()
        return self._kept()

    def _check_owner(self) -> None:
        """PostgreSQL takes no files but its own user's: those of another start as somebody else."""
        theirs, ours = self.data.stat().st_uid, self._run_as.uid
        if theirs != ours:
            raise ClusterError(
                f"{self.data} belongs to the user {user_name(theirs)}, and PostgreSQL runs here as"
                f" {user_name(ours)}: start the gateway as whom it was made by, or chown the files"
            )

    def _check_version(self) -> None:
        ours, theirs = version().partition(".")[0], (self.data / "PG_VERSION").read_text().strip()
        if ours != theirs:
            raise ClusterError(
                f"{self.data} was made by PostgreSQL {theirs} and this is {ours}: dump it with the old version and"
                " restore it with this one, or give `database` a URL"
            )

    def _initialise(self, draft: Path, password: str) -> None:
        draft.mkdir(mode=0o700)
        self._run_as.give(draft)
        with tempfile.NamedTemporaryFile("w", dir=self._home, prefix=".password.") as given:
            given.write(password)
            given.flush()
            self._run_as.give(Path(given.name))
            options = [
                "-D", str(draft), "-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile", given.name,
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            ]  # fmt: skip
            self._run([str(self._programs / "initdb"), *options], "")

    def _single_user(self, data: Path, database: str, statements: list[str]) -> None:
        command = [str(self._programs / "postgres"), "--single", "-D", str(data), database]
        said = self._run(command, "".join(f"{statement}\n" for statement in statements))
        if failed := [line for line in said.splitlines() if "ERROR:" in line or "FATAL:" in line]:
            raise ClusterError(f"making the roles failed: {failed[0]}")

    def _run(self, command: list[str], text: str) -> str:
        user = self._run_as.user
        groups: list[int] | None = None if user is None else []
        try:
            done = subprocess.run(  # noqa: S603
                command, input=text, capture_output=True, text=True, timeout=_MAKE_S, check=False,
                env=environment(), user=user, group=user, extra_groups=groups, cwd=self._home,
                start_new_session=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise ClusterError(f"{Path(command[0]).name} cannot be run: {error}") from error
        if done.returncode != 0:
            why = last_word(done.stderr) or last_word(done.stdout) or "it said nothing"
            raise ClusterError(f"{Path(command[0]).name} failed with status {done.returncode}: {why}")
        return done.stderr

    def _keep(self, passwords: dict[str, str]) -> None:
        draft = self._passwords_file.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(passwords, stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(self._passwords_file)

    def _kept(self) -> dict[str, str]:
        """The passwords; when their file was lost, or names too few roles, they are set anew."""
        kept = kept_passwords(self._home)
        if kept is not None:
            return kept
        passwords = {role: secrets.token_urlsafe(24) for role in ROLES}
        self._single_user(self.data, "template1", _roles(passwords))
        self._keep(passwords)
        return passwords


def kept_passwords(home: Path) -> dict[str, str] | None:
    """By role; None when their file is missing or does not name them all."""
    try:
        kept = json.loads((home / _PASSWORDS).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(kept, dict) or not set(kept) >= set(ROLES):
        return None
    return {role: str(kept[role]) for role in ROLES}


def _roles(passwords: dict[str, str]) -> list[str]:
    """Statements of one line each, as single-user mode reads them; passwords are of our own alphabet."""
    statements = []
    for role in (OWNER, APPLICATION):
        statements.append(
            f"DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ''{role}'')"
            f" THEN CREATE ROLE {role}; END IF; END'"
        )
        statements.append(
            f"ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION INHERIT"
        )
    return statements + [f"ALTER ROLE {role} PASSWORD '{passwords[role]}'" for role in ROLES]


def _databases() -> list[str]:
    """Ours, with the extensions that only a superuser may make."""
    return [
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements",
        "CREATE EXTENSION IF NOT EXISTS vector",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {APPLICATION}",
    ]
