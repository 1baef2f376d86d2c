"""`scripts/simulate` as it is called."""

import sys

import pytest

from tests.simulation.__main__ import main


@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_no_worlds_is_not_a_run_without_faults(
    count: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/simulate", "--seeds", count])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "argument --seeds: " in capsys.readouterr().err
