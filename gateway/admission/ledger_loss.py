"""What may be sent while the ledger is away, when to try it again, and what to call that. Pure; milliseconds.

When the ledger does not answer, leases in hand are good until they end; then `on_ledger_loss` decides:
`closed` sends nothing, `safe_share` lets each worker use its part of what the ledger never grants (so that
those cut off and those still connected stay within the ceiling together), `open` relies on the provider's own
refusals. The ledger is tried all the time, and its first answer ends the loss.

An account that is not paced is a tenant key's: its ceilings are ours, and nothing of them is set aside. There a
safe share is an equal part of all, for a tenant who gets a little more than was sold does less harm than one who
gets nothing.
"""

from gateway.admission.dimension import AccountTerms, Dimension

PROBE_MS_MIN = 50
PROBE_MS_MAX = 1_000
#: What the mode is called in `gateway_degraded{dependency="ledger"}` while leases in hand still serve.
SPENDING_LEASES = "leases"


def terms_without_ledger(mode: str, terms: AccountTerms, workers: int) -> AccountTerms | None:
    """The account as this worker may use it by itself; None when not at all.

    `workers` is the most that were known within the last minute. The same account is to be kept through all
    losses: what was sent in one still counts in the next.
    """
    if mode == "open":
        return terms._replace(dimensions=(), set_aside_permille=0)
    if mode == "closed":
        return None
    part = terms.set_aside_permille if terms.paced else 1000
    shares = tuple(_share(one, part, max(1, workers)) for one in terms.dimensions)
    if any(one.limit < 1 for one in shares):
        return None  # less than a request a minute each: nobody can have it safely
    return terms._replace(dimensions=shares, set_aside_permille=0)


def _share(dimension: Dimension, permille: int, workers: int) -> Dimension:
    """A worker's part of so much; of places at once, which have none set aside, an equal part of all."""
    if dimension.name == "concurrency":
        return dimension._replace(limit=dimension.limit // workers)
    return dimension._replace(limit=dimension.limit * permille // 1000 // workers)


class LedgerLoss:
    """Whether the ledger is there, by the fate of the calls to it. One for all accounts."""

    __slots__ = ("_mode", "_probe_at", "_wait_ms", "lost_at")

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._wait_ms = PROBE_MS_MIN
        self._probe_at = 0
        self.lost_at: int | None = None

    def failed(self, now: int) -> None:
        """A call found no answer."""
        if self.lost_at is None:
            self.lost_at = now
            self._wait_ms = PROBE_MS_MIN
        else:
            self._wait_ms = min(self._wait_ms * 2, PROBE_MS_MAX)
        self._probe_at = now + self._wait_ms

    def answered(self) -> None:
        """A call was answered: back to normal at once."""
        self.lost_at = None

    def may_call(self, now: int) -> bool:
        """While it is lost one call at a time tries it, less and less often, but every second."""
        if self.lost_at is None:
            return True
        if now < self._probe_at:
            return False
        self._probe_at = now + self._wait_ms
        return True

    def next_call(self, now: int) -> int:
        """When it may be called."""
        return now if self.lost_at is None else max(now, self._probe_at)

    def mode(self, now: int, leases_until: int) -> str | None:
        """None while all is well; else the mode in force, with leases in hand until `leases_until`."""
        if self.lost_at is None:
            return None
        return SPENDING_LEASES if now < leases_until else self._mode
