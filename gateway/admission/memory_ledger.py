"""The ledger of one process: the model itself, and besides a fast path that costs microseconds and never awaits.

It cannot be away. What it knows ends with its process, except for what was written down: `checkpoint` says what is
charged, `take_over` tells it the next one. That is done once a second (`serving.ledger_file`): a process that is
killed forgets what it sent since; one that is stopped in order, nothing.

`take`, `give_back`, `sent`, `correct` and `settle` are for the process's own exchanges: what they charge, they
charge at once, where it is sent or at the end of that slot (`allotment`). `exchange` is the protocol of all
ledgers, on the same state. `now` is the ledger's clock (`LedgerTime`), never stepping back.
"""

from gateway.admission.account_model import NO_HOLD, AccountModel
from gateway.admission.allotment import Allotment
from gateway.admission.booking import Book, book
from gateway.admission.checkpoint import Checkpoint, checkpoint, learn, still_counting
from gateway.admission.dimension import AccountTerms
from gateway.admission.grantor import Grant
from gateway.admission.ledger import Answer, Batch, Observation, Queued, Usage
from gateway.charge import Charge
from gateway.clock import Clock
from gateway.record import replace

#: Owner of what the fast path has in flight.
_SELF = ""
_NOTHING = Charge()


class LedgerTime:
    """Milliseconds since 1970 as they were at the start, carried on by the monotonic clock: it cannot be set."""

    __slots__ = ("_monotonic", "_offset_ms")

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._offset_ms = clock.utc().timestamp() * 1000 - clock.monotonic() * 1000

    def now(self) -> int:
        return int(self._offset_ms + self._monotonic() * 1000.0)

    def at(self, monotonic: float) -> int:
        """The same for a moment that was read off the monotonic clock."""
        return int(self._offset_ms + monotonic * 1000.0)


class MemoryLedger:
    """Accounts by id. An account is made by `open_account` or by the first batch that names it."""

    __slots__ = ("_allotments", "_books", "_former", "_time")

    def __init__(self, time: LedgerTime) -> None:
        self._time = time
        self._books: dict[str, Book] = {}
        self._allotments: dict[str, Allotment] = {}
        #: Of those that nobody has opened yet, what was taken over.
        self._former: dict[str, Checkpoint] = {}

    def open_account(self, terms: AccountTerms, now: int) -> None:
        """Before the first `take`; again when its limits changed. What is charged stays charged."""
        kept = self._books.get(terms.id)
        if kept is None:
            kept = self._books[terms.id] = Book(terms, now, now)
            self._allotments[terms.id] = Allotment(kept.account, _SELF)
        self._allotments[terms.id].close(now)
        kept.account.configure(terms, now)
        if self._former:
            self._remember(terms.id, now)

    def close_account(self, account: str) -> None:
        """Nobody has anything there any more, and its windows do not count: forget it."""
        self._books.pop(account, None)
        self._allotments.pop(account, None)
        self._former.pop(account, None)

    def accounts(self) -> list[str]:
        """Those of which it knows something."""
        return [*self._books, *self._former]

    def checkpoint(self, account: str, now: int) -> Checkpoint | None:
        """What is charged there and counts still; None if nothing is."""
        if account in self._books:
            return checkpoint(account, self._whole(account, now), now)
        former = self._former.pop(account, None)
        kept = None if former is None else still_counting(former, now)
        if kept is not None:
            self._former[account] = kept
        return kept

    def take_over(self, kept: Checkpoint, now: int) -> None:
        """So much was charged before this ledger was there, by its own clock (`checkpoint.taken_over`)."""
        self._former[kept.account] = kept
        if kept.account in self._books:
            self._remember(kept.account, now)

    def take(self, account: str, charge: Charge, rank: int, now: int) -> Grant | None:
        """A place for `charge` on every dimension, or None and nothing is charged. Its sender goes at once."""
        allotment = self._allotments[account]
        if now <= allotment.until and allotment.take(charge):
            return Grant(account, charge, rank, allotment.until)
        model = self._whole(account, now)
        # What is above a ceiling would go into an empty window, where whatever fits at all goes.
        if model.too_large(charge) or not model.fits(charge, rank, NO_HOLD, now, now):
            return None
        if allotment.open(charge, rank, now) and allotment.take(charge):
            return Grant(account, charge, rank, allotment.until)
        model.fits(charge, rank, NO_HOLD, now, now)  # which way it may go was asked for many in between
        model.commit(charge, rank, now, _SELF)
        return Grant(account, charge, rank, now)

    async def obtain(self, account: str, charge: Charge, rank: int) -> Grant | None:
        """What `take` says is the truth."""
        return self.take(account, charge, rank, self._time.now())

    def give_back(self, grant: Grant, now: int) -> None:
        """It was not sent: as if it had never been taken."""
        self.settle(grant, _NOTHING, now)

    def sent(self, grant: Grant, now: int) -> None:
        """It left only now (a connection had to be made): charged where it was sent."""
        if now > grant.at:
            self._whole(grant.account, now).move(grant.charge, grant.at, now)
            grant.at = now

    def produced(self, grant: Grant, output: int, now: int) -> None:
        """So many tokens of its answer have been written, and are charged where they were."""
        model = self._books[grant.account].account
        model.touch(now)
        self._charge_later(model, grant, output, now)

    def settle(self, grant: Grant, charged: Charge, now: int) -> None:
        """It has ended, and this is what the provider charged."""
        allotment = self._allotments[grant.account]
        if now <= allotment.until and not grant.late and allotment.settle(grant.charge, charged, grant.at):
            return
        model = self._whole(grant.account, now)
        if model.counts_output:
            self._charge_later(model, grant, charged.output, now)
        if charged != grant.charge:
            delta = charged - grant.charge
            # What was charged later already is not where the rest is to be given back.
            output = max(delta.output, grant.late - grant.charge.output)
            model.settle(replace(delta, output=output), grant.rank, grant.at, now)
        if model.concurrency is not None:
            model.concurrency.add(_SELF, -1)

    def observe(self, account: str, observation: Observation, now: int) -> None:
        """What the provider said."""
        self._whole(account, now).observe(observation, now)

    def next_free_in(self, account: str, charge: Charge, rank: int, now: int) -> int | None:
        """Milliseconds until `take` first succeeds if nothing else happens; None: never, it is too large.

        For a place in flight nobody knows: then it says when to look again.
        """
        model = self._whole(account, now)
        return None if model.too_large(charge) else model.free_at(charge, rank, now) - now

    def foresees(self, account: str, now: int) -> bool:  # noqa: ARG002 (the protocol's)
        """It is the ledger."""
        return True

    def is_shut(self, account: str, now: int) -> bool:  # noqa: ARG002 (the protocol's)
        """It is never away."""
        return False

    def is_cut_off(self, account: str, now: int) -> bool:  # noqa: ARG002 (the protocol's)
        """Nor is anybody from it."""
        return False

    def served(self, account: str, now: int) -> tuple[int, ...]:
        """By rank, thousandths that each class took lately of what is narrowest, a rate or the places."""
        return self._whole(account, now).served_of_all()

    def elsewhere(self, account: str, now: int) -> tuple[Queued, ...]:  # noqa: ARG002 (the protocol's)
        """Nobody waits anywhere else: it is this process's own."""
        return ()

    def usage(self, account: str, now: int) -> tuple[Usage, ...]:
        """For the admin API and metrics."""
        model = self._books[account].account
        model.touch(now)
        return model.usage(now, self._allotments[account].unused())

    def levels(self, account: str, now: int) -> list[tuple[int, int]]:
        """For every answer to a tenant key that has limits."""
        return self._books[account].account.levels(now, self._allotments[account].unused())

    async def exchange(self, batch: Batch) -> Answer:
        """As `Ledger.exchange`; never raises."""
        now = self._time.now()
        if batch.account.id in self._former:
            self.open_account(batch.account, now)
        allotment = self._allotments.get(batch.account.id)
        if allotment is not None:
            allotment.close(now)
        kept, answer = book(self._books.get(batch.account.id), batch, now)
        if allotment is None or kept is not self._books[batch.account.id]:
            self._allotments[batch.account.id] = Allotment(kept.account, _SELF)
        self._books[batch.account.id] = kept
        return answer

    async def aclose(self) -> None:
        """There is nothing to close."""

    @staticmethod
    def _charge_later(model: AccountModel, grant: Grant, output: int, now: int) -> None:
        """Charge `output` tokens in all at `now` or earlier than now, of which `grant` held room for some."""
        later = output - grant.late
        if later <= 0 or now <= grant.at:
            return
        requests, input_, held, tokens = grant.charge
        room = min(later, held - grant.late)
        model.move(Charge(0, 0, room, 0), grant.at, now)
        if later > room:
            model.settle(Charge(0, 0, later - room, 0), grant.rank, now, now)
            grant.charge = Charge(requests, input_, held + later - room, tokens)
        grant.late = output

    def _remember(self, account: str, now: int) -> None:
        former = self._former.pop(account, None)
        if former is not None:
            learn(self._whole(account, now), former, now)

    def _whole(self, account: str, now: int) -> AccountModel:
        """The model at `now`, with nothing of it allotted."""
        model = self._books[account].account
        allotment = self._allotments[account]
        if allotment.until:
            allotment.close(now)
        else:
            model.touch(now)
        return model
