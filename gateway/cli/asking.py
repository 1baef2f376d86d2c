"""Running a command against the admin API: its answer as a table for people or as JSON, its refusal on stderr."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from budgets.money import text
from gateway.cli.shell import Exit, Option
from gateway.cli.table import Amount, listed, table

if TYPE_CHECKING:
    from gateway.cli.admin_client import AdminClient

_NUSD = "_nusd"
AsJson = Annotated[bool, Option("--json", help="For programs.")]
Row = dict[str, Any]


def asking(run: "Callable[[AdminClient], None]", environ: Mapping[str, str] = os.environ) -> None:
    """Runs and ends the command: exit status 1 when the gateway is away or says no."""
    from gateway.cli.admin_client import AdminClient, AdminError

    try:
        run(AdminClient(environ))
    except AdminError as error:
        print(error, file=sys.stderr)
        raise Exit(1) from None


def show(document: Any, as_json: bool) -> None:
    """One thing, a line for each of its fields."""
    if as_json:
        print(json.dumps(document, indent=2))
    elif document is not None:
        print(listed({called(name): cell(name, value) for name, value in document.items()}))


def show_rows(rows: list[Row], columns: Mapping[str, str], as_json: bool) -> None:
    """Many, a line each; `columns` gives the field by what it is called."""
    if as_json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print("none")
    else:
        cells = [[cell(field, _at(row, field)) for field in columns.values()] for row in rows]
        print(table(list(columns), cells))


def called(field: str) -> str:
    """Money is shown in dollars."""
    return field.removesuffix(_NUSD)


def cell(field: str, value: Any) -> object:
    """A field's value for people."""
    return Amount(text(value)) if field.endswith(_NUSD) and isinstance(value, int) else _cell(value)


def _at(row: Row, path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _cell(value: Any) -> object:
    """In words: a mapping as `name=value`, a list with spaces."""
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell(inner)}" for name, inner in value.items() if inner is not None) or "-"
    if isinstance(value, list):
        return " ".join(str(_cell(one)) for one in value) or "-"
    return value
