"""Children that cannot notice by themselves that their parent is gone: Linux tells them, by a signal.

Elsewhere they outlive a parent that is killed outright, and the next one ends them (`ending`).
"""

import ctypes
import os
import sys
from collections.abc import Callable
from signal import Signals

_PR_SET_PDEATHSIG = 1


def signalled_at_parents_death(number: Signals) -> Callable[[], None] | None:
    """To be called in the child before its program (`preexec_fn`): it gets `number` when its parent ends.

    To the kernel the parent is the thread that starts it, so that one must live as long as the process. What the
    child does between is one system call, without a lock that another thread might have held.
    """
    if sys.platform != "linux":
        return None
    parent, prctl = os.getpid(), ctypes.PyDLL(None).prctl  # looked up before there is a child

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before it was asked for
            os._exit(1)

    return ask
