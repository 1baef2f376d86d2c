"""What the line is told of accounts: by the ledger, by the health of keys, and by what they refused lately."""

from collections.abc import Callable, Mapping, Sequence
from math import inf

from gateway.admission.dimension import CONCURRENCY, WINDOW_MS
from gateway.admission.eligibility import look_at, opens_at, starts_at
from gateway.admission.grantor import Grantor
from gateway.admission.item import Item
from gateway.admission.ledger import Queued
from gateway.admission.ledger_loss import PROBE_MS_MAX
from gateway.admission.memory_ledger import LedgerTime
from gateway.admission.retry_budget import RetryBudget
from gateway.charge import CHARGE_AXES, Charge
from gateway.clock import Clock
from gateway.pipeline.account import Account, share_of
from gateway.pipeline.router import Way
from gateway.pipeline.ticket import Ticket, ticket_of

ChargeOf = Callable[[Ticket, Way], Charge]
_WINDOW_S = WINDOW_MS / 1000


class AccountOutlook:
    """As `gateway.admission.outlook.Outlook`. Items are owned by tickets."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        grantor: Grantor,
        charge_of: ChargeOf,
        retries: RetryBudget,
        time: LedgerTime,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._grantor = grantor
        self._charge_of = charge_of
        self._retries = retries
        self._time = time
        self._clock = clock

    def free_in(self, account: str, item: Item) -> float:
        ticket = ticket_of(item)
        now = self._clock.monotonic()
        return min((self.way_free_in(ticket, way, now) for way in ticket.at(account)), default=inf)

    def opens_in(self, account: str, item: Item) -> float:
        ticket = ticket_of(item)
        now = self._clock.monotonic()
        opens_in = min((self.way_opens_in(ticket, way, now) for way in ticket.at(account)), default=inf)
        return max(opens_in, self._retry_in(ticket, now))

    def way_opens_in(self, ticket: Ticket, way: Way, now: float) -> float:
        """Seconds until its health, that of the ticket's others, and what it refused lately open that way to it."""
        return max(self._serves_in(ticket, way, now), way.account.blocked_until - now)

    def are_full(self, ticket: Ticket, within_s: float, now: float) -> bool:
        """Whether all keys that are in service within that time are full for longer, by their providers' word."""
        serving = [way for way in ticket.ways() if self._serves_in(ticket, way, now) <= within_s]
        return bool(serving) and all(self._full_for(way.account, now) > within_s for way in serving)

    def _full_for(self, account: Account, now: float) -> float:
        """Seconds, by what the provider told this worker, or another one of the same ledger."""
        told = self._grantor.usage(account.id, self._time.at(now)) if account.limited else ()
        return max([account.full_until - now, *(one.blocked_ms / 1000 for one in told)])

    def _serves_in(self, ticket: Ticket, way: Way, now: float) -> float:
        """Seconds until that way is open for its health, and that of the ticket's others."""
        at = now
        if way.health.doubted or not way.health.open:
            at = max(at, opens_at(way, ticket.prospects(), ticket.rank, now, self._retries))
        return max(0.0, at - now)

    def way_free_in(self, ticket: Ticket, way: Way, now: float) -> float:
        """Seconds until the ticket may go that way, if nothing else is sent; infinity for never."""
        if ticket.overflowed is not None and ticket.avoids(way):
            return inf
        return self._fits_in(ticket, way, self.way_opens_in(ticket, way, now), now)

    def looks(self, ticket: Ticket, account: str, now: float) -> tuple[float, float]:
        """Seconds until the ticket may go on the account; and until it is worth seeing whether it may."""
        free_in = look_in = inf
        for way in ticket.at(account):
            free_in = min(free_in, self.way_free_in(ticket, way, now))
            if way.health.doubted and not (ticket.overflowed is not None and ticket.avoids(way)):
                at = look_at(way, ticket.prospects(), ticket.rank, now, self._retries)
                opens_in = max(0.0, max(at, way.account.blocked_until) - now)
                look_in = min(look_in, self._fits_in(ticket, way, opens_in, now))
        return free_in, min(free_in, look_in)

    def _fits_in(self, ticket: Ticket, way: Way, opens_in: float, now: float) -> float:
        account, wait_s = way.account, max(opens_in, self._retry_in(ticket, now))
        if not account.limited:
            return wait_s
        charge = self._charge_of(ticket, way)
        free_ms = self._grantor.next_free_in(account.id, charge, ticket.rank, self._time.at(now))
        return inf if free_ms is None else max(wait_s, free_ms / 1000)

    def _retry_in(self, ticket: Ticket, now: float) -> float:
        """At the latest: any request that comes may bring it forward."""
        return min(self._retries.frees_in(now), _WINDOW_S) if ticket.owes_retry else 0.0

    def too_late(self, ticket: Ticket, item: Item, now: float) -> bool:
        """Whether, for all that is known, no way opens while it may wait.

        Room that flows off a window comes sooner when others use less than they were charged: that is waited for.
        """
        left = item.expires_at - now
        for way in ticket.ways():
            opens_in = self.way_opens_in(ticket, way, now)
            if opens_in <= left and self.way_free_in(ticket, way, now) <= max(left, _WINDOW_S):
                return False
        return True

    def worth_asking_in(self, item: Item, wait_s: float) -> float:
        """What one who would wait for `wait_s` is told: in a minute what is ejected has been tried again, and a
        ledger that is away within a second.
        """
        if self.is_cut_off(item) and not self.day_is_used_up(item):
            return min(wait_s, PROBE_MS_MAX / 1000)
        ticket = ticket_of(item)
        return min(wait_s, _WINDOW_S) if any(way.health.ejected for way in ticket.ways()) else wait_s

    def foresees(self, item: Item) -> bool:
        """Whether it is known when there is room for it; else there may be until a ledger has answered."""
        now = self._time.at(self._clock.monotonic())
        return all(self._grantor.foresees(account, now) for account in item.signature)

    def is_shut(self, item: Item) -> bool:
        """Whether nothing it waits for is granted while the ledger is away: nobody can tell when that ends."""
        now = self._time.at(self._clock.monotonic())
        return all(self._grantor.is_shut(account, now) for account in item.signature)

    def is_cut_off(self, item: Item) -> bool:
        """Whether there may be more of something it waits for as soon as the ledger, which is away, answers."""
        now = self._time.at(self._clock.monotonic())
        return any(self._grantor.is_cut_off(account, now) for account in item.signature)

    def day_is_used_up(self, item: Item) -> bool:
        """Whether what the item waits for is, everywhere, another day."""
        now = self._time.at(self._clock.monotonic())
        return all(
            any(one.dimension == "rpd" and one.used >= one.limit for one in self._grantor.usage(account, now))
            for account in item.signature
        )

    def share(self, account: str, item: Item) -> float:
        return share_of(self._accounts[account], item.charge)

    def rates(self, account: str) -> Sequence[float]:
        known = self._accounts[account]
        rates = [inf] * len(CHARGE_AXES)
        now = self._time.at(self._clock.monotonic())
        for usage, dimension in zip(self._grantor.usage(account, now), known.terms.dimensions, strict=True):
            if dimension.axis == CONCURRENCY:
                rates[0] = min(rates[0], usage.limit / max(known.seconds, 0.001))
            elif dimension.is_rate:
                rates[dimension.axis] = min(rates[dimension.axis], usage.limit / _WINDOW_S)
        return rates

    def served(self, account: str) -> Sequence[float]:
        now = self._time.at(self._clock.monotonic())
        return [part / 1000 for part in self._grantor.served(account, now)]

    def elsewhere(self, account: str) -> Sequence[Queued]:
        return self._grantor.elsewhere(account, self._time.at(self._clock.monotonic()))


def key_opens_in(way: Way, rank: int, now: float) -> float:
    """Seconds until the key's own health, and what it refused lately, allow a request of that class.

    While it is being probed nobody knows: then when to look again. Infinity: a person must mend it.
    """
    at, health = way.account.blocked_until, way.health
    if not health.open:
        at = max(at, starts_at(health, rank, now))
    return max(0.0, at - now)
