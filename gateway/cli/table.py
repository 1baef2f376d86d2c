"""Tables for people: columns as wide as they must be; what a caller named cannot steer the terminal."""

from collections.abc import Mapping, Sequence
from unicodedata import combining, east_asian_width


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
    widths = [_width(cell) for cell in cells]
    spaces = [" " * (max(widths) - width) for width in widths]
    numbers = all(cell is None or isinstance(cell, int | float | Amount) for cell in column[1:])
    return [space + cell if numbers else cell + space for cell, space in zip(cells, spaces, strict=True)]


def _width(text: str) -> int:
    """In columns of a terminal."""
    if text.isascii():
        return len(text)
    return sum((east_asian_width(sign) in "WF") + (not combining(sign)) for sign in text)


def _shown(cell: object) -> str:
    return "-" if cell is None else printable(str(cell))


def printable(text: str) -> str:
    """As it is, but for signs that do something to a terminal: those are escaped."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
