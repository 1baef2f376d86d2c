"""What the ledger that workers share is told of who waits in this one, and what it says of them. Never asked, and
nothing lost, where there is none.
"""

from collections.abc import Callable, Sequence

from gateway.admission.classes import RANKS, in_order
from gateway.admission.grantor import Grantor
from gateway.admission.item import Item
from gateway.admission.ledger import Answer, Ask, Batch, Demand, Queued, Served
from gateway.admission.line import Line
from gateway.admission.memory_ledger import LedgerTime
from gateway.admission.outlook import Outlook
from gateway.admission.unasked import rest_of
from gateway.charge import Charge
from gateway.clock import Clock
from gateway.pipeline.charging import Charging
from gateway.pipeline.overflow import Overflow
from gateway.pipeline.ticket import ticket_of

#: How often who may use several accounts is advertised on another one.
_TURNS_A_SECOND = 4
#: Of how many tenants one call tells what they were served; of the rest, the next.
_SERVED_AT_ONCE = 100


class Waitlist:
    """As `gateway.admission.grantor.Waiters`. `room` is the dispatcher's."""

    def __init__(
        self,
        line: Line,
        grantor: Grantor,
        charging: Charging,
        outlook: Outlook,
        time: LedgerTime,
        clock: Clock,
        room: Callable[[str], None],
        over: Overflow,
    ) -> None:
        self._line = line
        self._grantor = grantor
        self._charging = charging
        self._outlook = outlook
        self._time = time
        self._clock = clock
        self.room = room
        self._over = over

    def waits(self, account: str) -> bool:
        if not len(self._line):
            return False
        return self._line.waits_for(account, RANKS[-1]) or bool(self._over.wanting(account))

    def asks(self, account: str, most: int) -> tuple[Ask, ...]:
        served = self._grantor.served(account, self._time.at(self._clock.monotonic()))
        heads = self._heads(account, in_order(served), most)
        return heads + self._going_over(account, most - len(heads))

    def demand(self, account: str, asked: tuple[Ask, ...]) -> tuple[Demand, ...]:
        now_ms = self._time.now()
        found = []
        for rank, works in enumerate(self._line.waiting(account)):
            charges = [ask.charge for ask in asked if ask.rank == rank]
            count, total, typical = rest_of(works, charges)
            if count <= 0:
                continue
            heads = () if charges else self._heads(account, (rank,), 1)
            if heads:
                charge, _, order, tenant = heads[0]
                found.append(Demand(rank, count, total, charge, order, tenant))
            else:
                found.append(Demand(rank, count, total, typical, now_ms))
        return tuple(found)

    def queued(self, account: str) -> tuple[Queued, ...]:
        return self._line.queued(account, self._clock.monotonic())

    def served(self, account: str) -> tuple[Served, ...]:
        return tuple(self._line.served(account, _SERVED_AT_ONCE))

    def learn(self, batch: Batch, answer: Answer) -> None:
        tags = zip(batch.served, answer.tags, strict=True)
        self._line.learn(batch.account.id, ((one.rank, one.tenant, tag) for one, tag in tags))

    def _heads(self, account: str, ranks: Sequence[int], most: int) -> tuple[Ask, ...]:
        """The first who wait for the account, of those who are advertised there at the moment.

        Who may go on several accounts is advertised on one at a time, or would hold the room of all. Not so the
        first of a class: it would wait out its turn where there is no room while there is some elsewhere, and find
        no lease there all the while.
        """
        now = self._clock.monotonic()
        turn = int(now * _TURNS_A_SECOND)
        ahead = len(RANKS)
        found = []
        for item in self._line.heads(account, ranks, most):
            first, ahead = item.rank != ahead, item.rank
            opened = self._opened(item)
            if account in opened and (first or account == opened[(item.order + turn) % len(opened)]):
                charge = self._charge_at(account, item)
                found.append(Ask(charge, item.rank, self._time.at(item.arrived), item.tenant))
        return tuple(found)

    def _opened(self, item: Item) -> list[str]:
        """The accounts that serve it at the moment."""
        return [one for one in item.signature if self._outlook.opens_in(one, item) == 0.0]

    def _going_over(self, account: str, most: int) -> tuple[Ask, ...]:
        """Those who wait in other lines, and are to go to the local model when there is a place."""
        return tuple(
            Ask(self._charging.of(ticket_of(item), way), item.rank, self._time.at(item.arrived), item.tenant)
            for item, way in self._over.wanting(account)[: max(0, most)]
        )

    def _charge_at(self, account: str, item: Item) -> Charge:
        ticket = ticket_of(item)
        return next((self._charging.of(ticket, way) for way in ticket.at(account)), item.charge)
