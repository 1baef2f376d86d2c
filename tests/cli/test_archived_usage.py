"""`kaze usage --archive`: sums of months that are no longer in the database."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.cli.archived import ArchivedUsageError, archived_usage


def archived(directory: Path, month: str, rows: list[dict[str, object]]) -> None:
    """As `storage.archive` writes it."""
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    packed = gzip.compress(lines)
    (directory / f"usage_log-{month}.ndjson.gz").write_bytes(packed)
    manifest = {
        "table": "usage_log", "month": month, "rows": len(rows), "columns": {},
        "lines_sha256": hashlib.sha256(lines).hexdigest(), "file_sha256": hashlib.sha256(packed).hexdigest(),
        "file_bytes": len(packed),
    }  # fmt: skip
    (directory / f"usage_log-{month}.manifest.json").write_text(json.dumps(manifest))


def row(tenant: str, day: str, cost: int, number: int = 0) -> dict[str, object]:
    return {
        "tenant": tenant, "day": day, "month": day[:8] + "01", "model": "m", "input_tokens": 2, "output_tokens": 3,
        "cost_nusd": cost, "number": number,
    }  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    archived(tmp_path, "2026-07", [row("a", "2026-07-31", 1), row("b", "2026-07-02", 10)])
    archived(tmp_path, "2026-08", [row("a", "2026-08-01", 100), row("a", "2026-08-02", -5, 1)])
    return tmp_path


def test_sums_over_months(directory: Path) -> None:
    found = archived_usage(directory, ["tenant"], None, None, None)
    assert [(one["tenant"], one["requests"], one["cost_nusd"]) for one in found] == [
        ("a", 2, 96),
        ("b", 1, 10),
    ]
    found = archived_usage(directory, ["month", "tenant"], "2026-07-31", "2026-08-02", "a")
    assert [(one["month"], one["cost_nusd"], one["input_tokens"]) for one in found] == [
        ("2026-07-01", 1, 2), ("2026-08-01", 100, 2)
    ]  # fmt: skip


def test_the_command_says_the_same(directory: Path) -> None:
    result = CliRunner().invoke(app, ["usage", "--archive", str(directory), "--by", "tenant", "--json"])
    assert [one["cost_nusd"] for one in json.loads(result.stdout)] == [96, 10]


def test_what_cannot_be_read_is_said(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchivedUsageError, match="some of"):
        archived_usage(directory, ["cost_nusd"], None, None, None)
    with pytest.raises(ArchivedUsageError, match="a day"):
        archived_usage(directory, ["tenant"], "July", None, None)
    (directory / "usage_log-2026-08.ndjson.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(ArchivedUsageError, match="damaged"):
        archived_usage(directory, ["tenant"], None, None, None)
    (directory / "usage_log-2026-08.ndjson.gz").write_bytes(gzip.compress(b"")[:10] + b"\xff" * 50)
    with pytest.raises(ArchivedUsageError, match="damaged"):  # what zlib says, of a head that is whole
        archived_usage(directory, ["tenant"], None, None, None)
    with pytest.raises(ArchivedUsageError, match="no complete archive"):
        archived_usage(tmp_path / "none", ["tenant"], None, None, None)
