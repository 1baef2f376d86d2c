"""The fixtures of a real PostgreSQL, for gateways that keep books."""

from tests.storage.conftest import cluster, database, directory, made, postgres, stored

__all__ = ["cluster", "database", "directory", "made", "postgres", "stored"]
