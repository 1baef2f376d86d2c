"""An operator who writes to the database, and an OpenBao of the test's own."""

from collections.abc import Iterator

import pytest

from tests.configuration.operator import Operator
from tests.keys.openbao import OpenBao
from tests.postgres import Stored


@pytest.fixture
def operator(stored: Stored) -> Operator:
    return Operator(stored.application)


@pytest.fixture
def bao() -> Iterator[OpenBao]:
    with OpenBao() as bao:
        yield bao
