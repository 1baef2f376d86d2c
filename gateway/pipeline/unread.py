"""Requests that HTTP itself refused: too large a head, unclear framing, too slow, too many connections.

No exchange comes of them, but they were asked and answered, so the log has their line and the metrics count them.
What is unknown of them is null: nobody was authenticated and no path was looked up. Where a body went wrong under
an exchange that had begun, that exchange ends beside it with a line of its own, as one whose caller was lost.
"""

from gateway.clock import Clock
from gateway.errors import Condition
from gateway.metrics import Metrics
from gateway.pipeline.settle import Line
from gateway.request_log import RequestLog


class Unread:
    """Writes down refusals that were given before a request was understood."""

    def __init__(self, clock: Clock, metrics: Metrics, log: RequestLog) -> None:
        self._clock = clock
        self._metrics = metrics
        self._log = log

    def refused(self, condition: Condition, request_id: str) -> None:
        """A connection was told `condition`, under the id `request_id`."""
        self._metrics.refused_unread()
        self._log.write(
            Line(
                self._clock.utc(),
                request_id,
                status=condition.status,
                code=condition.code,
                outcome="refused",
                usage_source="none",
                attempts=0,
            )
        )
