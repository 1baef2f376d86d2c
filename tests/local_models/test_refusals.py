"""What is said where the models are not installed."""

import subprocess
import sys

from tests.serving.running_process import REPOSITORY


def test_models_that_are_not_there_are_named_in_a_line() -> None:
    command = [sys.executable, "-S", "-m", "local_models", "--port", "0"]  # without any installed package
    ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr == ("local-models: xllamacpp is not installed; scripts/setup local installs it\n")
