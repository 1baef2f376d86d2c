"""What requests spend: money is held for one before it may queue, and given back when it is over.

Decided in memory (`budgets.treasury`). A request waits only where a budget is nearly used up, for the books' word.
A budget that is used up refuses what costs something; what is free, as a local model is, passes. With the database
away slices are spent, then hard budgets refuse with 503 and soft ones go on. Where usage records cannot be written
the least urgent classes are refused first, and what cannot be written down is not sent.
"""

from collections.abc import Awaitable, Callable, Iterator

from budgets.leasing import Decided, Waiting
from budgets.money import REQUEST_MAX, text
from budgets.price import Price, ceiling
from budgets.price_file import Seed
from budgets.price_table import PriceTable, Seller
from budgets.reservation import Reservation, Unavailable
from budgets.slice import Budget
from budgets.slices import Exhausted, Levels
from budgets.treasury import Treasury
from gateway.clock import Clock
from gateway.errors import (
    BUDGET_CANNOT_COVER,
    BUDGET_EXCEEDED,
    BUDGET_UNAVAILABLE,
    INVALID_VALUE,
    OVERLOADED,
    GatewayError,
)
from gateway.exchange import Exchange
from gateway.metrics import Reading
from gateway.pipeline.purse import Purse, Spent
from gateway.pipeline.router import Candidates, Way
from gateway.pipeline.seller import seller_of
from gateway.pipeline.tariff import Tariff
from gateway.pipeline.unreported import answer_max
from gateway.settings.snapshot import PRIORITIES, Provider, Snapshot, Target, Tenant, TenantKey
from gateway.settings.snapshot import Budget as Cap

_RANKS = {name: rank for rank, name in enumerate(PRIORITIES)}
_LOOK_S = 0.25
_TARIFFS_MAX = 10_000
_NO_LEVELS = Levels(())
_AWAY_S, _BUSY_S, _FULL_S = 5.0, 1.0, 5.0


class Spending:
    """One worker's. `configure` is told of each snapshot, `renewed` as `Router.renewed`."""

    def __init__(
        self,
        treasury: Treasury,
        snapshot: Snapshot,
        renewed: Callable[[Candidates], Candidates],
        clock: Clock,
    ) -> None:
        self.treasury = treasury
        self.spent = Spent()
        self._renewed = renewed
        self._clock = clock
        self._snapshot = snapshot
        self._exchange_s = snapshot.bounds.exchange_s
        self._seed: Seed | None = None
        self._caps: dict[str, tuple[Cap, str]] = {}
        self._budgets: dict[str, Budget] = {}  # of `_caps`, those that were asked for
        self._levels: dict[TenantKey, Levels] = {}
        self._sellers: dict[str, Seller] = {}
        self._tariffs: dict[tuple[TenantKey, Candidates], Tariff] = {}
        self._tariffs_hold = 0.0, 0.0  # from, until, in seconds since 1970
        self._classes, self._looked_at = len(PRIORITIES), 0.0
        self.configure(snapshot)

    def priced_by(self, seed: Seed) -> None:
        """The price list; nothing has a price before."""
        self._seed = seed
        self.treasury.prices = PriceTable(seed, self._snapshot.prices)
        self._sellers.clear()
        self._forget_tariffs()

    def configure(self, snapshot: Snapshot) -> None:
        """Under this one from now on, also for what was authenticated under another before."""
        if self._seed is not None and snapshot.prices != self._snapshot.prices:
            self.treasury.prices = PriceTable(self._seed, snapshot.prices)
        self._snapshot = snapshot
        self._levels.clear()
        self._sellers.clear()
        self._forget_tariffs()
        self._caps = {cap.id: (cap, tenant) for cap, tenant in _caps(snapshot)}
        self._budgets.clear()
        self.treasury.follow(self._terms)

    def hold(self, exchange: Exchange, candidates: Candidates) -> Purse | Awaitable[Purse]:
        """Money for the request, as much as it can cost; to be ended. Raises GatewayError when there is none.

        Where that took a while, it is money for where the request may go then: its candidates may be others.
        """
        now = self._clock.monotonic()
        if now - self._looked_at >= _LOOK_S:
            self._look(now)
        if _RANKS[exchange.priority] >= self._classes:
            message = "Usage records cannot be stored fast enough; less urgent work is refused."
            raise GatewayError(OVERLOADED, message, retry_after_s=_FULL_S)
        tariff, amount = self.asked(exchange, candidates)
        if amount > REQUEST_MAX:
            raise too_dear(amount)
        decided = self._reserve(exchange, tariff.levels, amount)
        if isinstance(decided, Reservation):
            return Purse(self, exchange, candidates, tariff, decided)
        if isinstance(decided, Waiting):
            return self._awaited(exchange, candidates, tariff, decided)
        return self._free_only(exchange, candidates, tariff, decided)

    def asked(self, exchange: Exchange, candidates: Candidates) -> tuple[Tariff, int]:
        """What it pays there, and how much it can cost."""
        key = exchange.tenant_key
        assert key is not None
        tariff = self._tariffs.get((key, candidates)) or self._tariff(key, candidates)
        return tariff, _most(exchange, tariff.prices)

    def again(self, exchange: Exchange, levels: Levels, amount: int) -> Reservation:
        """The same for a further attempt, when what was held was spent. Raises GatewayError."""
        decided = self._reserve(exchange, levels, amount)
        if isinstance(decided, Reservation):
            return decided
        if isinstance(decided, Waiting):
            decided.give_up()
            decided = Unavailable(decided.lacking[0], "busy")
        raise refusal(decided)

    def price(self, target: Target, tenant: str) -> Price:
        """What holds now."""
        return self.treasury.price(self.seller(target.provider), target.model, tenant)

    def check_unpriced(self, exchange: Exchange, path: str) -> None:
        """A batch costs what its file asks for, which nobody has read here: a hard budget could not hold."""
        key = exchange.tenant_key
        assert key is not None
        if path != "/batches":
            return
        for budget in self._levels_of(key).budgets:
            if budget.hard:
                message = f"What a batch costs is not known before, and the budget {budget.id} is a hard one."
                raise GatewayError(BUDGET_CANNOT_COVER, message)

    def seller(self, provider: Provider) -> Seller:
        found = self._sellers.get(provider.id)
        if found is None:
            found = self._sellers[provider.id] = seller_of(provider, self._seed)
        return found

    def budgets_of(self, tenant: Tenant, key: TenantKey | None) -> tuple[Budget, ...]:
        """What a request counts in; without a key of all and of the tenant alone."""
        if key is not None:
            return self._levels_of(key).budgets
        return self._made(self._snapshot.shared_budgets + tenant.budgets, tenant)

    def readings(self) -> Iterator[Reading]:
        """For a scrape."""
        now = self.treasury.readings()
        yield Reading(
            "spool_records", "Usage records that are not in the database yet.", (), [((), now.spool_records)]
        )
        yield Reading("spool_oldest_seconds", "Age of the oldest of these.", (), [((), now.spool_oldest_s)])
        used = self.treasury.used_ratios()
        ratios = [((name,), ratio) for name, ratio in used if name in self._caps]  # the deleted count on
        yield Reading("budget_used_ratio", "Spent part of a budget in its period.", ("budget",), ratios)
        yield self.spent.reading()

    async def _awaited(
        self, exchange: Exchange, candidates: Candidates, tariff: Tariff, waiting: Waiting
    ) -> Purse:
        decided = await waiting.decided()
        if not isinstance(decided, Reservation):
            now = self._renewed(candidates)
            if now is candidates:
                return self._free_only(exchange, candidates, tariff, decided)
            found = self.hold(exchange, now)  # what it was refused may be more than it costs there
            return found if isinstance(found, Purse) else await found
        purse = Purse(self, exchange, candidates, tariff, decided)
        try:
            if (now := self._renewed(candidates)) is not candidates:
                await purse.follow(now)
        except BaseException:
            purse.end()
            raise
        return purse

    def _free_only(
        self, exchange: Exchange, candidates: Candidates, tariff: Tariff, why: Exhausted | Unavailable
    ) -> Purse:
        """Without money: only the targets that cost nothing are left, or none."""
        free = tuple(ways for ways in candidates.targets if _is_free(ways, tariff))
        overflow = candidates.overflow if _is_free(candidates.overflow, tariff) else ()
        if not free and not overflow:
            raise refusal(why)
        held = self._reserve(exchange, _NO_LEVELS, 0)
        assert isinstance(held, Reservation)
        left = Candidates(candidates.route, free or (overflow,), overflow)
        return Purse(self, exchange, left, tariff, held, not free)

    def _reserve(self, exchange: Exchange, levels: Levels, amount: int) -> Decided | Waiting:
        deadline = exchange.deadline or exchange.arrived + self._exchange_s
        return self.treasury.reserve(exchange.request_id, levels, amount, deadline)

    def _look(self, now: float) -> None:
        """What need not be asked for every request: for whom there is room in the spool, and what has a price."""
        self._classes, self._looked_at = self.treasury.admitted_classes(), now
        since, until = self._tariffs_hold
        unix = self._clock.unix()
        if not since <= unix < until:  # a clock may go back, too
            self._tariffs.clear()
            self._tariffs_hold = self.treasury.prices.unchanged(unix)

    def _forget_tariffs(self) -> None:
        self._tariffs.clear()
        self._tariffs_hold = 0.0, 0.0

    def _tariff(self, key: TenantKey, candidates: Candidates) -> Tariff:
        tenant = key.tenant.id
        targets = [way.target for ways in (*candidates.targets, candidates.overflow) for way in ways[:1]]
        by_target = tuple([(one, self.price(one, tenant)) for one in targets if one is not None])
        prices = tuple([price for _, price in by_target if not price.free])
        if len(self._tariffs) >= _TARIFFS_MAX:
            self._tariffs.clear()
        found = self._tariffs[key, candidates] = Tariff(self._levels_of(key), prices, by_target)
        return found

    def _levels_of(self, key: TenantKey) -> Levels:
        found = self._levels.get(key)
        if found is None:
            found = Levels(self._made(self._snapshot.budgets_of(key), key.tenant))
            self._levels[key] = found
        return found

    def _made(self, caps: tuple[Cap, ...], tenant: Tenant) -> tuple[Budget, ...]:
        shared = self._snapshot.shared_budgets
        return tuple(
            [self._terms(one.id) or _budget(one, "*" if one in shared else tenant.id) for one in caps]
        )

    def _terms(self, name: str) -> Budget | None:
        """By the configuration in force, whatever a request has with it; None: it is not there any more."""
        found = self._budgets.get(name)
        if found is None and (said := self._caps.get(name)) is not None:
            found = self._budgets[name] = _budget(*said)
        return found


def _budget(cap: Cap, tenant: str) -> Budget:
    return Budget(cap.id, cap.limit_nusd, cap.period, cap.enforce == "hard", cap.anchor_day, tenant)


def _most(exchange: Exchange, prices: tuple[Price, ...]) -> int:
    """What it can cost at the dearest target that may get it."""
    estimate, searches = exchange.sizing.estimate(), exchange.sizing.makeup().searches
    read, written = estimate.input_upper, estimate.output_max or answer_max(exchange)
    if exchange.body_bytes > read:
        read = exchange.body_bytes
    read *= exchange.sizing.reads()
    most = 0
    for price in prices:
        amount = ceiling(price, read, written, searches)
        if amount > most:
            most = amount
    return most


def _is_free(ways: tuple[Way, ...], tariff: Tariff) -> bool:
    """Whether the target of these ways costs nothing."""
    target = ways[0].target if ways else None
    price = None if target is None else tariff.price(target)
    return price is not None and price.free


def _caps(snapshot: Snapshot) -> Iterator[tuple[Cap, str]]:
    """Every cap there is, and whose it is."""
    for cap in snapshot.shared_budgets:
        yield cap, "*"
    for tenant in snapshot.tenants.values():
        for cap in tenant.budgets:
            yield cap, tenant.id
    for key in snapshot.tenant_keys.values():
        for cap in key.budgets:
            yield cap, key.tenant.id


def too_dear(amount: int) -> GatewayError:
    """What the caller is told of a request that can cost so much, which no record could hold."""
    message = f"This request can cost {text(amount)}, more than the {text(REQUEST_MAX)} that a request may."
    return GatewayError(INVALID_VALUE, f"{message} Ask for fewer tokens, or fewer answers.")


def refusal(why: Exhausted | Unavailable) -> GatewayError:
    """What the caller is told of a budget that does not pay."""
    if isinstance(why, Unavailable):
        wait_s = _AWAY_S if why.reason == "away" else _BUSY_S
        message = f"What is left of the budget {why.budget.id} cannot be said now."
        return GatewayError(BUDGET_UNAVAILABLE, message, retry_after_s=wait_s)
    resets = why.span.resets_at
    until = "it does not reset" if resets is None else f"resets {resets:%Y-%m-%dT%H:%MZ}"
    used = "is used up" if why.left <= 0 else f"has {text(why.left)} left, too little for this request"
    message = f"The budget {why.budget.id} of {text(why.budget.limit)} {used}; {until}."
    return GatewayError(BUDGET_EXCEEDED, message, budget_reset=resets)
