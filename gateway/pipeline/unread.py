"""Requests that HTTP itself refused: too large a head, unclear framing, too slow, too many connections.

No exchange comes of them, but they were asked and answered, so the log has their line and the metrics count them.
What is unknown of them is null: nobody was authenticated and no path was looked up. Where a body went wrong under
an exchange that had begun, that exchange ends beside it with a line of its own, as one whose caller was lost.
"""

from gateway.clock import Clock
from gateway.errors import Condition
from gateway.metrics import Metrics
from gateway.request_log import RequestLog

_UNKNOWN = dict.fromkeys(
    (
        "ts", "request_id", "tenant", "key", "route", "model", "provider", "pool", "priority", "status", "code",
        "outcome", "queue_ms", "upstream_ms", "gateway_ms", "input_tokens", "cache_read_tokens",
        "cache_write_tokens", "output_tokens", "cost_usd", "usage_source", "attempts", "agent", "task",
    )
)  # fmt: skip


class Unread:
    """Writes down refusals that were given before a request was understood."""

    def __init__(self, clock: Clock, metrics: Metrics, log: RequestLog) -> None:
        self._clock = clock
        self._metrics = metrics
        self._log = log

    def refused(self, condition: Condition, request_id: str) -> None:
        """A connection was told `condition`, under the id `request_id`."""
        self._metrics.refused_unread()
        known = {
            "ts": self._clock.utc(),
            "request_id": request_id,
            "status": condition.status,
            "code": condition.code,
            "outcome": "refused",
            "usage_source": "none",
            "attempts": 0,
        }
        self._log.write({**_UNKNOWN, **known})
