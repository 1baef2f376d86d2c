"""`scripts/simulate` as it is called."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_no_worlds_is_not_a_run_without_faults(count: str) -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", count]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 2 and told.stdout == ""
    assert "argument --seeds: " in told.stderr
