"""How provider keys are shown to people in a list."""

from typing import Any

import pytest

from gateway.cli.standing import as_it_stands


@pytest.mark.parametrize(
    ("limit", "account", "shown"),
    [
        (600, "key", None),
        (597, "key", None),  # less what is set aside
        (540, "key", "rpm 540"),
        (1, "key/gpt-*", "gpt-* rpm 1"),
    ],
)
def test_limits_in_force_are_shown_where_they_are_lower(limit: int, account: str, shown: str | None) -> None:
    dimension = {"dimension": "rpm", "limit": limit, "configured": 600}
    pool: dict[str, Any] = {
        "id": "key", "live": {"health": [], "limits": [{"account": account, "dimensions": [dimension]}]},
    }  # fmt: skip
    assert as_it_stands(pool)["in_force"] == shown
    assert as_it_stands({"id": "key", "live": None})["in_force"] is None
