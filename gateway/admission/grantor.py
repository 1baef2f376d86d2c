"""What dispatching asks of a ledger: answers at once, from what this worker holds, and never an exception.

`MemoryLedger` is the truth itself; `Leases` holds what of a shared ledger was leased to this worker, and asks for
more behind the scenes. Times named `now` are `LedgerTime`'s: milliseconds, never stepping back.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.admission.dimension import AccountTerms
from gateway.admission.ledger import Answer, Ask, Batch, Demand, Observation, Queued, Served, Usage
from gateway.charge import Charge
from gateway.record import Record


class Grant(Record, eq=False):
    """One request's place on one account, charged at `at`. Ends by `settle` or `give_back`, once.

    `late` of its output is charged later than that, where it was produced (`Grantor.produced`).
    """

    account: str
    charge: Charge
    rank: int
    at: int
    late: int = 0


class Waiters(Protocol):
    """Who waits in this worker: the dispatcher, as a grantor sees it. Nothing here waits or raises."""

    def asks(self, account: str, most: int) -> tuple[Ask, ...]:
        """What the first who wait for `account` would be charged, in the order in which they are to go."""
        ...

    def demand(self, account: str, asked: tuple[Ask, ...]) -> tuple[Demand, ...]:
        """What waits for `account` by class, besides those that `asks` named."""
        ...

    def queued(self, account: str) -> tuple[Queued, ...]:
        """All that waits for `account` by class and tenant, for other workers to know."""
        ...

    def served(self, account: str) -> tuple[Served, ...]:
        """Whom it let go on `account` since this was last asked. Asked while somebody waits."""
        ...

    def learn(self, batch: Batch, answer: Answer) -> None:
        """How far the tenants have come that the batch named, by the ledger."""
        ...

    def waits(self, account: str) -> bool:
        """Whether anybody waits who could use `account`."""
        ...

    def room(self, account: str) -> None:
        """There may be room on `account` for somebody who waits."""
        ...


class Grantor(Protocol):
    """Places on accounts."""

    def open_account(self, terms: AccountTerms, now: int) -> None:
        """Before the first `take`; again when its limits changed. What is charged stays charged."""
        ...

    def close_account(self, account: str) -> None:
        """Nobody has anything there any more, and its windows do not count: forget it."""
        ...

    def take(self, account: str, charge: Charge, rank: int, now: int) -> Grant | None:
        """A place for `charge` on every dimension, or None and nothing is charged. Its sender goes at once."""
        ...

    async def obtain(self, account: str, charge: Charge, rank: int) -> Grant | None:
        """The same for whom nobody lets wait in line (a tenant key's own limits): asks the shared ledger
        where `take` could not know; where only a place in flight is wanting, again for a moment."""
        ...

    def give_back(self, grant: Grant, now: int) -> None:
        """It was not sent: as if it had never been taken."""
        ...

    def sent(self, grant: Grant, now: int) -> None:
        """It left only now (a connection had to be made): charged where it was sent."""
        ...

    def produced(self, grant: Grant, output: int, now: int) -> None:
        """By now the provider has written so many tokens of the answer in all, surely no fewer.

        Output is charged when it is written (Anthropic, "Rate limits"), so it leaves the window so much later.
        Only on accounts that count output (`AccountTerms.counts_output`).
        """
        ...

    def settle(self, grant: Grant, charged: Charge, now: int) -> None:
        """It has ended, and this is what the provider charged."""
        ...

    def observe(self, account: str, observation: Observation, now: int) -> None:
        """What the provider said."""
        ...

    def next_free_in(self, account: str, charge: Charge, rank: int, now: int) -> int | None:
        """Milliseconds until `take` may succeed, as far as is known; None: never, it is too large."""
        ...

    def foresees(self, account: str, now: int) -> bool:
        """Whether `next_free_in` is what the ledger says, and not what is hoped until it has been asked."""
        ...

    def is_shut(self, account: str, now: int) -> bool:
        """Whether no more is granted until a shared ledger answers again, or knows again what was used: nobody can
        tell how full the account is, nor when there is room."""
        ...

    def is_cut_off(self, account: str, now: int) -> bool:
        """Whether a shared ledger is away and may grant more than is granted without it, as soon as it answers."""
        ...

    def served(self, account: str, now: int) -> Sequence[int]:
        """By rank, the part of its narrowest rate that each class took during the last minute, in thousandths."""
        ...

    def elsewhere(self, account: str, now: int) -> Sequence[Queued]:
        """What waits for it at other workers, as they told lately."""
        ...

    def usage(self, account: str, now: int) -> tuple[Usage, ...]:
        """Its dimensions as they stand, in the order of its terms."""
        ...

    def levels(self, account: str, now: int) -> Sequence[tuple[int, int]]:
        """Of `usage` only what every answer to a limited key tells: (used, limit) of each."""
        ...
