"""`tests/ACCEPTANCE.md` names tests that exist, and names every item that it says it has."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "tests" / "ACCEPTANCE.md").read_text()
ITEMS = {*range(1, 23), *range(51, 67), 68, *range(74, 81)}


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) > 80
    known: dict[str, set[str]] = {}
    for file in {file for file, _ in named}:
        tree = ast.parse((ROOT / file).read_text())
        known[file] = {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    assert [f"{file}::{name}" for file, name in named if name not in known[file]] == []


def test_every_item_has_a_row_with_a_test() -> None:
    rows = [line.split("|") for line in TEXT.splitlines() if line.startswith("| ")]
    proven = {int(number) for row in rows if "::" in row[3] for number in re.findall(r"D(\d+)", row[1])}
    assert proven >= ITEMS
