"""The order in which one process ends: unready, deaf, patient, firm, gone.

Streams get the grace time to finish by themselves; those that have not are ended by the application with an
error frame, so that no caller takes a cut-off answer for a whole one.
"""

import asyncio
import logging

from gateway.app import App
from gateway.clock import Clock
from gateway.serving.listener import Listener

_POLL_S = 0.02
#: For error frames to be written and connections to close, after the grace time.
LAST_WORDS_S = 3.0

log = logging.getLogger(__name__)


async def drain(app: App, data: Listener, *, grace_s: float, delay_s: float, clock: Clock) -> None:
    """Return when the data plane is quiet, at most `delay_s + grace_s + LAST_WORDS_S` from now."""
    app.drain()
    if delay_s > 0:
        await asyncio.sleep(delay_s)  # load balancers need a moment to see that we are not ready
    data.stop_accepting()
    deadline = clock.monotonic() + grace_s
    while app.live and clock.monotonic() < deadline:  # noqa: ASYNC110 - the exchanges owe us no event
        await asyncio.sleep(_POLL_S)
    if app.live:
        log.warning("%d exchanges did not finish within the grace of %g s", app.live, grace_s)
        app.end_streams()
    await data.close(LAST_WORDS_S)
