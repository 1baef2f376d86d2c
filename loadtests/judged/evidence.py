"""All that is known of a run when it is over. Times are seconds since the load began."""

from __future__ import annotations

from dataclasses import dataclass, field

from loadtests.offered.call import Call
from loadtests.offered.saturation import GeneratorReport
from loadtests.world.charge_rows import ChargeRow
from loadtests.world.layout import Layout, ProviderKey
from loadtests.world.watch import Sample


@dataclass(frozen=True, slots=True)
class Evidence:
    """`since` is when warming up was over: what is averaged is averaged from there to the end."""

    layout: Layout
    seconds: float
    since: float
    calls: list[Call]
    charges: dict[str, list[ChargeRow]]
    """By provider key, in order; keys whose simulator could not be read are not in it."""
    samples: list[Sample]
    events: list[tuple[float, str]]
    generator: GeneratorReport
    lost_rows: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def span(self) -> float:
        """Seconds that are judged."""
        return self.seconds - self.since

    def key(self, name: str) -> ProviderKey:
        """A provider key by its id."""
        return next(key for key in self.layout.keys if key.id == name)

    def judged_calls(self) -> list[Call]:
        """Calls that were due after warming up."""
        return [call for call in self.calls if call.due >= self.since]


def by_key(layout: Layout, rows: list[ChargeRow], began: float) -> dict[str, list[ChargeRow]]:
    """A log by provider key, its times told from the beginning of the load; what was before is not the load's."""
    names = {credential: key.id for key in layout.keys for credential in (key.credential, key.successor)}
    made: dict[str, list[ChargeRow]] = {key.id: [] for key in layout.keys}
    for row in sorted(rows, key=lambda row: row.at):
        if row.account in names and row.at >= began:
            made[names[row.account]].append(
                ChargeRow(
                    row.at - began, row.account, row.kind, row.requests, row.input, row.output, row.tokens
                )
            )
    return made
