"""The budget of upstream attempts, and who waits for it: came back from a busy key, and goes again when a further
attempt is within the budget (contract §3). Anybody's first attempt makes the budget larger, which is an event like
room on an account: whoever waits for it is looked at.
"""

from collections.abc import Callable

from gateway.admission.line import Line
from gateway.admission.retry_budget import RetryBudget
from gateway.pipeline.ticket import Ticket

#: Who waits for the budget of attempts is in no other's way.
_AGAIN = "again:"


class Attempts:
    """`room` is the dispatcher's: it looks at an account's line."""

    __slots__ = ("_line", "_room", "budget")

    def __init__(self, budget: RetryBudget, line: Line, room: Callable[[str], None]) -> None:
        self.budget = budget
        self._line = line
        self._room = room

    def first(self, now: float) -> None:
        """A request makes its first attempt."""
        budget = self.budget
        if not self._line.items or budget.allows(now):
            budget.deposit(now)
            return
        budget.deposit(now)
        if budget.allows(now):
            for signature in self._line.signatures():
                if signature.group.startswith(_AGAIN):
                    for account in signature.accounts:
                        self._room(account)


def group_of(ticket: Ticket, model: str) -> str:
    """With whom it may be held up by what is not room."""
    return _AGAIN + model if ticket.owes_retry else model
