"""What measures comes last and has the machine to itself, whichever process gets to it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.audit import ROOT

MEASURES = """
import pytest

@pytest.mark.alone
@pytest.mark.timeout(1)  # which the wait does not count towards
def test_measures(): print("measured")
"""
TAKES_LONG = """
import time

def test_takes_long():
    print("began")
    time.sleep(2)
    print("ended")
"""


def test_others_have_ended_before_what_measures_begins(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.sharing"]\n')
    (tmp_path / "test_a_measures.py").write_text(MEASURES)
    for name in ("b", "c"):
        (tmp_path / f"test_{name}.py").write_text("def test_is_over_at_once(): pass\n" * 3)
    (tmp_path / "test_takes_long.py").write_text(TAKES_LONG)
    plugins = ["-p", "xdist", "-p", "pytest_timeout"]  # all the others take seconds
    options = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-v", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, tmp_path],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    passed = [line.split("::")[-1].strip() for line in ended.stdout.splitlines() if "PASSED" in line]
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert passed[-1:] == ["test_measures"] and "test_takes_long" in passed
