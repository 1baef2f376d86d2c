"""Levels of thought that a model lacks."""

from typing import Any

import pytest

from gateway.dialects.effort import nearest


@pytest.mark.parametrize(
    ("wanted", "known", "sent"),
    [
        ("medium", ("none", "high"), "high"),
        ("minimal", ("none", "low", "high"), "low"),
        ("none", ("none", "high"), "none"),
        ("none", ("low", "high"), "low"),
        ("xhigh", ("none", "low", "high"), "high"),
        ("medium", ("none",), "none"),
    ],
)
def test_who_wants_thought_gets_some(wanted: Any, known: Any, sent: str) -> None:
    assert nearest(wanted, known) == sent
