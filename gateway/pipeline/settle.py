"""The end of every exchange, exactly once: usage settled, metrics counted, one line logged.

Nothing here can fail a request: the reply is out. Usage a provider did not report is estimated and says so.
"""

from datetime import datetime
from math import inf

from gateway.clock import Clock
from gateway.exchange import COUNTS_ONLY, NO_USAGE, Exchange, Lost, Usage
from gateway.metrics import Metrics
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.in_parts import reads_in
from gateway.record import Record
from gateway.request_log import RequestLog

#: Reports of usage that are all learned from; of those that come later one in so many.
_LEARNED_ALL = 2_000
_LEARNED_ONE_IN = 8
#: To a millisecond lines say when; reading the wall clock costs as much as writing half a line.
_UTC_STAYS_S = 0.001


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
    overflow: bool = False  # a local model's answer, in place of a wait
    warnings: str | None = None  # as in the answer's head, with what a stream lost after that


class Settlement:
    def __init__(self, clock: Clock, metrics: Metrics, log: RequestLog, estimator: Estimator) -> None:
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._estimator = estimator
        self._reports = 0
        self._looked_at = -inf  # monotonic
        self._utc = clock.utc()

    def settle(self, exchange: Exchange) -> None:
        """Account for an exchange that ended, however it did."""
        now = self._clock.monotonic()
        usage = exchange.usage
        if usage.source == "provider":
            self._learn(exchange, usage)
        key, target = exchange.provider_key, exchange.target
        tenant_key, route = exchange.tenant_key, exchange.route
        priority, outcome, endpoint = exchange.priority, exchange.outcome, exchange.endpoint
        total_s = now - exchange.arrived
        sent, queue_s = exchange.sent, exchange.waited
        upstream_s = (exchange.upstream_done or now) - sent if sent else 0.0
        overhead_s = total_s - upstream_s - queue_s
        if overhead_s < 0.0:  # by a rounding
            overhead_s = 0.0
        provider = pool = tenant = tenant_key_id = None
        if key is not None:
            provider, pool = key.provider.id, key.id
        if tenant_key is not None:
            tenant, tenant_key_id = tenant_key.tenant.id, tenant_key.id
        ended = (
            endpoint if route is None else route.label,
            priority,
            outcome,
            provider or "",
            pool or "",
            "" if target is None else target.model,
            tenant or "",
        )
        self._metrics.ended(ended, total_s, overhead_s, queue_s, usage.input, usage.output)
        if now - self._looked_at > _UTC_STAYS_S:
            self._utc, self._looked_at = self._clock.utc(), now
        self._log.write(
            Line(
                self._utc,
                exchange.request_id,
                tenant,
                tenant_key_id,
                endpoint,
                exchange.model if route is not None else _shown(exchange.model),
                provider,
                pool,
                priority,
                exchange.status,
                exchange.code,
                outcome,
                queue_s * 1e6 // 1.0 / 1e3,  # whole microseconds, in milliseconds
                upstream_s * 1e6 // 1.0 / 1e3,
                overhead_s * 1e6 // 1.0 / 1e3,
                usage.input,
                usage.cache_read,
                usage.cache_write,
                usage.output,
                None if exchange.cost_nusd is None else exchange.cost_nusd / 1e9,
                usage.source,
                exchange.attempts,
                exchange.agent,
                exchange.task,
                exchange.overflow is not None,
                None if exchange.lost is None else self._warned(exchange.lost),
            )
        )

    def _warned(self, lost: Lost) -> str | None:
        """Count what was lost, and say it."""
        names = lost.names
        for kind, _ in names:
            self._metrics.warned(kind)
        return lost.line().decode() if names else None

    def measure(self, exchange: Exchange) -> None:
        """Write down what was used, as far as it will ever be known; once nothing more is relayed."""
        if exchange.target is None or exchange.endpoint in COUNTS_ONLY:
            exchange.usage = NO_USAGE
        elif exchange.usage.source == "none" and exchange.relayed_bytes and exchange.status in (200, 499):
            exchange.usage = self._estimated(exchange)

    def _learn(self, exchange: Exchange, usage: Usage) -> None:
        """What the provider reported is what there was to estimate."""
        self._reports += 1
        if self._reports > _LEARNED_ALL and self._reports % _LEARNED_ONE_IN:
            return
        target, route, tenant_key = exchange.target, exchange.route, exchange.tenant_key
        if target is None or route is None or tenant_key is None:
            return
        model, made_of = target.model, exchange.sizing.makeup()
        label = (
            model if route.label == route.id else route.label
        )  # a histogram for each name made up is too many
        reads = reads_in(exchange.endpoint, target, made_of)
        self._estimator.learn_input(made_of, exchange.sizing.estimate(), model, label, usage, reads)
        if exchange.outcome == "ok":
            tenant, relayed = tenant_key.tenant.id, exchange.relayed_bytes
            self._estimator.learn_output(
                made_of, tenant, route.label, model, usage, exchange.streaming, relayed
            )

    def _estimated(self, exchange: Exchange) -> Usage:
        """For want of a report: the input as it was estimated, the output by what of it was relayed."""
        target, input_, output = exchange.target, exchange.sizing.estimate().input, 0
        if target is not None and exchange.sizing.makeup().answer:
            output = self._estimator.answered(target.model, exchange.streaming, exchange.relayed_bytes)
            input_ *= reads_in(exchange.endpoint, target, exchange.sizing.makeup())
        return Usage(input_, output, source="estimated")


def _shown(model: str | None) -> str | None:
    """A model that was not found, as the caller wrote it; it may hold anything, and log readers split at U+2028."""
    if not model:
        return model
    return ascii(model[:128])[1:-1][:256]
