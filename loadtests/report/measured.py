"""What runs came to, as rows of the table in `docs/loadtests.md`: from the summaries that they left."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from loadtests.figures import said
from loadtests.peers import ROOT

RESULTS = ROOT / "loadtests" / "results"
HEAD = ("scenario, case", "used", "fullest", "provider 429s", "besides")
_COLUMNS = {
    "used": re.compile(r".* used( after its return)?"),
    "fullest": re.compile(r"fullest .*"),
    "provider 429s": re.compile(r"provider 429s"),
}


def rows(summary: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """One for each run of a scenario; a figure that is judged and was not met is marked with its verdict."""
    for run in summary["runs"]:
        cells: dict[str, list[str]] = {name: [] for name in HEAD[1:]}
        for figure in run["figures"]:
            named = (name for name, pattern in _COLUMNS.items() if pattern.fullmatch(figure["name"]))
            column = next(named, "besides")
            cells[column].append(_words(figure, named=column == "besides"))
        if run["verdict"] != "ok":
            cells["besides"].append(f"**{run['verdict']}**")
        yield f"`{summary['scenario']}` `{run['name']}`", *("; ".join(cells[name]) for name in HEAD[1:])


def _words(figure: dict[str, Any], *, named: bool) -> str:
    value = (
        "not measured" if figure["value"] is None else said(figure["value"], figure["unit"].split(" of ")[0])
    )
    missed = "" if figure["verdict"] in ("", "ok") else f" ({figure['verdict']})"
    return (f"{figure['name']} {value}" if named else value) + missed


def markdown(table: Iterable[Sequence[str]]) -> str:
    """With its head."""
    lines = [HEAD, ("---",) * len(HEAD), *table]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main(words: Sequence[str]) -> int:
    """Prints them; 1 when there is no summary."""
    parser = argparse.ArgumentParser(prog="kaze loadtest measured", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help=f"of summaries; default: all below {RESULTS}")
    folders = parser.parse_args(words).folders or sorted(RESULTS.glob("*/"))
    summaries = [json.loads(file.read_text()) for folder in folders for file in folder.glob("summary.json")]
    if not summaries:
        print("no summary.json there", file=sys.stderr)
        return 1
    for summary in summaries:
        under = summary["conditions"]
        form, load = under["form"], under["load_average"]
        print(f"{summary['command']}: {under['at']}, {form} form, load average {load:.1f} at its end")
    print("\n" + markdown(row for summary in summaries for row in rows(summary)))
    return 0
