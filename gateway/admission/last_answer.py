"""What a worker knows of an account by the ledger's last answer, reckoned on from there. Pure; milliseconds."""

from collections.abc import Sequence

from gateway.admission.account_model import NOTHING_SERVED
from gateway.admission.booking import STOCK_FREE_PERCENT
from gateway.admission.day import Midnights
from gateway.admission.dimension import CONCURRENCY, WINDOW_MS, AccountTerms, Dimension
from gateway.admission.ledger import Answer, Batch, Queued, Recall, Seen, Usage
from gateway.admission.lots import Lots
from gateway.admission.places import Places
from gateway.charge import CHARGE_AXES, REQUESTS, Charge

#: Afterwards nothing that was sent before counts any more.
QUIET_MS = WINDOW_MS + 1_000
#: Who uses an account hears of it at least so often.
HEARD_MS = 2_000
_NOT_PACED = ("rpd", "concurrency")
_CALL_WEIGHT = 0.2


class LastAnswer:
    """`ahead` is the ledger's clock less ours, taken from just before the call: never too small."""

    __slots__ = (
        "_figures", "_known", "_known_since", "_midnights", "_others", "_rates", "_terms", "_usage",
        "_whole", "_whole_before", "ahead", "answer", "before", "call_ms", "places", "plenty",
    )  # fmt: skip

    def __init__(self, now: int) -> None:
        self.answer: Answer | None = None
        self.before = now
        self.ahead = 0
        self.call_ms = 1.0  # that a call takes
        self.places = Places()
        self.plenty = True  # as far as this worker can see: stock may be asked for
        self._usage: dict[str, Usage] = {}
        self._terms: AccountTerms | None = None  # for which the figures were made
        self._figures: list[tuple[int, int, int, bool]] = []
        self._rates: list[tuple[int, int]] = []  # axis and limit of each
        self._whole: Answer | None = None  # the last of a ledger that knew all
        self._whole_before = now
        self._others = 0  # requests that other workers have in flight
        self._midnights: dict[str, Midnights] = {}  # by zone
        self._known = (1, 1)  # workers: the most in this minute, and in the one before
        self._known_since = now

    def take(self, batch: Batch, answer: Answer, before: int, now: int) -> None:
        """The answer to `batch`, which was sent at `before`."""
        self.answer, self.before = answer, before
        self.ahead = answer.now - before
        self.call_ms += _CALL_WEIGHT * (now - before - self.call_ms)
        self._usage = {one.dimension: one for one in answer.usage}
        self._terms = None
        figures = zip(batch.account.dimensions, answer.usage, strict=True)
        self._rates = [(one.axis, told.limit) for one, told in figures if one.is_rate]
        if (places := self._usage.get("concurrency")) is not None:
            self.places.heard(places, batch, answer, now)
            self._others = max(0, places.used - self.places.told)
        if not (answer.relearn or answer.learning):
            self._whole, self._whole_before = answer, before
        self.plenty = _plenty(answer) and not (places is not None and self.places.crowded())
        if now - self._known_since >= WINDOW_MS:
            self._known, self._known_since = (answer.known, self._known[0]), now
        else:
            self._known = (max(answer.known, self._known[0]), self._known[1])

    @property
    def relearn(self) -> bool:
        """The ledger must be told what this worker sent."""
        return self.answer is not None and self.answer.relearn

    @property
    def blocked(self) -> bool:
        return any(one.blocked_ms for one in self._usage.values())

    @property
    def workers(self) -> int:
        """The most that were known within the last minute, at least."""
        return max(self._known)

    def seen(self, now: int) -> Seen | None:
        """For the next batch."""
        return None if self.answer is None else self.answer.seen(now - self.before)

    @property
    def whole(self) -> bool:
        """Whether the ledger knew all."""
        return self._whole is self.answer

    def recall(self, terms: AccountTerms, own: Charge, now: int) -> Recall | None:
        """How a ledger that is gone stood, for the one that came after it; `own` is what this worker had of it."""
        answer = self._whole
        if answer is None:
            return None
        used, today = [0] * len(CHARGE_AXES), 0
        found = {one.dimension: one.used for one in answer.usage}
        for one in terms.dimensions:
            if one.is_rate:
                used[one.axis] = found.get(one.name, 0)
            elif one.name == "rpd":
                today = found.get(one.name, 0)
        elapsed_ms = now - self._whole_before
        return Recall(
            answer.epoch, answer.version, answer.now, elapsed_ms, answer.live, Charge(*used), own, today
        )

    def served(self, lots: Lots, now: int) -> tuple[int, ...]:
        """By rank, thousandths of the narrowest rate: as it had it, less what is in hand and has served nobody.

        Else a class would count as having what it was granted because it lacks it (its floor), and another would go
        in its place.
        """
        if self.answer is None or now - self.before > QUIET_MS:
            return NOTHING_SERVED
        if not lots.places:
            return self.answer.served
        served = list(self.answer.served)
        for rank, amounts in lots.by_rank().items():
            part = max((-(-1000 * amounts[axis] // limit) for axis, limit in self._rates), default=0)
            served[rank] = max(0, served[rank] - part)
        return tuple(served)

    def elsewhere(self, now: int) -> tuple[Queued, ...]:
        """What waits at other workers; of what was told longer than a heartbeat ago nobody knows what is left."""
        if self.answer is None or now - self.before > HEARD_MS:
            return ()
        return self.answer.elsewhere

    def ledger_time(self, now: int) -> int:
        """The ledger's clock, not too early."""
        return now + self.ahead

    def day_free_in(self, terms: AccountTerms, charge: Charge, now: int) -> int:
        """Milliseconds until a day begins that has room for `charge`, if this one is used up by the last answer."""
        for one in terms.dimensions:
            told = self._usage.get(one.name) if one.name == "rpd" else None
            if told is not None and self.answer is not None and told.used + charge[one.axis] > told.limit:
                midnights = self._midnights.setdefault(one.zone, Midnights(one.zone))
                return max(0, midnights.around(self.answer.now)[2] - self.ledger_time(now))
        return 0

    def usage(
        self, terms: AccountTerms, in_hand: Sequence[int], in_flight: int, now: int
    ) -> tuple[Usage, ...]:
        """As it had it, less what is in hand: leases are charged when they are granted."""
        passed = now - self.before
        levels = self.levels(terms, in_hand, in_flight, now)
        return tuple(
            Usage(one.name, used, limit, max(0, self._blocked_ms(one.name) - passed))
            for one, (used, limit) in zip(terms.dimensions, levels, strict=True)
        )

    def levels(
        self, terms: AccountTerms, in_hand: Sequence[int], in_flight: int, now: int
    ) -> list[tuple[int, int]]:
        """(used, limit) of each."""
        if terms is not self._terms:
            self._terms, self._figures = terms, [self._figure(one) for one in terms.dimensions]
        quiet = now - self.before > QUIET_MS
        found = []
        for limit, booked, axis, stays in self._figures:
            if axis == CONCURRENCY:
                used = self._others + in_flight
            elif quiet and not stays:
                used = 0
            else:
                used = booked - in_hand[axis]
            found.append((used if used > 0 else 0, limit))
        return found

    def _figure(self, dimension: Dimension) -> tuple[int, int, int, bool]:
        """Limit, use and axis of one, and whether its use outlasts the minute. Unknown is none."""
        one = self._usage.get(dimension.name)
        if one is None:
            return dimension.limit, 0, REQUESTS, False
        return one.limit, one.used, dimension.axis, dimension.name == "rpd"

    def _blocked_ms(self, dimension: str) -> int:
        one = self._usage.get(dimension)
        return 0 if one is None else one.blocked_ms


def _plenty(answer: Answer) -> bool:
    if answer.contention or answer.learning or answer.relearn or any(one.blocked_ms for one in answer.usage):
        return False
    if any(verdict.wait_ms for verdict in answer.verdicts):
        return False
    return all(
        (one.limit - one.used) * 100 > one.limit * STOCK_FREE_PERCENT
        for one in answer.usage
        if one.dimension not in _NOT_PACED
    )
