"""What the processes of one run share, and in which order they take files: `long` ones first, `alone` ones last.

A file of minutes that began last would keep one process busy when the other is through. What measures has the
machine to itself: the process that gets to it waits until the others have ended, as each holds a lock on one file
for as long as it lives. Needs `--dist loadfile --no-loadscope-reorder`, by which files are handed out in order.
"""

import contextlib
import fcntl
import importlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

_LOCK = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: the file takes minutes, so it goes first")
    config.addinivalue_line("markers", "alone: measures; nothing else may run beside it")
    if (path := _shared(config)) is not None:
        config.stash[_LOCK] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(config.stash[_LOCK], fcntl.LOCK_SH)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Each process imports its part of the tests first: what one has compiled the others only read."""
    config = session.config
    if (told := _told(config)) is None:
        return
    paths = sorted(path for given in config.args for path in Path(given).rglob("test_*.py"))
    for path in paths[int(told["workerid"].removeprefix("gw")) :: told["workercount"]]:
        name = ".".join(path.absolute().relative_to(config.rootpath).with_suffix("").parts)
        with contextlib.suppress(
            Exception, pytest.skip.Exception
        ):  # which collecting it finds again, and tells
            importlib.import_module(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (_is_alone(item), item.get_closest_marker("long") is None))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Outside of the test's time limit: it is not the test that takes its time here."""
    lock = item.config.stash.get(_LOCK, None)
    if lock is not None and _is_alone(item):
        fcntl.flock(lock, fcntl.LOCK_EX)
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    lock, path = config.stash.get(_LOCK, None), _shared(config)
    if lock is not None and path is not None:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)  # the last one out
        os.close(lock)


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def _shared(config: pytest.Config) -> Path | None:
    """The file that all processes of this run know; None when there is only one."""
    told = _told(config)
    return None if told is None else Path(tempfile.gettempdir()) / f"kaze-tests-{told['testrunuid']}"


def _told(config: pytest.Config) -> dict[str, Any] | None:
    """What xdist tells a process that is one of several."""
    return getattr(config, "workerinput", None)
