"""What a dry run is told of money: the balance of every budget, and why one of them would not pay for a request.

As the books have it at that moment, and as this worker knows it, whichever is further on. With the database away it
is as this worker knows it, and `as_of` says so.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from budgets.books import standings
from budgets.money import REQUEST_MAX
from budgets.price import ceiling
from budgets.slices import Exhausted
from budgets.treasury import Balance
from gateway.pipeline.router import Candidates, Way
from gateway.pipeline.spending import Spending, refusal, too_dear
from gateway.pipeline.unreported import MEDIA_MAX, OUTPUT_MAX
from gateway.settings.snapshot import Tenant, TenantKey
from storage.database import DatabaseAwayError, DatabaseBusyError
from storage.reads import Read, ReadRouter

Row = dict[str, object]
#: In these the model writes, up to `OUTPUT_MAX` where no limit is asked for.
_WRITING = frozenset({"chat", "completions", "responses", "messages", "generate_content", "audio"})


class _Standing(NamedTuple):
    """Of one budget in nano-dollars, by all workers: `held` by requests under way, and for those to come."""

    balance: Balance
    spent: int
    held: int
    as_of: str  # books | worker

    @property
    def left(self) -> int:
        return self.balance.budget.limit - self.spent

    @property
    def remaining(self) -> int:
        return max(0, self.left - self.held)

    def why_not(self, amount: int) -> str | None:
        """Why a request that may cost so much is not paid for; None where it is, or only warned of."""
        if not amount or not self.balance.budget.hard:
            return None
        if amount > self.left:
            return refusal(Exhausted(self.balance.budget, self.balance.span, max(0, self.left))).message
        if amount > self.remaining + self.balance.free:
            return f"The rest of the budget {self.balance.budget.id} is held for others: it waits for that."
        return None

    def row(self, amount: int) -> Row:
        budget, resets = self.balance.budget, self.balance.span.resets_at
        return {
            "scope": budget.id,
            "period": self.balance.span.key,
            "limit_nusd": budget.limit,
            "spent_nusd": self.spent,
            "reserved_nusd": self.held,
            "remaining_nusd": self.remaining,
            "enforce": "hard" if budget.hard else "soft",
            "resets_at": None if resets is None else resets.isoformat(),
            "stops": self.why_not(amount) is not None,
            "as_of": self.as_of,
        }


class Funds:
    """The money side of one request: what each way costs at most, and what the budgets say to that."""

    def __init__(
        self, costs: Mapping[str, int], amount: int = 0, standings: Iterable[_Standing] = ()
    ) -> None:
        self._costs = costs
        self._amount = amount  # held for it before it may queue: what the dearest of these can cost
        self._standings = tuple(standings)

    def rows(self) -> list[Row]:
        return [standing.row(self._amount) for standing in self._standings]

    def of(self, way: Way) -> Row:
        """What the way can cost, and each budget's balance beside that. One that costs nothing passes them all."""
        if not self._costs:
            return {}  # nothing is counted here
        cost = self._cost(way)
        amount = self._amount if cost else 0
        return {
            "cost_nusd": cost,
            "budgets": [
                {
                    "scope": standing.balance.budget.id,
                    "remaining_nusd": standing.remaining,
                    "fits": standing.why_not(amount) is None,
                }
                for standing in self._standings
            ],
        }

    def why_not(self, way: Way) -> Iterator[str]:
        if self._amount > REQUEST_MAX:
            yield too_dear(self._amount).message
        elif self._cost(way):
            for standing in self._standings:
                why = standing.why_not(self._amount)
                if why is not None:
                    yield why

    def _cost(self, way: Way) -> int:
        return self._costs.get(str(way.target), 0)


class BudgetOutlook:
    """`reads` says where the books are read, which may be a little behind."""

    def __init__(self, spending: Spending, reads: ReadRouter) -> None:
        self._spending = spending
        self._reads = reads

    async def funds(
        self, tenant: Tenant, key: TenantKey | None, found: Candidates | None, asked: Mapping[str, Any]
    ) -> Funds:
        """For a request as `ExplainBody` has it, of which the router said where it may go, if anywhere."""
        standings = await self._standings(tenant, key)
        if found is None:
            return Funds({}, 0, standings)
        written = asked["max_tokens"]
        if written is None:
            written = MEDIA_MAX.get(asked["api"], OUTPUT_MAX if asked["api"] in _WRITING else 0)
        costs = {
            str(way.target): ceiling(
                self._spending.price(way.target, tenant.id), asked["input_tokens"], written
            )
            for ways in (*found.targets, found.overflow)
            for way in ways[:1]
            if way.target is not None
        }
        return Funds(costs, max(costs.values(), default=0), standings)

    async def _standings(self, tenant: Tenant, key: TenantKey | None) -> list[_Standing]:
        treasury = self._spending.treasury
        balances = treasury.balances(self._spending.budgets_of(tenant, key))
        accounts = [(one.budget.id, one.span.key) for one in balances]
        try:
            pool = self._reads.database_for(Read.BUDGET_CHECK).reads
            books = await standings(pool, accounts) if accounts else {}
            as_of = "books"
        except (DatabaseAwayError, DatabaseBusyError):
            books, as_of = {}, "worker"
        found = []
        for one, account in zip(balances, accounts, strict=True):
            posted, leased = books.get(account, (0, 0))
            spent = max(posted, one.spent)
            committed = max(posted + leased, one.spent + one.reserved)
            found.append(_Standing(one, spent, committed - spent, as_of))
        return found
