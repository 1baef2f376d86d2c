"""A real PostgreSQL, as the tests of `storage` have it, and an operator who writes to it."""

import pytest

from tests.configuration.operator import Operator
from tests.storage.conftest import Stored, cluster, directory, made, postgres, stored

__all__ = ["cluster", "directory", "made", "operator", "postgres", "stored"]


@pytest.fixture
def operator(stored: Stored) -> Operator:
    return Operator(stored.application)
