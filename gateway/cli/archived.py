"""Usage that is no longer in the database, from its archives (`storage.archive`); no gateway is asked."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gateway.api.resources.usage import FIELDS, SUMS
from storage.archive import ArchiveError, archives

_TABLE = "usage_log"
Row = dict[str, Any]


class ArchivedUsageError(Exception):
    """It cannot be read, or not be read so; the message is for who typed the command."""


def archived_usage(
    directory: Path, groups: Sequence[str], first: str | None, after: str | None, tenant: str | None
) -> list[Row]:
    """The sums of each group, as the admin API gives them."""
    if not set(groups) <= set(FIELDS):
        raise ArchivedUsageError(f"--by: some of {', '.join(FIELDS)}")
    sums: dict[tuple[str, ...], Row] = {}
    for record in _records(directory, _day(first), _day(after)):
        if tenant is not None and record["tenant"] != tenant:
            continue
        group = tuple(str(record[name]) for name in groups)
        row = sums.setdefault(group, {**dict(zip(groups, group, strict=True)), **dict.fromkeys(SUMS, 0)})
        row["requests"] += record["number"] == 0  # the others correct one
        for name in SUMS[1:]:
            row[name] += record[name]
    return [sums[group] for group in sorted(sums)]


def _records(directory: Path, first: date | None, after: date | None) -> Iterator[Row]:
    """Of months that may have any, each read to its end, where it is known to be whole."""
    found = archives(directory, _TABLE)
    if not found:
        raise ArchivedUsageError(f"there is no complete archive of {_TABLE} in {directory}")
    for archive in found:
        month = str(archive.month)
        if (first and month < first.isoformat()[:7]) or (after and month > after.isoformat()[:7]):
            continue
        try:
            for record in archive.rows():
                day = record["day"]
                if (first is None or day >= first.isoformat()) and (after is None or day < after.isoformat()):
                    yield record
        except ArchiveError as error:
            raise ArchivedUsageError(str(error)) from None


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ArchivedUsageError(f"{text}: a day, such as 2026-11-21") from None
