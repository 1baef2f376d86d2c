"""Were ceilings kept, and used? By the simulators' logs alone.

A window is added up over what was asked for, refused requests included: a ceiling that had to refuse was not kept.
Every alignment is looked at: a sum over 60 s is greatest for some window that ends with a charge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import nan

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.world.charge_rows import ChargeRow
from loadtests.world.layout import DIMENSIONS, ProviderKey

WINDOW_S = 60.0


def amounts(rows: Iterable[ChargeRow], limit: str, *, refused: bool) -> Iterator[tuple[float, float]]:
    """(when, how much) of one dimension, named as its ceiling (rpm, itpm, …)."""
    column = DIMENSIONS[limit]
    for row in rows:
        if (amount := getattr(row, column)) and (refused or row.kind != "refused"):
            yield row.at, amount


def rolling(
    charges: Sequence[tuple[float, float]], window: float = WINDOW_S
) -> Iterator[tuple[float, float]]:
    """For every charge, how much the window ending with it holds; what is exactly `window` old is out of it."""
    held, oldest = 0.0, 0
    for at, amount in charges:
        held += amount
        while charges[oldest][0] <= at - window:
            held -= charges[oldest][1]
            oldest += 1
        yield at, held


def fullest(key: ProviderKey, limit: str, rows: Sequence[ChargeRow], *, refused: bool = True) -> float:
    """The fullest window ever, as a share of the ceiling."""
    charges = list(amounts(rows, limit, refused=refused))
    return max((held for _, held in rolling(charges)), default=0.0) / key.limits[limit]


def use(evidence: Evidence, keys: Sequence[str], limit: str) -> float:
    """What was taken of one dimension after warming up, as a share of what all these keys allow in that time."""
    if not logged(evidence, keys):
        return nan
    taken = sum(
        amount
        for name in keys
        for at, amount in amounts(evidence.charges[name], limit, refused=False)
        if evidence.since <= at <= evidence.seconds
    )
    allowed = sum(evidence.key(name).limits[limit] for name in keys) * evidence.span / 60
    return taken / allowed


def fill(evidence: Evidence, keys: Sequence[str], limit: str) -> float:
    """The fullest windows of these keys together, as a share: of loads too short to see a window roll on."""
    if not logged(evidence, keys):
        return nan
    held = sum(
        fullest(evidence.key(name), limit, evidence.charges[name], refused=False)
        * evidence.key(name).limits[limit]
        for name in keys
    )
    return held / sum(evidence.key(name).limits[limit] for name in keys)


def logged(evidence: Evidence, keys: Iterable[str]) -> bool:
    """Whether all these keys have a log to judge by."""
    return all(name in evidence.charges for name in keys)


def kept(evidence: Evidence) -> list[Figure]:
    """The promise about ceilings: no refusal by any, and no window of any dimension over."""
    if not logged(evidence, (key.id for key in evidence.layout.keys)):
        return [
            Figure(name, nan, "", 0, tolerance=0)
            for name in ("provider 429s", "fullest 60 s window asked for")
        ]
    refused = sum(row.kind == "refused" for rows in evidence.charges.values() for row in rows)
    worst = max(
        (
            fullest(key, limit, evidence.charges[key.id])
            for key in evidence.layout.keys
            for limit in key.rates
        ),
        default=0.0,
    )
    return [
        Figure("provider 429s", refused, "", 0, tolerance=0),
        Figure("fullest 60 s window asked for", worst * 100, "% of its ceiling", 100, tolerance=0),
        Figure("rows of the simulator's log that were lost", evidence.lost_rows, "", 0, tolerance=0),
    ]


def used(evidence: Evidence, keys: Sequence[str], limit: str, least: float, *, short: bool = False) -> Figure:
    """The promise about use: of the binding dimension at least `least` percent."""
    share = (fill if short else use)(evidence, keys, limit) * 100
    name = f"{limit} of {', '.join(keys)} filled" if short else f"{limit} of {', '.join(keys)} used"
    return Figure(name, share, "%", least, at_least=True, tolerance=0)
