"""Partitions whose time is over, as compressed files that can still be read: gzip of one JSON object a line.

Beside each stands a manifest with the number of rows and checksums; written last, it is what makes the archive
complete. A partition is dropped only after its archive has been read back and found whole, in a transaction that
finds as many rows as were written. A step that was interrupted (database away, disk full, killed) is done again.
"""

import asyncio
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from storage.connection import Connection
from storage.partitions import Month, detached, partition_name

_BATCH_ROWS = 1000
_LEVEL = 6
_LINE_BYTES_MAX = 16 * 1024 * 1024
_LOCK_S = 5


class ArchiveError(Exception):
    """An archive is missing, incomplete or damaged; says which."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive must hold; checksums are SHA-256."""

    table: str
    month: str
    rows: int
    columns: dict[str, str]  # name → type
    lines_sha256: str  # of the lines as they were before compression
    file_sha256: str
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of one table and month in `directory`."""

    directory: Path
    table: str
    month: Month

    @property
    def path(self) -> Path:
        return self.directory / f"{self.table}-{self.month}.ndjson.gz"

    @property
    def manifest_path(self) -> Path:
        return self.directory / f"{self.table}-{self.month}.manifest.json"

    def manifest(self) -> Manifest:
        try:
            return Manifest(**json.loads(self.manifest_path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise ArchiveError(f"{self.manifest_path} cannot be read: {error}") from error

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row, in the order of the file; raises ArchiveError, at the latest after the last, if damaged."""
        manifest, digest, count = self.manifest(), hashlib.sha256(), 0
        try:
            with gzip.open(self.path, "rb") as stream:
                while line := stream.readline(_LINE_BYTES_MAX):
                    digest.update(line)
                    count += 1
                    yield json.loads(line)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise ArchiveError(f"{self.path} is damaged: {error}") from error
        if count != manifest.rows or digest.hexdigest() != manifest.lines_sha256:
            raise ArchiveError(f"{self.path} does not hold what its manifest says")

    def verify(self) -> Manifest:
        """Reads all of it; raises ArchiveError."""
        manifest = self.manifest()
        if manifest.table != self.table or manifest.month != str(self.month):
            raise ArchiveError(f"{self.manifest_path} is of another archive")
        try:
            with self.path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ArchiveError(f"{self.path} cannot be read: {error}") from error
        if found != manifest.file_sha256:
            raise ArchiveError(f"{self.path} has another checksum than its manifest")
        for _ in self.rows():
            pass
        return manifest


def archives(directory: Path, table: str) -> list[Archive]:
    """The complete ones, oldest first."""
    found = sorted(directory.glob(f"{table}-????-??.manifest.json"))
    months = [path.name.removeprefix(f"{table}-").partition(".")[0] for path in found]
    return [Archive(directory, table, Month(int(month[:4]), int(month[5:]))) for month in months]


async def archive_detached(connection: Connection, table: str, directory: Path) -> list[Archive]:
    """Archives and drops every partition that was taken off `table`, by the owner's connection.

    Raises ArchiveError for the first that is not whole, after the others.
    """
    done, spoilt = [], None
    for month in await detached(connection, table):
        archive = Archive(directory, table, month)
        try:
            await write(connection, archive)
            await drop_archived(connection, archive)
        except ArchiveError as error:
            spoilt = spoilt or error
        else:
            done.append(archive)
    if spoilt is not None:
        raise spoilt
    return done


async def write(connection: Connection, archive: Archive) -> Manifest:
    """The archive of a detached partition; one that is there already is made again, as nothing was dropped yet."""
    name = partition_name(archive.table, archive.month)
    archive.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = archive.path.with_suffix(".draft")
    archive.manifest_path.unlink(missing_ok=True)
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute("SELECT set_config('app.tenant', '*', true)")
        columns = await connection.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
            " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            name,
        )
        digest, count = hashlib.sha256(), 0
        with _created(draft) as file, gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
            query = f"SELECT row_to_json(t)::text FROM {name} t ORDER BY month, request_id, attempt"  # noqa: S608
            batch: list[str] = []
            async for row in connection.cursor(query, prefetch=_BATCH_ROWS):
                batch.append(row[0])
                count += 1
                if len(batch) == _BATCH_ROWS:
                    await asyncio.to_thread(_append, packed, digest, batch)
                    batch = []
            await asyncio.to_thread(_append, packed, digest, batch)
    types = {row["attname"]: row["type"] for row in columns}
    return await asyncio.to_thread(_complete, archive, draft, count, types, digest.hexdigest())


async def drop_archived(connection: Connection, archive: Archive) -> None:
    """Drops the partition after its archive was read back; raises ArchiveError and drops nothing otherwise."""
    manifest = await asyncio.to_thread(archive.verify)
    name = partition_name(archive.table, archive.month)
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_S}s'")
        await connection.execute("SELECT set_config('app.tenant', '*', true)")
        await connection.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        rows = await connection.fetchval(f"SELECT count(*) FROM {name}")  # noqa: S608
        if rows != manifest.rows:
            raise ArchiveError(f"{name} has {rows} rows and its archive {manifest.rows}")
        await connection.execute(f"DROP TABLE {name}")


def _append(packed: gzip.GzipFile, digest: Any, batch: list[str]) -> None:
    for line in batch:
        data = line.encode() + b"\n"
        digest.update(data)
        packed.write(data)


def _complete(archive: Archive, draft: Path, rows: int, columns: dict[str, str], lines: str) -> Manifest:
    """Makes what was written durable, then says so in the manifest."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    size = draft.stat().st_size
    draft.replace(archive.path)
    manifest = Manifest(archive.table, str(archive.month), rows, columns, lines, checksum, size)
    said = archive.manifest_path.with_suffix(".draft")
    with _created(said) as file:
        file.write(json.dumps(asdict(manifest), indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    said.replace(archive.manifest_path)
    directory = os.open(archive.directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return manifest


def _created(path: Path) -> BinaryIO:
    """Anew and for its owner only."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
