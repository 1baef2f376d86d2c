"""Figures with their targets, as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

TOLERANCE = 0.25
"""How far beyond its target a figure may be before `--assert` fails: single rounds on a shared virtual
machine differ by as much. Ratios to the yardstick vary less, but are held to the same."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity. Without a target it is told, not judged."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    """Whether more is better; otherwise the target is an upper bound."""

    @property
    def verdict(self) -> str:
        """`ok`, `near` (off target, within the tolerance), `MISSED`, or nothing where nothing is promised."""
        if self.target is None:
            return ""
        if self._within(0.0):
            return "ok"
        return "near" if self._within(TOLERANCE) else "MISSED"

    def _within(self, tolerance: float) -> bool:
        assert self.target is not None
        if self.at_least:
            return self.value >= self.target * (1 - tolerance)
        return self.value <= self.target * (1 + tolerance)

    def as_json(self) -> dict[str, Any]:
        """Field by field, with the verdict."""
        return {**asdict(self), "verdict": self.verdict}


def number(value: float) -> str:
    """Three significant digits, whole numbers from 100 on, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need to be, numbers to the right of the first column."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]

    def drawn(line: Sequence[str]) -> str:
        first, rest = line[0].ljust(widths[0]), zip(line[1:], widths[1:], strict=True)
        return "  ".join([first, *(cell.rjust(width) for cell, width in rest)]).rstrip()

    return "\n".join([drawn(lines[0]), "  ".join("-" * width for width in widths), *map(drawn, lines[1:])])


def figure_table(figures: Iterable[Figure]) -> str:
    """The judged view: value, target, verdict."""
    rows = []
    for one in figures:
        sign = "≥" if one.at_least else "≤"
        target = "" if one.target is None else f"{sign} {number(one.target)} {one.unit}"
        rows.append((one.name, f"{number(one.value)} {one.unit}", target, one.verdict))
    return table(("figure", "measured", "target", "verdict"), rows)
