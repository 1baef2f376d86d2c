"""The gateway's metrics (contract §5) with their children bound ahead of use.

Label values come from the configuration or a fixed vocabulary. Where a caller can still influence one (the
upstream model of a `provider/model` name), `LabelCap` folds everything past 200 values into `other`.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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


class Metrics:
    """All families on one registry. Methods are what happens; each costs a dictionary look-up and an add."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"gateway_{name}", text, labels, registry=registry)

        self._requests = counter("requests", "Exchanges ended.", "route", "priority", "outcome")
        self._attempts = counter("attempts", "Upstream attempts.", "provider", "pool", "outcome")
        self._rejections = counter("provider_rejections", "Refusals by providers.", "pool", "kind")
        self._tokens = counter("tokens", "Tokens as reported or estimated.", "provider", "model", "kind")
        self._tenant_tokens = counter("tenant_tokens", "Tokens by tenant.", "tenant", "kind")
        self.log_dropped = counter("log_lines_dropped", "Request log lines dropped: the sink was too slow.")
        self._request_seconds = Histogram(
            "gateway_request_seconds",
            "From arrival to the last byte.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.overhead_seconds = Histogram(
            "gateway_overhead_seconds",
            "Time an exchange spent in the gateway itself: total less queue and upstream.",
            buckets=_OVERHEAD,
            registry=registry,
        )
        self.loop_lag_seconds = Gauge(
            "gateway_loop_lag_seconds", "Worst delay of the event loop in the last second.", registry=registry
        )
        self.config_generation = Gauge(
            "gateway_config_generation", "Configuration generation in force.", registry=registry
        )
        self.in_flight = Gauge("gateway_exchanges_in_flight", "Exchanges being served.", registry=registry)
        self._degraded = Gauge(
            "gateway_degraded", "1 while a dependency is away.", ["dependency", "mode"], registry=registry
        )
        self._routes, self._models, self._tenants = LabelCap(), LabelCap(), LabelCap()
        self._ended: dict[tuple[str, str, str], Counter] = {}
        self._durations: dict[str, Histogram] = {}
        self._attempted: dict[tuple[str, str, str], Counter] = {}
        self._spent: dict[tuple[str, str, str], tuple[Counter, Counter, Counter, Counter]] = {}

    def ended(self, route: str, priority: str, outcome: str, seconds: float) -> None:
        """An exchange ended."""
        route = self._routes(route)
        key = (route, priority, outcome)
        child = self._ended.get(key)
        if child is None:
            child = self._ended[key] = self._requests.labels(*key)
            self._durations[route] = self._request_seconds.labels(route)
        child.inc()
        self._durations[route].observe(seconds)

    def attempted(self, provider: str, pool: str, outcome: str) -> None:
        """An upstream attempt ended with `outcome` (ok, or the code of its failure)."""
        key = (provider, pool, outcome)
        child = self._attempted.get(key)
        if child is None:
            child = self._attempted[key] = self._attempts.labels(*key)
        child.inc()

    def rejected(self, pool: str, kind: str) -> None:
        """A provider refused: rate, overload, auth, …"""
        self._rejections.labels(pool, kind).inc()

    def used(self, provider: str, model: str, tenant: str, inputs: int, outputs: int) -> None:
        """Tokens of one exchange."""
        key = (provider, model, tenant)
        children = self._spent.get(key)
        if children is None:
            model, tenant = self._models(model), self._tenants(tenant)
            children = (
                self._tokens.labels(provider, model, "input"),
                self._tokens.labels(provider, model, "output"),
                self._tenant_tokens.labels(tenant, "input"),
                self._tenant_tokens.labels(tenant, "output"),
            )
            if len(self._spent) < LABEL_VALUES_MAX * 8:
                self._spent[key] = children
        children[0].inc(inputs)
        children[1].inc(outputs)
        children[2].inc(inputs)
        children[3].inc(outputs)

    def degraded(self, dependency: str, mode: str, away: bool) -> None:
        """Enter or leave a declared mode."""
        self._degraded.labels(dependency, mode).set(1 if away else 0)
