"""Figures with their targets, as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, isnan
from typing import Any

TOLERANCE = 0.25
"""How far beyond its target a figure may be before `--assert` fails: single rounds on a shared virtual
machine differ by as much. Ratios to the yardstick vary less, but are held to the same."""


REFERENCE_US = 23.0
"""CPU of a static answer (`loadtests.static_answer`) on the machine that absolute targets were written for."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity. Without a target it is told, not judged."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    """Whether more is better; otherwise the target is an upper bound."""

    tolerance: float = TOLERANCE
    """0 for what is promised exactly."""

    static_us: float | None = None
    """What a static answer cost in the same run, where the target is one of CPU and moves with the machine."""

    @property
    def here(self) -> float | None:
        """The target on this machine: the reference machine's, slowed down as the static answer is."""
        if self.target is None or not self.static_us:
            return self.target
        pace = self.static_us / REFERENCE_US
        return self.target / pace if self.at_least else self.target * pace

    @property
    def verdict(self) -> str:
        """`ok`, `near` (off target, within the tolerance), `MISSED`, or nothing where nothing is promised.

        A value that is no number was not measured, which is not the same as missed, but no better.
        """
        if self.target is None:
            return ""
        if isnan(self.value):
            return "NOT MEASURED"
        if self._within(0.0):
            return "ok"
        return "near" if self._within(self.tolerance) else "MISSED"

    def _within(self, tolerance: float) -> bool:
        assert self.here is not None
        if self.at_least:
            return self.value >= self.here * (1 - tolerance)
        return self.value <= self.here * (1 + tolerance)

    def as_json(self) -> dict[str, Any]:
        """Field by field, with the verdict; JSON knows no number that is none."""
        value = self.value if isfinite(self.value) else None
        return {**asdict(self), "value": value, "here": self.here, "verdict": self.verdict}


def number(value: float) -> str:
    """Three significant digits, whole numbers from 100 on, thousands apart."""
    if not isfinite(value):
        return "-" if isnan(value) else "never"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def said(value: float, unit: str) -> str:
    """With its unit; what has none is a count."""
    return f"{number(value)} {unit}" if unit or not isfinite(value) else f"{value:,.0f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need to be, numbers to the right of the first column."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]

    def drawn(line: Sequence[str]) -> str:
        first, rest = line[0].ljust(widths[0]), zip(line[1:], widths[1:], strict=True)
        return "  ".join([first, *(cell.rjust(width) for cell, width in rest)]).rstrip()

    return "\n".join([drawn(lines[0]), "  ".join("-" * width for width in widths), *map(drawn, lines[1:])])


def figure_table(figures: Iterable[Figure]) -> str:
    """The judged view: value, target, the target as it is on this machine, verdict by the latter."""
    rows = []
    for one in figures:
        sign = "≥" if one.at_least else "≤"
        target = "" if one.target is None else f"{sign} {said(one.target, one.unit)}"
        here = "" if one.here is None or one.here == one.target else f"{sign} {number(one.here)}"
        rows.append((one.name, said(one.value, one.unit), target, here, one.verdict))
    return table(("figure", "measured", "target", "here", "verdict"), rows)
