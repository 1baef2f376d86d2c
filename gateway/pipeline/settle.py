"""The end of every exchange, exactly once: usage settled, metrics counted, one line logged.

Nothing here can fail a request: the reply is out. Usage a provider did not report is estimated and says so.
"""

from gateway.clock import Clock
from gateway.exchange import Exchange, Usage
from gateway.metrics import Metrics
from gateway.pipeline.estimate import BYTES_PER_TOKEN
from gateway.request_log import RequestLog

_FRAME_BYTES = 200  # of a typical chunk with one token in it


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
            {
                "ts": self._clock.utc(),
                "request_id": exchange.request_id,
                "tenant": tenant_key.tenant.id if tenant_key else None,
                "key": tenant_key.id if tenant_key else None,
                "route": exchange.endpoint,
                "model": _shown(exchange),
                "provider": key.provider.id if key else None,
                "pool": key.id if key else None,
                "priority": exchange.priority,
                "status": exchange.status,
                "code": exchange.code,
                "outcome": exchange.outcome,
                "queue_ms": int(queue_s * 1e6) / 1e3,
                "upstream_ms": int(upstream_s * 1e6) / 1e3,
                "gateway_ms": int(overhead_s * 1e6) / 1e3,
                "input_tokens": usage.input,
                "cache_read_tokens": usage.cache_read,
                "cache_write_tokens": usage.cache_write,
                "output_tokens": usage.output,
                "cost_usd": None,
                "usage_source": usage.source,
                "attempts": exchange.attempts,
                "agent": exchange.agent,
                "task": exchange.task,
            }
        )


def _shown(exchange: Exchange) -> str | None:
    """The model as the caller wrote it; what may hold anything is escaped, as log readers split at U+2028 too."""
    model = exchange.model
    if not model or exchange.route is not None:
        return model
    return ascii(model[:128])[1:-1][:256]


def _estimated(exchange: Exchange) -> Usage:
    """From bytes: a stream's frames are about a token each, other text about four bytes a token."""
    per_token = _FRAME_BYTES if exchange.streaming else BYTES_PER_TOKEN
    return Usage(exchange.input_estimate, max(1, exchange.relayed_bytes // per_token), source="estimated")
