"""One account with all its dimensions: the pure model that every ledger must agree with. Integer milliseconds.

All or nothing: a request is granted on every dimension that it costs something on, or charged on none.
"""

from collections.abc import Sequence

from gateway.admission.classes import claims_floor
from gateway.admission.concurrency import Concurrency
from gateway.admission.day import Day
from gateway.admission.dimension import CONCURRENCY, AccountTerms, Dimension
from gateway.admission.ledger import Observation, Usage
from gateway.admission.rate import Rate
from gateway.charge import CHARGE_AXES, Charge

NO_HOLD = (0, 0, 0, 0, 0)
NOTHING_SERVED = (0, 0, 0, 0, 0)


class AccountModel:
    """State of one account. Every method but `used_by` brings what it looks at up to `now` first."""

    __slots__ = ("_as", "concurrency", "counts_output", "days", "paced", "rates", "terms")

    def __init__(self, terms: AccountTerms, now: int) -> None:
        self._as = 0  # the class like which the last charge that fits goes
        self.rates: list[Rate] = []
        self.days: list[Day] = []
        self.concurrency: Concurrency | None = None
        self.terms = terms
        self.paced, self.counts_output = terms.paced, terms.counts_output
        for dimension in terms.dimensions:
            self._make(dimension, now)

    def configure(self, terms: AccountTerms, now: int) -> None:
        """Take new terms over, keeping what is charged on dimensions that stay."""
        if terms is self.terms or terms == self.terms:
            return
        had = {dimension.name: dimension for dimension in self.terms.dimensions}
        rates = {rate.name: rate for rate in self.rates}
        days, concurrency = {day.name: day for day in self.days}, self.concurrency
        self.rates, self.days, self.concurrency = [], [], None
        self.terms, self.paced, self.counts_output = terms, terms.paced, terms.counts_output
        for dimension in terms.dimensions:
            old = had.get(dimension.name)
            if dimension.name in rates:
                rates[dimension.name].configure(dimension, terms.set_aside_permille, now)
                self.rates.append(rates[dimension.name])
            elif dimension.name in days and old is not None and old.zone == dimension.zone:
                days[dimension.name].configure(dimension, terms.set_aside_permille)
                self.days.append(days[dimension.name])
            elif dimension.axis == CONCURRENCY and concurrency is not None:
                concurrency.configure(dimension)
                self.concurrency = concurrency
            else:
                self._make(dimension, now)

    def touch(self, now: int) -> None:
        for rate in self.rates:
            rate.touch(now)
        for day in self.days:
            day.ceiling.recover(now)
        if self.concurrency is not None:
            self.concurrency.touch(now)

    def too_large(self, charge: Charge) -> bool:
        """More than the provider allows at all."""
        if self.concurrency is not None and self.concurrency.ceiling.nominal < 1:
            return True
        units = charge.units()
        return any(units[rate.axis] > rate.ceiling.nominal for rate in self.rates) or any(
            units[day.axis] > day.ceiling.nominal for day in self.days
        )

    def fits(self, charge: Charge, rank: int, hold: Sequence[int], now: int, at: int) -> bool:
        """Whether a lease until `at` may be granted while `hold` (by axis) is kept for others. After `touch`."""
        self._as = rank if self.paced else 0
        if self._fits(charge, self._as, hold, now, at):
            return True
        if not self._as or not claims_floor(rank, self.served()):
            return False
        self._as = 0
        return self._fits(charge, 0, hold, now, at)

    def _fits(self, charge: Charge, rank: int, hold: Sequence[int], now: int, at: int) -> bool:
        concurrency, units = self.concurrency, charge.units()
        if concurrency is not None and not concurrency.fits(1, hold[CONCURRENCY], now):
            return False
        for day in self.days:
            if units[day.axis] and not day.fits(units[day.axis], hold[day.axis], at, now):
                return False
        for rate in self.rates:
            wanted = units[rate.axis]
            if wanted and not rate.fits(wanted, rank, hold[rate.axis], now):
                return False
        return True

    def commit(self, charge: Charge, rank: int, at: int, owner: str) -> None:
        """Charge what `fits` has just let through."""
        units = charge.units()
        if not self.paced:
            rank = 0
        for rate in self.rates:
            if units[rate.axis]:
                rate.commit(units[rate.axis], rank, at, overdraw=self._as == 0)
        for day in self.days:
            day.charge(units[day.axis], at)
        if self.concurrency is not None:
            self.concurrency.add(owner, 1)
            self.concurrency.share.add(rank, charge.requests)

    def give_back(self, charge: Charge, rank: int, at: int) -> None:
        """Not sent. Its place among those in flight is the owner's to report. After `touch`."""
        units = charge.units()
        for rate in self.rates:
            rate.give_back(units[rate.axis], rank, at)
        for day in self.days:
            day.charge(-units[day.axis], at)
        if self.concurrency is not None:
            self.concurrency.share.add(rank, -charge.requests)

    def move(self, charge: Charge, at: int, to: int) -> None:
        """Sent at `to`. After `touch`."""
        for rate in self.rates:
            rate.move(charge[rate.axis], at, to)
        for day in self.days:
            day.move(charge[day.axis], at, to)

    def settle(self, delta: Charge, rank: int, at: int, now: int) -> None:
        """Charged more (or less) than granted. After `touch`."""
        units = delta.units()
        for rate in self.rates:
            if units[rate.axis]:
                rate.settle(units[rate.axis], rank, at, now)
        for day in self.days:
            day.charge(units[day.axis], at)
        if self.concurrency is not None:
            self.concurrency.share.add(rank, delta.requests)

    def learn(self, charge: Charge, at: int) -> None:
        """Charged on the provider at `at`, before this ledger knew of it. After `touch`."""
        for rate in self.rates:
            rate.window.add(at, charge[rate.axis])
            if rate.burst is not None:
                rate.burst.add(at, charge[rate.axis])

    def learn_day(self, used: int, at: int) -> None:
        """So much was used on the day of `at`, as far as somebody knew."""
        for day in self.days:
            day.charge(max(0, used - day.used(at)), at)

    def limits(self) -> Charge:
        """By axis, the ceilings in force of its rates."""
        limits = [0] * len(CHARGE_AXES)
        for rate in self.rates:
            limits[rate.axis] = rate.ceiling.limit
        return Charge(*limits)

    def assume(self, former: tuple[Charge, int], lump: Charge, at: int) -> None:
        """Charge at `at` what nobody told, in place of what was assumed before. After `touch`."""
        for rate in self.rates:
            rate.assume(former[0][rate.axis], former[1], lump[rate.axis], at)

    def observe(self, observation: Observation, now: int) -> None:
        """After `touch`. A dimension that is not configured has no ceiling to be corrected."""
        for meter in self._meters():
            if meter.name != observation.dimension:
                continue
            if observation.blocked_ms > 0:
                meter.blocked_until = max(meter.blocked_until, now + observation.blocked_ms)
            if isinstance(meter, Concurrency):
                if observation.limit is not None:
                    meter.ceiling.observe(observation.limit, now)
            else:
                meter.observe(observation.limit, observation.remaining, now)
            if observation.unexpected and isinstance(meter, Rate):
                meter.lower(now)
            elif observation.unexpected and isinstance(meter, Concurrency):
                meter.ceiling.lower(now)

    def served(self) -> tuple[int, ...]:
        """By rank, in thousandths of the ceiling, what each class took lately of the narrowest rate: the one of
        which all together took most.

        What goes first by it says `classes.in_order`.
        """
        taken = [rate.share.of(rate.ceiling.limit) for rate in self.rates]
        return max(taken, key=sum) if len(taken) > 1 else taken[0] if taken else NOTHING_SERVED

    def served_of_all(self) -> tuple[int, ...]:
        """The same of what is narrowest, a rate or the places.

        For one worker's line alone: on a shared ledger a place that is kept for a class elsewhere stands empty
        until its worker asks, which costs more of the places than the floors are worth.
        """
        of_rates = self.served()
        return of_rates if self.concurrency is None else max(of_rates, self.concurrency.served(), key=sum)

    def free_at(self, charge: Charge, rank: int, now: int, hold: Sequence[int] = NO_HOLD) -> int:
        """When `charge` first fits if nothing happens but that what is kept of the rates (`hold`) goes before it.

        Of a day or a place in flight: when to look again.
        """
        if not self.paced or claims_floor(rank, self.served()):
            rank = 0
        at = now if self.concurrency is None else self.concurrency.free_at(1, now)
        for day in self.days:
            if charge[day.axis]:
                at = max(at, day.free_at(charge[day.axis], now))
        for rate in self.rates:
            if charge[rate.axis]:
                at = max(at, rate.free_at(charge[rate.axis], rank, now, hold[rate.axis]))
        return at

    def free_share(self) -> int:
        """Percent of the fullest rate that is free."""
        return min(
            ((rate.ceiling.limit - rate.window.used) * 100 // rate.ceiling.limit for rate in self.rates),
            default=100,
        )

    def usage(self, now: int, unused: Sequence[int] = NO_HOLD) -> tuple[Usage, ...]:
        """Its dimensions; `unused` by axis is counted as used and is not."""
        return tuple(
            Usage(
                meter.name,
                max(0, meter.used(now) - unused[meter.axis]),
                meter.ceiling.limit,
                max(0, meter.blocked_until - now),
            )
            for meter in self._meters()
        )

    def levels(self, now: int, unused: Sequence[int]) -> list[tuple[int, int]]:
        """(used, limit) of each, as `usage` has them. Before `touch`: brings up to `now` what they depend on."""
        found: list[tuple[int, int]] = []
        for rate in self.rates:
            window = rate.window
            if now >= window.due:
                rate.touch(now)
            used = window.used - unused[rate.axis]
            found.append((used if used > 0 else 0, rate.ceiling.limit))
        for day in self.days:
            day.ceiling.recover(now)
            used = day.used(now) - unused[day.axis]
            found.append((used if used > 0 else 0, day.ceiling.limit))
        places = self.concurrency
        if places is not None:
            places.ceiling.recover(now)
            used = places.in_use - unused[CONCURRENCY]
            found.append((used if used > 0 else 0, places.ceiling.limit))
        return found

    def _meters(self) -> list[Rate | Day | Concurrency]:
        """In the order of the terms."""
        made: list[Rate | Day | Concurrency] = [*self.rates, *self.days]
        if self.concurrency is not None:
            made.append(self.concurrency)
        return made

    def _make(self, dimension: Dimension, now: int) -> None:
        if dimension.is_rate:
            self.rates.append(Rate(dimension, self.terms.set_aside_permille, now))
        elif dimension.axis == CONCURRENCY:
            self.concurrency = Concurrency(dimension)
        else:
            self.days.append(Day(dimension, self.terms.set_aside_permille))
