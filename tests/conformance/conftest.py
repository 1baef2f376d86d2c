"""The gateway that all of a file's tests ask."""

from collections.abc import Iterator

import pytest

from tests.conformance.every_dialect import Served, served


@pytest.fixture(scope="module")
def gateway() -> Iterator[Served]:
    with served() as one:
        yield one
