"""An operator who writes to the database."""

import pytest

from tests.configuration.operator import Operator
from tests.postgres import Stored


@pytest.fixture
def operator(stored: Stored) -> Operator:
    return Operator(stored.application)
