"""The end of every exchange, exactly once: usage settled, metrics counted, one line logged.

Nothing here can fail a request: the reply is out. Usage a provider did not report is estimated and says so.
"""

from datetime import datetime

from gateway.clock import Clock
from gateway.exchange import Exchange, Usage
from gateway.metrics import Metrics
from gateway.record import Record
from gateway.request_log import RequestLog

_BYTES_PER_TOKEN = 4
_FRAME_BYTES = 200  # of a typical chunk with one token in it


class Line(Record):
    """A line of the request log (contract §6)."""

    ts: datetime
    request_id: str
    tenant: str | None
    key: str | None
    route: str  # the endpoint
    model: str | None
    provider: str | None
    pool: str | None
    priority: str
    status: int
    code: str | None
    outcome: str
    queue_ms: float
    upstream_ms: float
    gateway_ms: float
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cost_usd: float | None
    usage_source: str
    attempts: int
    agent: str | None
    task: str | None


class Settlement:
    def __init__(self, clock: Clock, metrics: Metrics, log: RequestLog) -> None:
        self._clock = clock
        self._metrics = metrics
        self._log = log

    def settle(self, exchange: Exchange) -> None:
        """Account for an exchange that ended, however it did."""
        now = self._clock.monotonic()
        usage = exchange.usage
        if usage.source == "none" and exchange.relayed_bytes and exchange.status in (200, 499):
            usage = exchange.usage = _estimated(exchange)
        key, target, tenant_key = exchange.provider_key, exchange.target, exchange.tenant_key
        total_s = now - exchange.arrived
        done = exchange.upstream_done or now
        upstream_s = done - exchange.sent if exchange.sent else 0.0
        queue_s = exchange.admitted - exchange.queued
        overhead_s = total_s - upstream_s - queue_s
        ended = (
            exchange.endpoint if exchange.route is None else exchange.route.label,
            exchange.priority,
            exchange.outcome,
            key.provider.id if key is not None else "",
            key.id if key is not None else "",
            target.model if target is not None else "",
            tenant_key.tenant.id if tenant_key is not None else "",
        )
        self._metrics.ended(ended, total_s, overhead_s, usage.input, usage.output)
        self._log.write(
            Line(
                self._clock.utc(),
                exchange.request_id,
                tenant_key.tenant.id if tenant_key is not None else None,
                tenant_key.id if tenant_key is not None else None,
                exchange.endpoint,
                _shown(exchange),
                key.provider.id if key is not None else None,
                key.id if key is not None else None,
                exchange.priority,
                exchange.status,
                exchange.code,
                exchange.outcome,
                int(queue_s * 1e6) / 1e3,
                int(upstream_s * 1e6) / 1e3,
                int(overhead_s * 1e6) / 1e3,
                usage.input,
                usage.cache_read,
                usage.cache_write,
                usage.output,
                None,
                usage.source,
                exchange.attempts,
                exchange.agent,
                exchange.task,
            )
        )


def _shown(exchange: Exchange) -> str | None:
    """The model as the caller wrote it; what may hold anything is escaped, as log readers split at U+2028 too."""
    model = exchange.model
    if not model or exchange.route is not None:
        return model
    return ascii(model[:128])[1:-1][:256]


def _estimated(exchange: Exchange) -> Usage:
    """From bytes: a stream's frames are about a token each, other text about four bytes a token."""
    per_token = _FRAME_BYTES if exchange.streaming else _BYTES_PER_TOKEN
    return Usage(exchange.input_estimate, max(1, exchange.relayed_bytes // per_token), source="estimated")
