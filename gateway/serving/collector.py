"""Python's cycle collector, told what this process is like: much that stays, and exchanges that free themselves.

Without this it walks the objects of every exchange in flight for each 700 that are made, and now and then all
the modules and the configuration, for cycles that are not there: a tenth of a request's time, and pauses.
"""

import gc

#: Objects made beyond those freed before the youngest are looked at: more than a few hundred exchanges hold.
_YOUNG = 20_000


def set_aside_what_stays() -> None:
    """Called once, when everything that lives as long as the process has been built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
