"""How much of a streamed answer has been written so far: told to the ledger where output has a ceiling.

Providers count such output when they write it, so a long stream fills later windows than the one it was sent in.
What was written is reckoned from the bytes relayed, a little low: what is told cannot be taken back, and the
report at the end says the rest. When the ledger is away the grantor remembers what it was told.
"""

from gateway.admission.grantor import Grant, Grantor
from gateway.admission.memory_ledger import LedgerTime
from gateway.clock import Clock
from gateway.exchange import Exchange
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.ticket import Permit

#: What is told late leaves the window late: a quarter of a second is, on average, a fifth of a percent of it.
_EVERY_S = 0.25
_SURELY = 0.9


class Writing:
    """One stream's."""

    __slots__ = ("_due", "_exchange", "_grant", "_model", "_of")

    def __init__(self, of: "Written", exchange: Exchange, grant: Grant, model: str, now: float) -> None:
        self._of = of
        self._exchange = exchange
        self._grant = grant
        self._model = model
        self._due = now + _EVERY_S

    def relayed(self) -> None:
        """More of the answer has been relayed."""
        of, now = self._of, self._of.clock.monotonic()
        if now >= self._due:
            self._due = now + _EVERY_S
            output = of.estimator.answered(self._model, True, self._exchange.relayed_bytes)
            of.grantor.produced(self._grant, int(output * _SURELY), of.time.at(now))


class Written:
    """What tells it."""

    __slots__ = ("clock", "estimator", "grantor", "time")

    def __init__(self, grantor: Grantor, estimator: Estimator, time: LedgerTime, clock: Clock) -> None:
        self.grantor = grantor
        self.estimator = estimator
        self.time = time
        self.clock = clock

    def of(self, exchange: Exchange, permit: Permit) -> Writing | None:
        """For a stream that is about to be relayed; None where nobody counts its output."""
        way, grant = permit.way, permit.grant
        if grant is None or way.target is None or not way.account.terms.counts_output:
            return None
        return Writing(self, exchange, grant, way.target.model, self.clock.monotonic())
