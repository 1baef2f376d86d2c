"""The gateway's metrics (contract §5): plain numbers on the request path, Prometheus families when scraped.

A client library's counter takes a lock and checks its labels at every step; here an event is an addition to a
dictionary, and `prometheus_client` is given the numbers when somebody asks. Everything runs on the event loop's
thread, so no lock is needed.

Label values come from the configuration or a fixed vocabulary. Where a caller can still influence one (the
upstream model of a `provider/model` name), `LabelCap` folds everything past 200 values into `other`.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

LABEL_VALUES_MAX = 200
_ROWS_MAX = 20_000
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
_WAITS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_RATIOS = (0.25, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 4)
_OVERHEAD = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1)


class LabelCap:
    """Lets the first values through and calls the rest `other`."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._seen:
            return value
        if len(self._seen) >= LABEL_VALUES_MAX:
            return "other"
        self._seen.add(value)
        return value


class Tally:
    """A counter family: `add` costs a dictionary look-up."""

    __slots__ = ("_counts", "_labels", "_name", "_text")

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = f"gateway_{name}", text, labels
        self._counts: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, labels: tuple[str, ...], amount: float = 1) -> None:
        counts = self._counts
        counts[labels] = counts.get(labels, 0) + amount

    def copy(self) -> "Tally":
        made = Tally("", self._text, *self._labels)
        made._name, made._counts = self._name, dict(self._counts)
        return made

    def collect(self) -> Metric:
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        return family


class Spread:
    """Numbers of a histogram with fixed upper bounds."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def merge(self, other: "Spread") -> None:
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        names = (*map(str, self.bounds), "+Inf")
        return [(name, float(total)) for name, total in zip(names, accumulate(self.counts), strict=True)]


class Row:
    """What happened to all exchanges that ended alike."""

    __slots__ = ("inputs", "outputs", "overhead", "requests", "seconds", "waits")

    def __init__(self) -> None:
        self.requests = 0
        self.inputs = 0
        self.outputs = 0
        self.seconds = Spread(_SECONDS)
        self.overhead = Spread(_OVERHEAD)
        self.waits = Spread(_WAITS)


class Reading(NamedTuple):
    """A family of numbers as they are now, or have come to: by label values."""

    name: str
    text: str
    labels: tuple[str, ...]
    values: Iterable[tuple[Sequence[str], float]]
    counts: bool = False  # since the start; otherwise it is what it is now

    def collect(self) -> Metric:
        kind = CounterMetricFamily if self.counts else GaugeMetricFamily
        family = kind(f"gateway_{self.name}", self.text, labels=self.labels)
        for labels, value in self.values:
            family.add_metric(labels, value)
        return family


class Ended(NamedTuple):
    """How an exchange ended; provider, pool and model are empty when it never got to one."""

    route: str
    priority: str
    outcome: str
    provider: str
    pool: str
    model: str
    tenant: str


class Metrics:
    """All families of one worker. Methods are what happens."""

    def __init__(self, registry: CollectorRegistry, in_flight: Callable[[], int]) -> None:
        self._rows: dict[tuple[str, ...], Row] = {}
        self._named: dict[Row, Ended] = {}
        self._attempts = Tally("attempts", "Upstream attempts.", "provider", "pool", "outcome")
        self._rejections = Tally("provider_rejections", "Refusals by providers.", "pool", "kind")
        self._shed = Tally(
            "shed", "Requests that got no place in the line, or lost it.", "priority", "reason"
        )
        self._overflows = Tally("overflow", "Requests that went to a local model instead.", "reason")
        self._warnings = Tally(
            "warnings", "Fields that translation could not carry over as they were.", "kind"
        )
        self._ledger_calls = Spread(_OVERHEAD)
        self._flushes = Spread(_SECONDS)
        self._others: list[Callable[[], Iterable[Reading]]] = []
        self._log_dropped = Tally("log_lines_dropped", "Request log lines dropped: the sink was too slow.")
        self._estimates: dict[str, Spread] = {}
        self._in_flight = in_flight
        self._degraded: dict[tuple[str, str], bool] = {}
        self._routes, self._models, self._tenants = LabelCap(), LabelCap(), LabelCap()
        self._unread = 0
        self.loop_lag_s = 0.0
        self.config_generation = 0
        registry.register(self)

    def ended(
        self,
        key: tuple[str, ...],
        seconds: float,
        overhead_s: float,
        waited_s: float,
        inputs: int,
        outputs: int,
    ) -> None:
        """An exchange ended after `seconds`, of which it `waited_s` in line. `key` is as `Ended`."""
        row = self._rows.get(key)
        if row is None:
            row = self._row(Ended(*key))
        row.requests += 1
        row.inputs += inputs
        row.outputs += outputs
        spread = row.seconds
        spread.counts[bisect_left(_SECONDS, seconds)] += 1
        spread.sum += seconds
        spread = row.overhead
        spread.counts[bisect_left(_OVERHEAD, overhead_s)] += 1
        spread.sum += overhead_s
        if waited_s:  # few have: the others are what is missing in the count
            row.waits.add(waited_s)

    def _row(self, key: Ended) -> Row:
        """A row for `key` with capped labels, remembered under the key as it came while there is room."""
        capped = key._replace(
            route=self._routes(key.route), model=self._models(key.model), tenant=self._tenants(key.tenant)
        )
        row = self._rows.get(capped)
        if row is None:
            row = self._rows[capped] = Row()
            self._named[row] = capped
        if len(self._rows) < _ROWS_MAX:
            self._rows[key] = row
        return row

    def refused_unread(self) -> None:
        """HTTP itself refused a request: it took no time worth a histogram, and is nobody's."""
        self._unread += 1

    def attempted(self, provider: str, pool: str, outcome: str) -> None:
        """An upstream attempt ended with `outcome` (ok, or the code of its failure)."""
        self._attempts.add((provider, pool, outcome))

    def rejected(self, pool: str, kind: str) -> None:
        """A provider refused: rate, overload, credential."""
        self._rejections.add((pool, kind))

    def shed(self, priority: str, reason: str) -> None:
        """A request was refused a place in the line, or lost the one it had."""
        self._shed.add((priority, reason))

    def overflowed(self, reason: str) -> None:
        """A request goes to its route's local model."""
        self._overflows.add((reason,))

    def warned(self, kind: str) -> None:
        """Something of a request or its answer was lost in translation: dropped, clamped, unread, …"""
        self._warnings.add((kind,))

    def also(self, readings: Callable[[], Iterable[Reading]]) -> None:
        """At a scrape ask for these, too: what others know and nobody counts."""
        self._others.append(readings)

    def ledger_called(self, seconds: float) -> None:
        """The shared ledger answered a call after that long."""
        self._ledger_calls.add(seconds)

    def flushed(self, seconds: float, _records: int) -> None:
        """Usage records were written to the database; it took that long."""
        self._flushes.add(seconds)

    def estimated(self, model: str, ratio: float) -> None:
        """A request's input had been estimated at `ratio` times what its provider reports."""
        label = self._models(model)
        spread = self._estimates.get(label)
        if spread is None:
            spread = self._estimates[label] = Spread(_RATIOS)
        spread.add(ratio)

    def log_dropped(self) -> None:
        """A line of the request log was lost."""
        self._log_dropped.add(())

    def lagged(self, seconds: float) -> None:
        """The worst delay of the event loop in the last second."""
        self.loop_lag_s = seconds

    def degraded(self, dependency: str, mode: str, away: bool) -> None:
        """Enter or leave a declared mode."""
        self._degraded[dependency, mode] = away

    def collect(self) -> Iterator[Metric]:
        """For the registry, at a scrape."""
        yield from self._ended_families()
        yield from (
            tally.collect() for tally in (self._rejections, self._shed, self._overflows, self._warnings)
        )
        ledger = HistogramMetricFamily("gateway_ledger_seconds", "Calls to the shared ledger.")
        ledger.add_metric([], self._ledger_calls.buckets(), self._ledger_calls.sum)
        yield ledger
        flushes = HistogramMetricFamily("gateway_flush_seconds", "Flushes of usage records to the database.")
        flushes.add_metric([], self._flushes.buckets(), self._flushes.sum)
        yield flushes
        for readings in self._others:
            yield from (reading.collect() for reading in readings())
        estimates = HistogramMetricFamily(
            "gateway_estimate_ratio", "Input tokens as estimated ÷ as reported.", labels=["model"]
        )
        for model, spread in self._estimates.items():
            estimates.add_metric([model], spread.buckets(), spread.sum)
        yield estimates
        yield self._log_dropped.collect()
        yield _gauge("loop_lag_seconds", "Worst delay of the event loop in the last second.", self.loop_lag_s)
        yield _gauge("config_generation", "Configuration generation in force.", self.config_generation)
        yield _gauge("exchanges_in_flight", "Exchanges being served.", self._in_flight())
        degraded = GaugeMetricFamily(
            "gateway_degraded", "1 while a dependency is away.", labels=["dependency", "mode"]
        )
        for (dependency, mode), away in self._degraded.items():
            degraded.add_metric([dependency, mode], float(away))
        yield degraded

    def _ended_families(self) -> Iterator[Metric]:
        requests = Tally("requests", "Exchanges ended.", "route", "priority", "outcome")
        tokens = Tally("tokens", "Tokens as reported or estimated.", "provider", "model", "kind")
        tenant_tokens = Tally("tenant_tokens", "Tokens by tenant.", "tenant", "kind")
        if self._unread:
            requests.add(("unread", "", "refused"), self._unread)
        attempts = self._attempts.copy()
        seconds: dict[str, Spread] = {}
        waits: dict[str, Spread] = {}
        overhead = Spread(_OVERHEAD)
        for row, ended in self._named.items():
            requests.add((ended.route, ended.priority, ended.outcome), row.requests)
            seconds.setdefault(ended.route, Spread(_SECONDS)).merge(row.seconds)
            waited = waits.setdefault(ended.priority, Spread(_WAITS))
            waited.merge(row.waits)
            waited.counts[0] += row.requests - sum(row.waits.counts)
            overhead.merge(row.overhead)
            if ended.provider and ended.outcome == "ok":
                attempts.add((ended.provider, ended.pool, "ok"), row.requests)
            for kind, count in (("input", row.inputs), ("output", row.outputs)):
                if count:
                    tokens.add((ended.provider, ended.model, kind), count)
                    tenant_tokens.add((ended.tenant, kind), count)
        yield from (tally.collect() for tally in (requests, attempts, tokens, tenant_tokens))
        family = HistogramMetricFamily("gateway_request_seconds", "Arrival to last byte.", labels=["route"])
        for route, spread in seconds.items():
            family.add_metric([route], spread.buckets(), spread.sum)
        yield family
        family = HistogramMetricFamily("gateway_queue_wait_seconds", "Time in line.", labels=["priority"])
        for priority, spread in waits.items():
            family.add_metric([priority], spread.buckets(), spread.sum)
        yield family
        own = HistogramMetricFamily("gateway_overhead_seconds", "Total time less queue and upstream.")
        own.add_metric([], overhead.buckets(), overhead.sum)
        yield own


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"gateway_{name}", text, value=value)
