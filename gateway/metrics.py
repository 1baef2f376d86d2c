"""The gateway's metrics (contract §5): plain numbers on the request path, Prometheus families when scraped.

A client library's counter takes a lock and checks its labels at every step; here an event is an addition to a
dictionary, and `prometheus_client` is given the numbers when somebody asks. Everything runs on the event loop's
thread, so no lock is needed.

Label values come from the configuration or a fixed vocabulary. Where a caller can still influence one (the
upstream model of a `provider/model` name), `LabelCap` folds everything past 200 values into `other`.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

LABEL_VALUES_MAX = 200
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
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

    def collect(self) -> Metric:
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        return family


class Spread:
    """A histogram family with fixed upper bounds in seconds."""

    __slots__ = ("_bounds", "_counts", "_labels", "_name", "_sums", "_text")

    def __init__(self, name: str, text: str, bounds: tuple[float, ...], *labels: str) -> None:
        self._name, self._text, self._labels = f"gateway_{name}", text, labels
        self._bounds = bounds
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def observe(self, labels: tuple[str, ...], seconds: float) -> None:
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(self._bounds, seconds)] += 1
        self._sums[labels] += seconds

    def collect(self) -> Metric:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for labels, counts in self._counts.items():
            running, buckets = 0, []
            for bound, count in zip((*map(str, self._bounds), "+Inf"), counts, strict=True):
                running += count
                buckets.append((bound, float(running)))
            family.add_metric(labels, buckets, self._sums[labels])
        return family


class Metrics:
    """All families of one worker. Methods are what happens."""

    def __init__(self, registry: CollectorRegistry, in_flight: Callable[[], int]) -> None:
        self._requests = Tally("requests", "Exchanges ended.", "route", "priority", "outcome")
        self._attempts = Tally("attempts", "Upstream attempts.", "provider", "pool", "outcome")
        self._rejections = Tally("provider_rejections", "Refusals by providers.", "pool", "kind")
        self._tokens = Tally("tokens", "Tokens as reported or estimated.", "provider", "model", "kind")
        self._tenant_tokens = Tally("tenant_tokens", "Tokens by tenant.", "tenant", "kind")
        self._log_dropped = Tally("log_lines_dropped", "Request log lines dropped: the sink was too slow.")
        self._request_seconds = Spread("request_seconds", "From arrival to the last byte.", _SECONDS, "route")
        self._overhead = Spread(
            "overhead_seconds",
            "Time an exchange spent in the gateway itself: total less queue and upstream.",
            _OVERHEAD,
        )
        self._in_flight = in_flight
        self._degraded: dict[tuple[str, str], bool] = {}
        self._routes, self._models, self._tenants = LabelCap(), LabelCap(), LabelCap()
        self.loop_lag_s = 0.0
        self.config_generation = 0
        registry.register(self)  # type: ignore[arg-type]  # a collector is whatever has `collect`

    def ended(self, route: str, priority: str, outcome: str, seconds: float, overhead_s: float) -> None:
        """An exchange ended after `seconds`, of which `overhead_s` were the gateway's own."""
        route = self._routes(route)
        self._requests.add((route, priority, outcome))
        self._request_seconds.observe((route,), seconds)
        self._overhead.observe((), overhead_s)

    def attempted(self, provider: str, pool: str, outcome: str) -> None:
        """An upstream attempt ended with `outcome` (ok, or the code of its failure)."""
        self._attempts.add((provider, pool, outcome))

    def rejected(self, pool: str, kind: str) -> None:
        """A provider refused: rate, overload, credential."""
        self._rejections.add((pool, kind))

    def used(self, provider: str, model: str, tenant: str, inputs: int, outputs: int) -> None:
        """Tokens of one exchange."""
        model, tenant = self._models(model), self._tenants(tenant)
        self._tokens.add((provider, model, "input"), inputs)
        self._tokens.add((provider, model, "output"), outputs)
        self._tenant_tokens.add((tenant, "input"), inputs)
        self._tenant_tokens.add((tenant, "output"), outputs)

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
        for family in (
            self._requests,
            self._attempts,
            self._rejections,
            self._tokens,
            self._tenant_tokens,
            self._log_dropped,
            self._request_seconds,
            self._overhead,
        ):
            yield family.collect()
        yield _gauge("loop_lag_seconds", "Worst delay of the event loop in the last second.", self.loop_lag_s)
        yield _gauge("config_generation", "Configuration generation in force.", self.config_generation)
        yield _gauge("exchanges_in_flight", "Exchanges being served.", self._in_flight())
        degraded = GaugeMetricFamily(
            "gateway_degraded", "1 while a dependency is away.", labels=["dependency", "mode"]
        )
        for (dependency, mode), away in self._degraded.items():
            degraded.add_metric([dependency, mode], float(away))
        yield degraded


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"gateway_{name}", text, value=value)
