"""Ending a process that is not a child of ours: one that an earlier gateway, killed outright, left behind."""

import os
import select
import signal
from collections.abc import Iterable


def end_process(pid: int, signals: Iterable[signal.Signals], patience_s: float) -> None:
    """Sends one signal after the other, each with `patience_s` to take effect; returns when it has ended.

    By a handle on the process, so that another one which got its number meanwhile is never hit.
    """
    for number in signals:
        try:
            handle = os.pidfd_open(pid)
        except (AttributeError, OSError):
            return
        try:
            signal.pidfd_send_signal(handle, number)
            if _ended_within(handle, patience_s):
                return
        except OSError:
            return
        finally:
            os.close(handle)


def _ended_within(handle: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
