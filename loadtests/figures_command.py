"""The command of a benchmark that only tells figures: what it is given, what it prints and writes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from loadtests.figures import TOLERANCE, Figure, figure_table
from loadtests.peers import ROOT


def figures_command(
    name: str, meaning: str | None, measure: Callable[[int], Sequence[Figure]], words: list[str] | None
) -> int:
    """`measure` is told how many rounds; `meaning` is for people who ask for help.

    Exit status: 0, or 1 when with --assert a figure missed its target by more than the tolerance.
    """
    results = ROOT / "loadtests" / "results" / f"{name.replace('-', '_')}.json"
    parser = argparse.ArgumentParser(
        prog=f"scripts/load {name}",
        description=meaning,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=results, help="JSON results; default: %(default)s")
    parser.add_argument(
        "--assert",
        action="store_true",
        dest="asserted",
        help=f"fail when a target is missed by {TOLERANCE:.0%}".replace("%", "%%"),
    )
    given = parser.parse_args(words)
    found = measure(given.rounds)
    print(figure_table(found))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps({"figures": [one.as_json() for one in found]}, indent=2) + "\n")
    return 1 if given.asserted and any(one.verdict == "MISSED" for one in found) else 0
