"""What of an account is taken from its model at once, to be given out piece by piece while there is plenty. Pure.

Every window counts in slots of an eighth of a second. So what goes within one slot may be charged together, at the
slot's end (later than any of it is sent), and what is left is given back: the model stays the truth, and is asked
once a slot in place of twice a request. That is a lease to ourselves (reference §2.4), and by the same proof no
window is ever over its ceiling. Where room is short nothing is allotted: there every request is looked at.
"""

from gateway.admission.account_model import NO_HOLD, AccountModel
from gateway.admission.window import slot_ms
from gateway.charge import Charge

_LASTS_MS = slot_ms(60_000)
#: Fuller than this there is no plenty, and no more than this part of what is free is taken at once.
_PLENTY_PERCENT = 70
_PART_OF_FREE = 10
_REQUESTS_MAX = 256
_NO_PLACES = 1 << 30


class Allotment:
    """Of one account. `until` is its end, and where it is charged; 0: there is none."""

    __slots__ = ("_late", "_model", "_opened", "_owner", "_rank", "input", "output", "places", "requests",
                 "tokens", "until")  # fmt: skip

    def __init__(self, model: AccountModel, owner: str) -> None:
        self._model = model
        self._owner = owner
        self._late: dict[int, list[int]] = {}
        self._rank = 0
        self._opened = 1  # requests it was made for, the last time
        self.until = 0
        self.requests = self.input = self.output = self.tokens = self.places = 0

    def open(self, charge: Charge, rank: int, now: int) -> bool:
        """Take as much as many requests like this one need. After `close`; False where there is no plenty."""
        model = self._model
        count = min(2 * self._opened + 1, _REQUESTS_MAX, self._spare(charge, now))
        if count < 2:
            self._opened = 1
            return False
        whole = Charge(*(amount * count for amount in charge))
        at = now + _LASTS_MS
        if not model.fits(whole, rank, NO_HOLD, now, at):
            return False
        model.commit(whole, rank, at, self._owner)
        self.requests, self.input, self.output, self.tokens = whole
        self.places = _NO_PLACES
        if model.concurrency is not None:
            model.concurrency.add(self._owner, count - 1)
            self.places = count
        self._rank, self._opened, self.until = rank, count, at
        return True

    def take(self, charge: Charge) -> bool:
        """A place for one request, while `until` has not passed."""
        requests, input_ = self.requests - charge.requests, self.input - charge.input
        output, tokens = self.output - charge.output, self.tokens - charge.tokens
        if requests < 0 or input_ < 0 or output < 0 or tokens < 0 or not self.places:
            return False
        self.requests = requests
        self.input = input_
        self.output = output
        self.tokens = tokens
        self.places -= 1
        return True

    def settle(self, held: Charge, charged: Charge, at: int) -> bool:
        """One ended while it lasts, charged no more than was held; False: more, which cannot wait."""
        requests, input_ = held.requests - charged.requests, held.input - charged.input
        output, tokens = held.output - charged.output, held.tokens - charged.tokens
        if requests < 0 or input_ < 0 or output < 0 or tokens < 0:
            return False
        if at == self.until:
            self.places += 1
            self.requests += requests
            self.input += input_
            self.output += output
            self.tokens += tokens
            return True
        if charged.output and self._model.counts_output:
            # It was written since: charged here, and not there.
            if charged.output > self.output:
                return False
            self.output -= charged.output
            output = held.output
        self.places += 1
        if requests or input_ or output or tokens:
            late = self._late.get(at)
            if late is None:
                late = self._late[at] = [0, 0, 0, 0]
            late[0] += requests
            late[1] += input_
            late[2] += output
            late[3] += tokens
        return True

    def close(self, now: int) -> None:
        """Give back what is left, and what of earlier ones was not charged after all."""
        if not self.until:
            return
        model = self._model
        self._opened = max(1, self._opened - self.requests)
        model.touch(now)
        model.give_back(Charge(self.requests, self.input, self.output, self.tokens), self._rank, self.until)
        if model.concurrency is not None:
            model.concurrency.add(self._owner, -self.places)
        for at, late in self._late.items():
            model.give_back(Charge(*late), self._rank, at)
        self._late.clear()
        self.until = 0
        self.requests = self.input = self.output = self.tokens = self.places = 0

    def unused(self) -> tuple[int, int, int, int, int]:
        """By axis, what the model counts as used and is not."""
        requests, input_, output, tokens = self.requests, self.input, self.output, self.tokens
        for late in self._late.values():
            requests += late[0]
            input_ += late[1]
            output += late[2]
            tokens += late[3]
        places = self.places if self.until and self._model.concurrency is not None else 0
        return requests, input_, output, tokens, places

    def _spare(self, charge: Charge, now: int) -> int:
        """How many such requests are a small part of what is free; 0 where any dimension is short."""
        count = _REQUESTS_MAX
        model = self._model
        for rate in model.rates:
            units = charge[rate.axis]
            if units:
                count = min(count, rate.plenty(_PLENTY_PERCENT) // (_PART_OF_FREE * units))
        for day in model.days:
            if units := charge[day.axis]:
                count = min(count, (day.ceiling.limit - day.used(now)) // (_PART_OF_FREE * units))
        places = model.concurrency
        if places is not None:
            count = min(count, (places.ceiling.limit - places.in_use) // _PART_OF_FREE)
        return count
