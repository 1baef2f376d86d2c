"""What one worker has of one account of a shared ledger: leases in hand, and those that went. Pure; milliseconds.

This is the path of every request, and costs little: what goes from one lot within one slot is counted together
(`sends`), and looked at when the ledger is told. `now` is `LedgerTime`'s.
"""

from gateway.admission.appetite import Appetite
from gateway.admission.dimension import CONCURRENCY, AccountTerms
from gateway.admission.last_answer import LastAnswer
from gateway.admission.lease import Lease
from gateway.admission.ledger import Return
from gateway.admission.lots import Lot, Lots
from gateway.admission.own_record import OwnRecord
from gateway.admission.sends import Sends
from gateway.admission.unsaid import Unsaid
from gateway.charge import INPUT, OUTPUT, TOKENS, Charge
from gateway.record import replace

#: Stock is charged to this class, and kept for no less urgent ones while somebody waits elsewhere.
STOCK_RANK = 1


class Hand:
    """One account of one worker."""

    __slots__ = (
        "appetite", "axes", "concurrent", "counts_output", "epoch", "in_flight", "last", "lots", "record",
        "terms", "unsaid",
    )  # fmt: skip

    def __init__(self, terms: AccountTerms, now: int) -> None:
        self.epoch = 0
        self.in_flight = 0
        self.appetite = Appetite(now)
        self.last = LastAnswer(now)
        self.record = OwnRecord()
        self.unsaid = Unsaid(terms)
        self.take_terms(terms)

    def take_terms(self, terms: AccountTerms) -> None:
        """Its ceilings. Whatever was in hand is not any more."""
        self.terms = terms
        self.axes = tuple({one.axis for one in terms.dimensions if one.axis != CONCURRENCY})
        self.counts_output = terms.counts_output
        self.concurrent = any(one.axis == CONCURRENCY for one in terms.dimensions)
        self.lots = Lots(self.axes)

    def leased(self, lot: Lot, charge: Charge, rank: int, now: int) -> Lease:
        """What was taken from `lot` goes: count it with those that go in the same slot."""
        at = now + lot.ahead
        sends = lot.sends[rank]
        if sends is None or at >= sends.ends:
            sends = self.unsaid.sends(lot, rank, at, charge)
        sends.at = at
        sends.add(charge)
        self.in_flight += 1
        return Lease(self.terms.id, charge, rank, at, granted=charge, sends=sends)

    def give_back(self, lease: Lease, now: int) -> None:
        """It was not sent."""
        self.in_flight -= 1
        sends, granted = lease.sends, lease.granted
        lot = sends.lot
        if lot.epoch != self.epoch:
            self.record.take_out(lease.charge, sends, now)
            return
        self._owe(sends, granted - lease.charge)
        self.record.take_out(granted, sends, now)
        if sends.told:
            self.unsaid.returned((Return(sends.at, granted, sends.rank),))
            return
        sends.take_out(granted)
        if not self.lots.put_back(lot, granted, now):
            self.unsaid.returned((Return(lot.at, granted, lot.rank),))

    def sent(self, lease: Lease, now: int) -> None:
        """It left only now, not when it was taken."""
        sends = lease.sends
        lot = sends.lot
        at = now + lot.ahead
        if at <= lease.at:
            return
        lease.at = at
        if lot.epoch != self.epoch:
            self.record.take_out(lease.charge, sends, now)
            self.record.add(lease.charge, now)
            if not self.last.relearn and not self.unsaid.same_slot(at, sends.at):
                # The ledger that came after was told that it left earlier.
                self.unsaid.settled(self.last.ledger_time(now), lease.charge, lease.rank)
        elif not sends.kept and at < sends.ends:
            sends.at = max(sends.at, at)
        else:
            self._move(lease, at, now)

    def produced(self, lease: Lease, output: int, now: int) -> None:
        """So many tokens of its answer have been written, and are charged where they were."""
        sends = lease.sends
        at, later = now + sends.lot.ahead, output - lease.late
        if later <= 0 or at <= lease.at or self.unsaid.same_slot(at, sends.at):
            return
        requests, input_, held, tokens = lease.charge
        room = min(later, held - lease.late)
        lease.charge = Charge(requests, input_, held + later - room, tokens)
        lease.late = output
        self.record.add(Charge(output=later), now)
        if sends.lot.epoch == self.epoch:
            self._owe(sends, Charge(output=-room))
            self.unsaid.settled(at, Charge(output=later), lease.rank)
        else:  # which was told of all of it as it was sent
            self.record.corrected(sends, Charge(output=-room), now)
            self.unsaid.settled(self.last.ledger_time(now), Charge(output=later), lease.rank)

    def settle(self, lease: Lease, charged: Charge, now: int) -> bool:
        """It has ended, and this is what the provider charged. Whether any of it came back."""
        if self.counts_output:
            self.produced(lease, charged.output, now)
            if charged.output < lease.late:  # what is charged elsewhere is not to be given back here
                charged = replace(charged, output=lease.late)
        held, sends = lease.charge, lease.sends
        lease.charge = charged
        if sends.lot.epoch != self.epoch or not sends.noted:
            return self._correct(sends, charged - held, now)
        requests, input_ = charged.requests - held.requests, charged.input - held.input
        output, tokens = charged.output - held.output, charged.tokens - held.tokens
        sends.more_requests += requests
        sends.more_input += input_
        sends.more_output += output
        sends.more_tokens += tokens
        axes = self.axes
        return (
            requests < 0
            or (input_ < 0 and INPUT in axes)
            or (output < 0 and OUTPUT in axes)
            or (tokens < 0 and TOKENS in axes)
        )

    def fold(self, now: int) -> None:
        """What was sent goes into this worker's own record."""
        for sends, more in self.unsaid.fold(self.axes):
            if not sends.kept:
                urgent = sends.rank <= STOCK_RANK
                self.appetite.took(sends.first, sends.count, sends.at - sends.lot.ahead, urgent=urgent)
            self.record.keep(sends, more, now)

    def _correct(self, sends: Sends, delta: Charge, now: int) -> bool:
        if sends.lot.epoch == self.epoch:
            self._owe(sends, delta)
        elif any(delta[axis] for axis in self.axes):
            self.record.corrected(sends, delta, now)
            # To a ledger that forgot the grant only what adds to it is news.
            positive = [max(0, units) for units in delta]
            if any(positive):
                self.unsaid.settled(self.last.ledger_time(now), positive, sends.rank)
        return any(delta[axis] < 0 for axis in self.axes)

    def _owe(self, sends: Sends, delta: Charge) -> None:
        """So much more is charged for one of them: to be said with the next call."""
        if not sends.noted and any(delta[axis] for axis in self.axes):
            self.unsaid.note(sends)
        sends.owe(delta)

    def _move(self, lease: Lease, at: int, now: int) -> None:
        """It left in a later slot than it was counted in, or after that was closed."""
        sends, granted = lease.sends, lease.granted
        lot = sends.lot
        same_slot = self.unsaid.same_slot(at, sends.at)
        if sends.told and same_slot:
            self.record.take_out(lease.charge, sends, now)
            self.record.add(lease.charge, now)
            return
        more = lease.charge - granted
        self._owe(sends, granted - lease.charge)
        self.record.take_out(granted, sends, now)
        moved = lot.sends[lease.rank]
        if moved is None or at >= moved.ends:
            moved = self.unsaid.sends(lot, lease.rank, at, granted)
        moved.at = at
        lease.sends = moved
        if not sends.told:
            sends.take_out(granted)
        if sends.told or at > lot.at:
            # It is charged too early, and a report cannot move it later.
            back = (sends.at, lease.rank) if sends.told else (lot.at, lot.rank)
            self.unsaid.returned((Return(back[0], granted, back[1]),))
            self._owe(moved, granted)
        else:
            moved.add(granted)
        self._owe(moved, more)
