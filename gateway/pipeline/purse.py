"""One exchange's money: a record of each attempt before it is sent, and of what it cost when it is over.

The attempt whose reply is relayed is settled by the usage of the exchange. One that was sent and never answered may
be billed all the same: it is settled as having read the request. One that was refused is void, and what was held
for it is there for the next.
"""

from typing import TYPE_CHECKING

from budgets.reservation import Attempt, Reservation
from budgets.spool.journal import SpoolError
from budgets.spool.record import Intent, Settle
from gateway.errors import INTERNAL, NOT_RECORDED, GatewayError
from gateway.exchange import Exchange, Usage
from gateway.metrics import Reading
from gateway.pipeline.bill import Bill, bill_of
from gateway.pipeline.router import Candidates
from gateway.pipeline.tariff import Tariff
from gateway.pipeline.unreported import is_unknown, within_limits
from gateway.record import Record, field

if TYPE_CHECKING:
    from gateway.pipeline.spending import Spending
    from gateway.pipeline.ticket import Permit


class Purse(Record, eq=False):
    """`candidates` are those that there is money for; with `overflows` that is the local model alone."""

    _spending: "Spending"
    _exchange: Exchange
    candidates: Candidates
    _tariff: Tariff
    _held: Reservation
    overflows: bool = False
    _attempts: "dict[Permit, Attempt]" = field(default_factory=dict)  # under way
    _serving: Attempt | None = None
    _bill: Bill | None = None  # the last that was asked for

    @property
    def warnings(self) -> tuple[tuple[str, int], ...]:
        """Soft budgets, and how much of each is used, in percent."""
        return self._held.warnings

    async def follow(self, candidates: Candidates) -> Candidates:
        """While it waited its ways became these: hold what it can cost there instead, of which it may go some.

        Raises GatewayError when there is no money; nothing is held then. No attempt may be under way.
        """
        spending = self._spending
        tariff, amount = spending.asked(self._exchange, candidates)
        if not self._held.over:
            if amount <= self._held.amount and tariff.levels.ids == self._tariff.levels.ids:
                # It has enough: given back, it could be somebody's who came later.
                self._tariff, self.candidates, self.overflows = tariff, candidates, False
                return candidates
            spending.treasury.end(self._held)
        found = spending.hold(self._exchange, candidates)
        other = found if isinstance(found, Purse) else await found
        self._held, self._tariff = other._held, other._tariff
        self.candidates, self.overflows = other.candidates, other.overflows
        return self.candidates

    def begin(self, permit: "Permit") -> None:
        """Write down that it is sent now. Raises GatewayError: it must not be."""
        exchange, way = self._exchange, permit.way
        key, target, route = exchange.tenant_key, way.target, exchange.route
        if target is None or key is None:
            return
        spending, held, tenant = self._spending, self._held, key.tenant.id
        if held.over or held.attempt is not None:  # a second one beside it, or after one that was billed
            held = self._held = spending.again(exchange, self._tariff.levels, held.amount)
        price = self._tariff.price(target)
        if price is None:  # a bug: nobody looked whether there is money for it
            raise GatewayError(INTERNAL, "The gateway failed to serve this request.")
        intent = Intent(
            held.request_id, exchange.attempts, held.at_ms, held.amount, held.accounts, spending.treasury.holder,
            price.version, tenant, key.id, target.provider.id, way.account.key.id, target.model,
            "" if route is None else route.label, exchange.priority, exchange.agent, exchange.task,
            permit.overflow is not None,
        )  # fmt: skip
        try:
            self._attempts[permit] = spending.treasury.begin(held, intent, price)
        except SpoolError:
            message = "The usage record of this request cannot be stored."
            raise GatewayError(NOT_RECORDED, message, retry_after_s=1.0) from None

    def failed(self, permit: "Permit", reason: str, *, owed: bool, used: Usage | None = None) -> None:
        """It came to nothing. `owed`: the provider may have done the work; `used`: what it did of it."""
        attempt = self._attempts.pop(permit, None)
        if attempt is None:
            return
        if owed or used is not None:
            self._settle(attempt, used or self._read_only(), reason)
        else:
            self._spending.treasury.void(attempt, reason)
            if attempt.reservation is not self._held:  # another attempt runs beside it, on money of its own
                self._spending.treasury.end(attempt.reservation)

    def lost(self, permit: "Permit", usage: Usage | None) -> None:
        """It was answered, too late: another attempt serves. What it used is owed all the same."""
        attempt = self._attempts.get(permit)
        if attempt is not None and usage is not None and self._exchange.ran_model:
            del self._attempts[permit]
            self._settle(attempt, usage, "lost")

    def serves(self, permit: "Permit") -> None:
        """Its reply is the one that is relayed."""
        self._serving = self._attempts.get(permit)

    def cost_of(self, usage: Usage) -> int | None:
        """What the request costs if this is what the attempt that serves used; in nano-dollars."""
        serving = self._serving
        if serving is None:
            return None
        spent = self._exchange.cost_nusd or 0
        if len(self._attempts) > 1:
            for attempt in self._attempts.values():
                if attempt is not serving:
                    spent += bill_of(attempt, self._read_only()).cost
        return spent + self._billed(serving, usage).cost

    def end(self) -> None:
        """The exchange is over, and its usage is known as well as it will be."""
        exchange, treasury = self._exchange, self._spending.treasury
        for attempt in self._attempts.values():
            usage = exchange.usage if attempt is self._serving else self._read_only()
            if not exchange.ran_model:
                treasury.void(attempt, "no model ran")
            elif usage.source == "provider":
                self._settle(attempt, usage, exchange.outcome)
            elif attempt is self._serving and is_unknown(exchange):
                treasury.give_up(attempt)
                exchange.cost_nusd = (exchange.cost_nusd or 0) + attempt.intent.reserved
                self._spending.spent.add(
                    attempt.intent.provider, attempt.intent.model, attempt.intent.reserved
                )
            elif usage.source == "none":
                self._settle(attempt, self._read_only(), exchange.outcome)
            else:
                self._settle(attempt, within_limits(exchange, usage), exchange.outcome)
            if not attempt.reservation.over:
                treasury.end(attempt.reservation)
        self._attempts.clear()
        if not self._held.over:
            treasury.end(self._held)

    def _settle(self, attempt: Attempt, usage: Usage, outcome: str) -> None:
        exchange, bill, intent = self._exchange, self._billed(attempt, usage), attempt.intent
        spending, sent, first = self._spending, exchange.sent, exchange.first_content
        done = exchange.upstream_done or first
        said = Settle(
            intent, bill.cost, usage.source, bill.tokens, bill.tier, exchange.status, outcome,
            spending.treasury.now_ms(), int(exchange.waited * 1000.0),
            int((done - sent) * 1000.0) if done and sent else 0, int((first - sent) * 1000.0) if first else 0,
            attempt.price.known,
        )  # fmt: skip
        spending.treasury.settle(attempt, said)
        exchange.cost_nusd = (exchange.cost_nusd or 0) + bill.cost
        spending.spent.add(intent.provider, intent.model, bill.cost)

    def _billed(self, attempt: Attempt, usage: Usage) -> Bill:
        """Asked for twice, for the caller and for the books; told twice."""
        bill = self._bill
        if bill is None or bill.usage is not usage or bill.attempt is not attempt:
            bill = self._bill = bill_of(attempt, usage)
        return bill

    def _read_only(self) -> Usage:
        """What is owed for a request that was read and, for all that is known, not answered."""
        return Usage(self._exchange.sizing.estimate().input, source="estimated")


class Spent:
    """Nano-dollars by provider and model, since the start; a bounded number of models."""

    __slots__ = ("_amounts",)
    _MOST = 200

    def __init__(self) -> None:
        self._amounts: dict[tuple[str, str], int] = {}

    def add(self, provider: str, model: str, amount: int) -> None:
        try:
            self._amounts[provider, model] += amount
        except KeyError:
            key = (provider, model) if len(self._amounts) < self._MOST else (provider, "other")
            self._amounts[key] = self._amounts.get(key, 0) + amount

    def reading(self) -> Reading:
        values = [(key, float(amount)) for key, amount in self._amounts.items()]
        return Reading("spend_nanodollars", "Cost of usage.", ("provider", "model"), values, counts=True)
