"""The metrics of several workers as one text: what each family's values mean together.

Counters and histogram buckets add up. A gauge adds up unless its rule says otherwise.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

Labels = tuple[tuple[str, str], ...]
Combine = Callable[[float, float], float]

#: Gauges that do not add up, by name or by ending.
GAUGE_RULES: dict[str, Combine] = {
    "gateway_loop_lag_seconds": max,
    "gateway_config_generation": max,
    "gateway_spool_oldest_seconds": max,
    "gateway_degraded": max,
}
GAUGE_ENDINGS: dict[str, Combine] = {"_ratio": max, "_created": min}


def _add(one: float, other: float) -> float:
    return one + other


def rule_of(name: str, kind: str) -> Combine:
    """How two values of family `name` become one."""
    if kind != "gauge":
        return _add
    if name in GAUGE_RULES:
        return GAUGE_RULES[name]
    return next((rule for ending, rule in GAUGE_ENDINGS.items() if name.endswith(ending)), _add)


class Family:
    """One metric with every sample of it."""

    __slots__ = ("documentation", "kind", "name", "samples")

    def __init__(self, name: str, kind: str, documentation: str) -> None:
        self.name = name
        self.kind = kind
        self.documentation = documentation
        self.samples: dict[tuple[str, Labels], float] = {}

    @property
    def outlives_its_worker(self) -> bool:
        """Whether it counts what happened, rather than saying what is."""
        return self.kind != "gauge" or self.name.endswith("_created")

    def take(self, name: str, labels: Labels, value: float) -> None:
        before = self.samples.get((name, labels))
        combine = _add if name.endswith(("_bucket", "_count", "_sum")) else rule_of(self.name, self.kind)
        self.samples[name, labels] = value if before is None else combine(before, value)


class Families(Collector):
    """Metrics by name; collecting them gives what was put in."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    @classmethod
    def parse(cls, text: str) -> "Families":
        """From one worker's text; raises ValueError when it is none."""
        families = cls()
        for metric in text_string_to_metric_families(text):
            family = families.family(metric.name, metric.type, metric.documentation)
            for sample in metric.samples:
                family.take(sample.name, tuple(sorted(sample.labels.items())), sample.value)
        return families

    def family(self, name: str, kind: str, documentation: str) -> Family:
        return self._families.setdefault(name, Family(name, kind, documentation))

    def take_in(self, others: "Families", *, counts_only: bool = False) -> None:
        """Combine `others` into these; `counts_only` leaves out what was true only then."""
        for other in others._families.values():
            if counts_only and not other.outlives_its_worker:
                continue
            family = self.family(other.name, other.kind, other.documentation)
            for (name, labels), value in other.samples.items():
                family.take(name, labels, value)

    def collect(self) -> Iterable[Metric]:
        for family in self._families.values():
            metric = Metric(family.name, family.documentation, family.kind)
            for (name, labels), value in family.samples.items():
                metric.add_sample(name, dict(labels), value)
            yield metric

    def text(self) -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)
