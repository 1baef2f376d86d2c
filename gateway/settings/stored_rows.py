"""Rows of the database as sections of the file, so that one set of rules reads both; and which of them are refused.

What is refused is named by table and id with the words that the file's owner would get, and never with a value.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gateway.settings.places import Findings
from gateway.settings.problem import Path, show
from gateway.settings.row_secrets import RowSecrets
from gateway.settings.schema import (
    ModelSection,
    PoolSection,
    ProviderSection,
    TenantSection,
)
from gateway.settings.schema_types import Section
from gateway.settings.validate import UnfitError, section_of

#: Of the rows that stand in the file's lists, in the order in which they depend on each other.
TABLES = ("providers", "pools", "models", "tenants")
Row = Mapping[Any, Any]
#: Columns with what is sent to a provider, or on the way there.
_REFERENCES = ("secret", "egress_proxy_auth")


class Refusals:
    """By (table, id), why a row does not count."""

    def __init__(self) -> None:
        self.by_row: dict[tuple[str, str], str] = {}

    def add(self, table: str, id_: str, why: str) -> None:
        self.by_row.setdefault((table, id_), why)

    def lines(self) -> list[str]:
        return sorted(f"{table} {id_}: {why}" for (table, id_), why in self.by_row.items())


class RowFindings(Findings):
    """Problems of a file whose lists go on with rows: those of rows refuse them, the others are the file's."""

    def __init__(self, ids: Mapping[str, Mapping[int, str]]) -> None:
        super().__init__(None)
        self.refusals = Refusals()
        self._ids = ids

    def add(self, path: Path, message: str) -> None:
        table, place = (str(path[0]), path[1]) if len(path) > 1 else ("", "")
        id_ = self._ids.get(table, {}).get(place) if isinstance(place, int) else None
        if id_ is None:
            super().add(path, message)
        else:
            self.refusals.add(table, id_, f"{show(path[2:])}: {message}" if path[2:] else message)

    def warn(self, path: Path, message: str) -> None:
        """Said once, at the start, of the file."""


def sections(
    table: str, rows: Mapping[str, Row], rule: RowSecrets, refusals: Refusals
) -> dict[str, ProviderSection | PoolSection | ModelSection | TenantSection]:
    """By id, those of the rows that are sections at all."""
    made = {}
    for id_, row in rows.items():
        try:
            _check_references(row, rule)
            made[id_] = _MAKERS[table](row)
        except UnfitError as error:
            refusals.add(table, id_, str(error))
        except (ValueError, TypeError):
            refusals.add(table, id_, "is damaged")
    return made


def _check_references(row: Row, rule: RowSecrets) -> None:
    for name in _REFERENCES:
        text = row.get(name)
        if text is None:
            continue
        why = rule.why_not(text)
        if why is not None:
            raise UnfitError(f"{name}: {why}")


def is_allowed(section: Section, rule: RowSecrets) -> bool:
    """Whether what a row was may still be: what rows may refer to may be something else by now."""
    said = (getattr(section, name, None) for name in _REFERENCES)
    return all(text is None or rule.why_not(text) is None for text in said)


def _provider(row: Row) -> ProviderSection:
    return section_of(ProviderSection, _given(row))


def _pool(row: Row) -> PoolSection:
    given = _given(row)
    given.pop("state", None)
    burst_s = given.pop("burst_s", None)
    given["windows"] = {} if burst_s is None else {"burst_s": burst_s}
    for name in ("limits", "model_limits"):
        given[name] = json.loads(given[name])
    return section_of(PoolSection, given)


def _model(row: Row) -> ModelSection:
    return section_of(ModelSection, _given(row))


def _tenant(row: Row) -> TenantSection:
    given = {
        "id": row["id"],
        "weight": row["weight"],
        "models": json.loads(row["models"]),
        "fetch_urls": row["fetch_urls"],
    }
    return section_of(TenantSection, given)


def _given(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


_MAKERS: Mapping[str, Callable[[Row], Any]] = {
    "providers": _provider,
    "pools": _pool,
    "models": _model,
    "tenants": _tenant,
}
