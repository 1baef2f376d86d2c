"""Real processes killed under load, the short form; `python -m loadtests.money_kills` is the long one."""

import json
import subprocess
import sys

import pytest

KILLS, POSTGRES_KILLS = 20, 2


@pytest.mark.timeout(300)  # processes and a server, on a machine that may be busy
def test_whatever_is_killed_every_attempt_that_was_served_is_posted_once() -> None:
    command = ["-m", "loadtests.money_kills", "--kills", str(KILLS), "--postgres-kills", str(POSTGRES_KILLS)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["wrong"] == {} and seen["kills"] == KILLS
    assert seen["rows"] > 300 and seen["sources"]["unknown"] > KILLS  # killed in the middle of something
