"""What is measured of translation is translation: each pair of dialects takes the other's words."""

import pytest

from loadtests.translation_cost import pairs, streamed, whole


@pytest.mark.parametrize("tools", [False, True])
def test_every_pair_can_be_measured(tools: bool) -> None:
    found = pairs(tools=tools)
    assert len({pair.name for pair in found}) == 12
    for pair in found:
        assert pair.frames and whole(pair, turns=1) > 0 and streamed(pair, turns=1) > 0, pair.name
