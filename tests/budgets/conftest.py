"""Servers for the books: the same as those of `tests.storage`."""

from tests.storage.conftest import cluster, database, directory, made, postgres, stored

__all__ = ["cluster", "database", "directory", "made", "postgres", "stored"]
