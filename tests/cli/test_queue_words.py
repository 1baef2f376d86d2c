"""Tables of the command, and what it says when there is nobody to ask."""

import pytest

from gateway.cli.queue import cancel_waiting, list_queue, show_waiting
from gateway.cli.table import listed, table


def test_columns_are_as_wide_as_they_must_be_and_numbers_stand_to_the_right() -> None:
    shown = table(["name", "count"], [["a", 1], ["longer", 1000], ["b", None]])
    assert shown.splitlines() == ["name    count", "a           1", "longer   1000", "b           -"]


def test_what_a_caller_named_cannot_steer_the_terminal() -> None:
    assert table(["model"], [["\x1b[2Jgone"]]) == "model\n\\x1b[2Jgone"
    assert listed({"model": "a\nb"}) == "model  a\\nb"


def test_without_a_key_it_says_where_one_is(capsys: pytest.CaptureFixture[str]) -> None:
    for status in (
        list_queue(50, "", False, {}),
        show_waiting("r", False, {}),
        cancel_waiting("r", False, {"KAZE_ADMIN_KEY": ""}),
    ):
        assert status == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("KAZE_ADMIN_KEY is not set") == 3


def test_a_gateway_that_is_away_is_one_line_without_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"KAZE_ADMIN_URL": "http://127.0.0.1:1", "KAZE_ADMIN_KEY": "secret-canary"}
    assert list_queue(50, "", True, environ) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "the gateway at http://127.0.0.1:1: cannot be reached (ConnectError)\n")
