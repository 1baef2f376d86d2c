"""The end of every exchange, exactly once: usage settled, metrics counted, one line logged.

Nothing here can fail a request: the reply is out. Usage a provider did not report is estimated and says so.
"""

from datetime import datetime

from gateway.clock import Clock
from gateway.exchange import NO_USAGE, Exchange, Usage
from gateway.metrics import Metrics
from gateway.pipeline.estimate import Estimator
from gateway.record import Record
from gateway.request_log import RequestLog

#: Reports of usage that are all learned from; of those that come later one in so many.
_LEARNED_ALL = 2_000
_LEARNED_ONE_IN = 8


class Line(Record):
    """A line of the request log (contract §6); what is unknown is null."""

    ts: datetime
    request_id: str
    tenant: str | None = None
    key: str | None = None
    route: str | None = None  # the endpoint
    model: str | None = None
    provider: str | None = None
    pool: str | None = None
    priority: str | None = None
    status: int | None = None
    code: str | None = None
    outcome: str | None = None
    queue_ms: float | None = None
    upstream_ms: float | None = None
    gateway_ms: float | None = None
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    usage_source: str | None = None
    attempts: int | None = None
    agent: str | None = None
    task: str | None = None


class Settlement:
    def __init__(self, clock: Clock, metrics: Metrics, log: RequestLog, estimator: Estimator) -> None:
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._estimator = estimator
        self._reports = 0

    def settle(self, exchange: Exchange) -> None:
        """Account for an exchange that ended, however it did."""
        now = self._clock.monotonic()
        self.measure(exchange)
        usage = exchange.usage
        if usage.source == "provider":
            self._learn(exchange, usage)
        key, target, tenant_key = exchange.provider_key, exchange.target, exchange.tenant_key
        total_s = now - exchange.arrived
        done = exchange.upstream_done or now
        upstream_s = done - exchange.sent if exchange.sent else 0.0
        queue_s = exchange.waited
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
        self._metrics.ended(ended, total_s, overhead_s, queue_s, usage.input, usage.output)
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

    def measure(self, exchange: Exchange) -> None:
        """Write down what was used, as far as it will ever be known; once nothing more is relayed."""
        if not exchange.ran_model:
            exchange.usage = NO_USAGE
        elif exchange.usage.source == "none" and exchange.relayed_bytes and exchange.status in (200, 499):
            exchange.usage = self._estimated(exchange)

    def _learn(self, exchange: Exchange, usage: Usage) -> None:
        """What the provider reported is what there was to estimate."""
        target, route, tenant_key = exchange.target, exchange.route, exchange.tenant_key
        if target is None or route is None or tenant_key is None:
            return
        self._reports += 1
        if self._reports > _LEARNED_ALL and self._reports % _LEARNED_ONE_IN:
            return
        model, made_of = target.model, exchange.sizing.makeup()
        label = (
            model if route.label == route.id else route.label
        )  # a histogram for each name made up is too many
        self._estimator.learn_input(made_of, exchange.sizing.estimate(), model, label, usage)
        if exchange.outcome == "ok":
            tenant, relayed = tenant_key.tenant.id, exchange.relayed_bytes
            self._estimator.learn_output(
                made_of, tenant, route.label, model, usage, exchange.streaming, relayed
            )

    def _estimated(self, exchange: Exchange) -> Usage:
        """For want of a report: the input as it was estimated, the output by what of it was relayed."""
        target, output = exchange.target, 0
        if target is not None and exchange.sizing.makeup().answer:
            output = self._estimator.answered(target.model, exchange.streaming, exchange.relayed_bytes)
        return Usage(exchange.sizing.estimate().input, output, source="estimated")


def _shown(exchange: Exchange) -> str | None:
    """The model as the caller wrote it; what may hold anything is escaped, as log readers split at U+2028 too."""
    model = exchange.model
    if not model or exchange.route is not None:
        return model
    return ascii(model[:128])[1:-1][:256]
