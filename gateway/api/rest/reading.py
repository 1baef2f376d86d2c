"""The database that an operation of the admin API asks, by the table of reads."""

from gateway.api.rest.answer import Problem
from storage.database import Database
from storage.reads import Read, ReadRouter


def database_for(reads: ReadRouter | None, read: Read) -> Database:
    """Raises a Problem where there is no database."""
    if reads is None:
        raise Problem(503, "There is no database here.")
    return reads.database_for(read)
