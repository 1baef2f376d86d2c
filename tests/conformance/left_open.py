"""Connections that other people's clients leave open, some on loops that are closed long since.

They are closed here, at the end of a file of tests, instead of being found in the middle of somebody else's test.
"""

import asyncio
import gc
import warnings


def close_left_open() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
    for one in gc.get_objects():
        if not isinstance(one, asyncio.Transport):
            continue
        loop, sock = getattr(one, "_loop", None), getattr(one, "_sock", None)
        if loop is not None and loop.is_closed() and sock is not None:
            sock.close()
            one._sock = None  # type: ignore[attr-defined]
