"""The books as Postgres is to keep them: the shortest program that does what its statements must do.

Every method is one transaction. Calls may be lost, repeated, late or out of order; answers may be lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from budgets.slice import Budget, Grant, Standing, Want
from budgets.spool.record import Correct, Settle

Account = tuple[str, str]


@dataclass
class Lease:
    granted: int = 0
    returned: int = 0
    spent: int = 0

    @property
    def held(self) -> int:
        return self.granted - self.returned - self.spent


class Books:
    def __init__(self, budgets: Iterable[Budget], workers: int) -> None:
        self.budgets = {budget.id: budget for budget in budgets}
        self.workers = workers
        self.posted: defaultdict[Account, int] = defaultdict(int)
        self.leases: defaultdict[Account, defaultdict[str, Lease]] = defaultdict(lambda: defaultdict(Lease))
        self.closed: set[str] = set()
        self.usage: dict[tuple[str, int, int], int] = {}
        self.recalled: set[Account] = set()

    def leased(self, account: Account) -> int:
        return sum(lease.held for lease in self.leases[account].values())

    def exchange(self, holder: str, wants: Sequence[Want]) -> list[Grant]:
        return [] if holder in self.closed else [self._grant(holder, want) for want in wants]

    def _grant(self, holder: str, want: Want) -> Grant:
        account, budget = (want.budget, want.period), self.budgets[want.budget]
        lease = self.leases[account][holder]
        lease.returned = max(lease.returned, want.returned)
        if budget.hard:
            room = max(0, budget.limit - self.posted[account] - self.leased(account))
            raised = min(want.granted, lease.granted + room)
            if want.granted > lease.granted:  # whether somebody could be served is seen by those who ask
                (self.recalled.discard if raised >= want.least else self.recalled.add)(account)
            if raised >= want.least:
                lease.granted = max(lease.granted, raised)
            lease.granted = max(lease.granted, lease.returned + lease.spent)  # what is spent is spent
        standing = Standing(
            budget.limit, self.posted[account], self.leased(account), self.workers, account in self.recalled
        )
        return Grant(*account, lease.granted, lease.returned, lease.spent, standing, want.asked)

    def flush(self, entries: Iterable[Settle | Correct]) -> None:
        """Sums come from the rows that were inserted."""
        for entry in entries:
            number = entry.number if isinstance(entry, Correct) else 0
            key = entry.intent.request_id, entry.intent.attempt, number
            if key in self.usage:
                continue
            amount = self.usage[key] = entry.delta if isinstance(entry, Correct) else entry.cost
            for account in entry.intent.accounts:
                self.posted[account] += amount
                if not number:  # a correction changes what is posted; who settled knows what they spent
                    self.leases[account][entry.intent.holder].spent += amount

    def close(self, holder: str) -> None:
        """All that it spent is posted: what is left of its slices is nobody's."""
        self.closed.add(holder)
        for leases in self.leases.values():
            lease = leases[holder]
            lease.returned = lease.granted - lease.spent
