"""What a worker's money tells of itself, as metrics; what is wrong is in the log, too, where it is found."""

from collections.abc import Iterator
from functools import partial

from budgets.books import Difference
from budgets.watch import Watch
from gateway.metrics import Metrics, Reading


class MoneyWatch:
    """Counts since the start; `watch` is what the treasury is to be given."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._overruns = self._overrun_nusd = self._unknown = 0
        self._recovered = self._refused = self._damaged = self._differences = 0
        self.watch = Watch(
            flushed=metrics.flushed,
            held=partial(metrics.degraded, "budgets", "leased"),
            overrun=self._overran,
            unknown=self._ended_unknown,
            recovered=self._recover,
            refused=self._refuse,
            damaged=self._damage,
            kept=self._keep,
            differ=self._differ,
        )
        self._keep(0)
        self.watch.held(False)

    def readings(self) -> Iterator[Reading]:
        """At a scrape."""
        for name, text, value in (
            ("budget_overruns", "Requests that cost more than was reserved for them.", self._overruns),
            ("budget_overrun_nanodollars", "By how much they did.", self._overrun_nusd),
            ("usage_unknown", "Attempts of which it is not known what they cost.", self._unknown),
            ("usage_recovered", "Usage records of dead workers that were posted.", self._recovered),
            ("usage_refused", "Usage records set aside: the database does not take them.", self._refused),
            ("spool_damaged", "Places in spools where records cannot be read.", self._damaged),
        ):
            yield Reading(name, text, (), [((), float(value))], counts=True)
        text = "Budgets that differ from the usage log, at the last comparison."
        yield Reading("budget_differences", text, (), [((), float(self._differences))])

    def _overran(self, _request_id: str, nusd: int) -> None:
        self._overruns += 1
        self._overrun_nusd += nusd

    def _ended_unknown(self, _request_id: str) -> None:
        self._unknown += 1

    def _recover(self, records: int) -> None:
        self._recovered += records

    def _refuse(self, _record: str) -> None:
        self._refused += 1

    def _damage(self, places: int) -> None:
        self._damaged += places

    def _keep(self, files: int) -> None:
        self._metrics.degraded("spool", "damaged", files > 0)

    def _differ(self, found: list[Difference]) -> None:
        self._differences = len(found)
