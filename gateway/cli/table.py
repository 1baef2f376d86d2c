"""Tables for people: columns as wide as they must be; what a caller named cannot steer the terminal."""

from collections.abc import Mapping, Sequence


class Amount(str):
    """A number that is written in a way of its own, as money is."""


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lines without trailing space; columns of numbers stand to the right."""
    columns = list(zip(head, *rows, strict=True))
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*map(_column, columns), strict=True))


def listed(fields: Mapping[str, object]) -> str:
    """One thing: a line for each of its fields."""
    names = _column(("", *fields))[1:]
    return "\n".join(f"{name}  {_shown(value)}" for name, value in zip(names, fields.values(), strict=True))


def _column(column: Sequence[object]) -> list[str]:
    """Its cells, all of one width; the first is its name."""
    cells = [_shown(cell) for cell in column]
    width = max(map(len, cells))
    numbers = all(cell is None or isinstance(cell, int | float | Amount) for cell in column[1:])
    return [cell.rjust(width) if numbers else cell.ljust(width) for cell in cells]


def _shown(cell: object) -> str:
    if cell is None:
        return "-"
    text = str(cell)
    return text if text.isprintable() else ascii(text)[1:-1]
