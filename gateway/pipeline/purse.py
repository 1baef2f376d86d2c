"""One exchange's money: a record of each attempt before it is sent, and of what it cost when it is over.

The attempt whose reply is relayed is settled by the usage of the exchange. One that was sent and never answered may
be billed all the same: it is settled as having read the request. One that was refused is void, and what was held
for it is there for the next.
"""

from typing import TYPE_CHECKING

from budgets.reservation import Attempt, Reservation
from budgets.slice import Budget
from budgets.spool.journal import SpoolError
from budgets.usage import NOTHING, Tokens, fit
from gateway.errors import NOT_RECORDED, GatewayError
from gateway.exchange import Exchange, Kinds, Usage
from gateway.metrics import Reading
from gateway.pipeline.router import Candidates
from gateway.pipeline.unreported import is_unknown, within_limits

if TYPE_CHECKING:
    from gateway.pipeline.spending import Spending
    from gateway.pipeline.ticket import Permit


class Purse:
    """`candidates` are those that there is money for; with `overflows` that is the local model alone."""

    __slots__ = (
        "_attempts", "_budgets", "_counted", "_exchange", "_held", "_serving", "_spending",
        "candidates", "overflows",
    )  # fmt: skip

    def __init__(
        self,
        spending: "Spending",
        exchange: Exchange,
        candidates: Candidates,
        budgets: tuple[Budget, ...],
        held: Reservation,
        *,
        overflows: bool = False,
    ) -> None:
        self._spending = spending
        self._exchange = exchange
        self.candidates = candidates
        self._budgets = budgets
        self._held = held
        self.overflows = overflows
        self._attempts: dict[Permit, tuple[Reservation, Attempt]] = {}  # under way
        self._serving: Attempt | None = None
        self._counted: tuple[Usage | None, Tokens] = None, NOTHING

    @property
    def warnings(self) -> tuple[tuple[str, int], ...]:
        """Soft budgets, and how much of each is used, in percent."""
        return self._held.warnings

    def begin(self, permit: "Permit") -> None:
        """Write down that it is sent now. Raises GatewayError: it must not be."""
        exchange, key, target = self._exchange, permit.way.account.key, permit.way.target
        if target is None or exchange.tenant_key is None:
            return
        held, tenant = self._held, exchange.tenant_key.tenant.id
        if held.over or held.attempt is not None:  # a second one beside it, or after one that was billed
            held = self._held = self._spending.again(exchange, self._budgets, held.amount)
        treasury = self._spending.treasury
        price = self._spending.price(target, tenant)
        try:
            attempt = treasury.begin(
                held, exchange.attempts, price, tenant=tenant, key=exchange.tenant_key.id,
                provider=target.provider.id, pool=key.id, model=target.model,
                route="" if exchange.route is None else exchange.route.label, priority=exchange.priority,
                agent=exchange.agent, task=exchange.task,
            )  # fmt: skip
        except SpoolError:
            message = "The usage record of this request cannot be stored."
            raise GatewayError(NOT_RECORDED, message, retry_after_s=1.0) from None
        self._attempts[permit] = held, attempt

    def failed(self, permit: "Permit", reason: str, *, owed: bool) -> None:
        """It came to nothing. `owed`: the provider may have done the work."""
        found = self._attempts.pop(permit, None)
        if found is None:
            return
        if owed:
            self._settle(found[1], self._read_only(), reason)
        else:
            self._spending.treasury.void(found[1], reason)
            if found[0] is not self._held:  # another attempt runs beside it, on money of its own
                self._spending.treasury.end(found[0])

    def lost(self, permit: "Permit", usage: Usage | None) -> None:
        """It was answered, too late: another attempt serves. What it used is owed all the same."""
        found = self._attempts.get(permit)
        if found is not None and usage is not None and self._exchange.ran_model:
            del self._attempts[permit]
            self._settle(found[1], usage, "lost")

    def serves(self, permit: "Permit") -> None:
        """Its reply is the one that is relayed."""
        found = self._attempts.get(permit)
        self._serving = None if found is None else found[1]

    def cost_of(self, usage: Usage) -> int | None:
        """What the request costs if this is what the attempt that serves used; in nano-dollars."""
        if self._serving is None:
            return None
        spent = self._cost(self._serving, usage) + (self._exchange.cost_nusd or 0)
        if len(self._attempts) > 1:
            for _, attempt in self._attempts.values():
                if attempt is not self._serving:
                    spent += self._cost(attempt, self._read_only())
        return spent

    def end(self) -> None:
        """The exchange is over, and its usage is known as well as it will be."""
        exchange, treasury = self._exchange, self._spending.treasury
        for held, attempt in self._attempts.values():
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
            if not held.over:
                treasury.end(held)
        self._attempts.clear()
        if not self._held.over:
            treasury.end(self._held)

    def _settle(self, attempt: Attempt, usage: Usage, outcome: str) -> None:
        exchange = self._exchange
        done, sent = exchange.upstream_done or exchange.first_content, exchange.sent
        spent = self._spending.treasury.settle(
            attempt,
            self._tokens(usage),
            source=usage.source,
            tier="" if usage.kinds is None else usage.kinds.tier,
            status=exchange.status,
            outcome=outcome,
            queue_ms=int(exchange.waited * 1000),
            upstream_ms=int((done - sent) * 1000) if done and sent else 0,
            first_token_ms=int((exchange.first_content - sent) * 1000) if exchange.first_content else 0,
        )
        exchange.cost_nusd = (exchange.cost_nusd or 0) + spent
        self._spending.spent.add(attempt.intent.provider, attempt.intent.model, spent)

    def _cost(self, attempt: Attempt, usage: Usage) -> int:
        return attempt.cost(self._tokens(usage), "" if usage.kinds is None else usage.kinds.tier)

    def _tokens(self, usage: Usage) -> Tokens:
        """As they are priced; the same object for the same usage."""
        if usage is not self._counted[0]:
            read, written, reasoning = usage.input, usage.output, usage.reasoning
            tokens = Tokens(read, written, usage.cache_read, usage.cache_write, 0, 0, 0, reasoning)
            if usage.kinds is not None:
                tokens = _of_every_kind(usage, usage.kinds)
            elif usage.cache_read + usage.cache_write > read or reasoning > written:
                tokens = fit(tokens)  # not to be believed; others are as they should be
            self._counted = usage, tokens
        return self._counted[1]

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
        key = provider, model
        if key not in self._amounts and len(self._amounts) >= self._MOST:
            key = provider, "other"
        self._amounts[key] = self._amounts.get(key, 0) + amount

    def reading(self) -> Reading:
        values = [(key, float(amount)) for key, amount in self._amounts.items()]
        return Reading("spend_nanodollars", "Cost of usage.", ("provider", "model"), values, counts=True)


def _of_every_kind(usage: Usage, kinds: Kinds) -> Tokens:
    return fit(
        Tokens(
            usage.input,
            usage.output,
            usage.cache_read,
            usage.cache_write - kinds.cache_write_1h,
            kinds.cache_write_1h,
            kinds.audio_in,
            kinds.image_in,
            usage.reasoning,
            kinds.audio_out,
            kinds.image_out,
            kinds.searches,
        )
    )
