"""Spool files that were damaged: kept for people to look at, said, and never taken for all that was spent.

What a record that cannot be read said is lost, so what its worker held in that start is not freed by posting the
rest: `Books.close` sets it aside under a name of its own, charged in full, until somebody closes that as they do a
worker whose spool is lost. Which starts these are the files say that are kept; so it holds whenever the process
dies. Files block: in a thread.
"""

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from budgets.spool.segment import NAME, Damage

_SUFFIX = ".damaged"

log = logging.getLogger(__name__)


def keep(damage: Iterable[Damage]) -> None:
    """Their files have a second name, which outlives the spool's."""
    for path in {one.path for one in damage}:
        with suppress(FileExistsError, FileNotFoundError):  # kept before
            os.link(path, path.with_suffix(_SUFFIX))


def damaged_epochs(directory: Path) -> frozenset[int]:
    """The starts of its worker of which a damaged file is kept in a spool's directory."""
    names = (NAME.fullmatch(f"{path.stem}.wal") for path in directory.glob(f"*{_SUFFIX}"))
    return frozenset(int(match[1]) for match in names if match is not None)


def kept_files(root: Path) -> int:
    """How many there are below the directory of all spools."""
    return sum(1 for _ in root.glob(f"spool-*/*{_SUFFIX}"))


def say(damage: Iterable[Damage]) -> None:
    """Of each place, in the log."""
    for path, at, length in damage:
        log.error(
            "%s: %d bytes at %d are no usage record, and what they said is lost; what its worker held stays"
            " charged until it is closed (kaze lost-worker)",
            path.with_suffix(_SUFFIX), length, at,
        )  # fmt: skip
