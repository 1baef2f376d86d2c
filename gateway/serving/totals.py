"""Metrics of all workers over their lives: what a dead one had counted stays in the totals.

A worker that does not answer keeps counting as it last did, so that no total ever goes back; what it last
said about its present state is left out, being old.
"""

from gateway.serving.merge_metrics import Families


class Totals:
    """Last scrapes by worker life, and the sum over lives that have ended."""

    def __init__(self) -> None:
        self._ended = Families()
        self._last: dict[str, Families] = {}

    def scraped(self, life: str, text: str) -> None:
        """`life` names one process of one seat; raises ValueError for a text that is not metrics."""
        self._last[life] = Families.parse(text)

    def ended(self, life: str) -> None:
        """The process is no more; what it counted since its last scrape is lost with it."""
        last = self._last.pop(life, None)
        if last is not None:
            self._ended.take_in(last, counts_only=True)

    def merged(self, answering: set[str]) -> Families:
        """The totals, with the present state of the lives that answered just now."""
        merged = Families()
        merged.take_in(self._ended)
        for life, last in self._last.items():
            merged.take_in(last, counts_only=life not in answering)
        return merged
