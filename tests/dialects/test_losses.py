"""What a translation lost: told in one line that fits a header, or refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.losses import Losses
from gateway.errors import GatewayError


def test_each_is_named_once_under_what_became_of_it() -> None:
    losses = Losses()
    assert losses.line() == b""
    losses.dropped("logit_bias")
    losses.clamped("temperature")
    losses.dropped("seed")
    losses.dropped("logit_bias")
    losses.changed("messages[3].name")
    assert losses.line() == b"dropped=logit_bias,seed; clamped=temperature; changed=messages[3].name"
    assert losses.names == (
        ("dropped", "logit_bias"),
        ("dropped", "seed"),
        ("clamped", "temperature"),
        ("changed", "messages[3].name"),
    )


@given(st.lists(st.text(), max_size=300))
def test_whatever_fields_are_called_the_line_fits_a_header(names: list[str]) -> None:
    losses = Losses()
    for name in names:
        losses.dropped(name)
    line = losses.line()
    assert len(line) <= 1024
    assert re.fullmatch(rb"[A-Za-z0-9_.\[\]?=,; -]*", line)


def test_no_name_is_cut() -> None:
    losses, names = Losses(), [f"messages[{index}].name" for index in range(100)]
    for lose in (losses.dropped, losses.clamped):
        for name in names:
            lose(name)
        line = losses.line()
        assert 1000 < len(line) <= 1024
        (only,) = line.decode().split("; ")
        told = only.removeprefix("dropped=").split(",")
        assert told == names[: len(told)]


@pytest.mark.parametrize("lose", [Losses.dropped, Losses.clamped, Losses.changed])
def test_who_wants_nothing_lost_is_told_of_the_first(lose: object) -> None:
    assert callable(lose)
    with pytest.raises(GatewayError) as error:
        lose(Losses(strict=True), "seed")
    assert (error.value.condition.code, error.value.param) == ("unsupported_parameter", "seed")
