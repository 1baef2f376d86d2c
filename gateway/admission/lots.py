"""What of a shared ledger this worker has in hand: lots, charged there and not sent yet. Pure; milliseconds.

A lot is an amount that was charged at one moment of the ledger's, where its lease ends. Within a lot units are
alike: a request takes its exact charge from one lot that covers it, the one that ends first. Whatever is let go
of is named as a `Return`, so that nothing charged is forgotten.
"""

from collections.abc import Callable, Sequence

from gateway.admission.classes import RANKS
from gateway.admission.ledger import Return
from gateway.admission.sends import Sends
from gateway.charge import CHARGE_AXES, Charge

#: Of what the account has no ceiling on.
_ENDLESS = 1 << 62


class Lot:
    """`places` requests at most, which add up to `amount` at most, of classes down to `lowest`."""

    __slots__ = (
        "ahead", "at", "epoch", "in_hand", "input", "lowest", "output", "places", "rank", "requests", "sends",
        "stock", "tokens", "until",
    )  # fmt: skip

    def __init__(
        self,
        at: int,
        until: int,
        ahead: int,
        epoch: int,
        amount: Sequence[int],
        places: int,
        rank: int,
        stock: bool,
    ) -> None:
        self.at = at  # where it is charged, by the ledger's clock
        self.until = until  # when it may last be sent, by ours
        self.ahead = ahead  # the ledger's clock less ours, never too small
        self.epoch = epoch
        self.requests, self.input, self.output, self.tokens = amount
        self.places = places
        self.rank = rank  # charged for
        self.stock = stock
        # What the top class is granted may be beyond what others would be: it overdraws the bucket (`pace.py`).
        # Among the others the ledger makes no difference, and who goes first here is the line's to say.
        self.lowest = rank if rank == 0 else RANKS[-1]
        self.in_hand = True
        self.sends: list[Sends | None] = [None] * len(RANKS)  # those that are open, by rank

    def amount(self) -> Charge:
        return Charge(self.requests, self.input, self.output, self.tokens)

    def hold(self, amount: Sequence[int]) -> None:
        self.requests, self.input, self.output, self.tokens = amount


class Lots:
    """Earliest end first. `axes` are those on which the account has a ceiling: of the others there is no end."""

    __slots__ = ("_axes", "_lots", "places")

    def __init__(self, axes: Sequence[int]) -> None:
        self._axes = axes
        self._lots: list[Lot] = []
        self.places = 0  # in all lots, those included whose end has come

    def add(self, lot: Lot) -> None:
        amount = lot.amount()
        lot.hold([amount[axis] if axis in self._axes else _ENDLESS for axis in CHARGE_AXES])
        self.places += lot.places
        self._lots.append(lot)
        self._lots.sort(key=lambda one: one.until)

    def take(self, charge: Charge, rank: int, now: int) -> Lot | None:
        """The lot that `charge` was taken from; None when no single one covers it."""
        requests, input_, output, tokens = charge.requests, charge.input, charge.output, charge.tokens
        for lot in self._lots:
            if (
                lot.places
                and rank <= lot.lowest
                and now < lot.until
                and requests <= lot.requests
                and input_ <= lot.input
                and output <= lot.output
                and tokens <= lot.tokens
            ):
                lot.requests -= requests
                lot.input -= input_
                lot.output -= output
                lot.tokens -= tokens
                lot.places -= 1
                self.places -= 1
                return lot
        return None

    def put_back(self, lot: Lot, charge: Charge, now: int) -> bool:
        """It was not sent after all. False when its lot is no longer in hand: then it is to be returned."""
        if not lot.in_hand or now >= lot.until:
            return False
        lot.hold([units + more for units, more in zip(lot.amount(), charge, strict=True)])
        lot.places += 1
        self.places += 1
        return True

    def covers(self, charge: Charge, rank: int, now: int) -> bool:
        """Whether `take` would find one."""
        return any(
            lot.places
            and rank <= lot.lowest
            and now < lot.until
            and all(map(int.__ge__, lot.amount(), charge))
            for lot in self._lots
        )

    def stock(self, unit: Charge, until: int) -> int:
        """How many of `unit` the stock has room for that is good for longer than `until`."""
        return sum(self._units(lot, unit) for lot in self._lots if lot.stock and lot.until > until)

    def is_used_up(self, lot: Lot, unit: Charge | None) -> bool:
        """Whether what is left in it is of no use to most."""
        return lot.places == 0 if unit is None else self._units(lot, unit) == 0

    def asked(self) -> int:
        """Places that were granted for somebody who waits."""
        return sum(lot.places for lot in self._lots if not lot.stock)

    def amounts(self) -> tuple[int, int, int, int]:
        """By axis, what is in all of them; it means nothing on those without a ceiling."""
        requests = input_ = output = tokens = 0
        for lot in self._lots:
            requests += lot.requests
            input_ += lot.input
            output += lot.output
            tokens += lot.tokens
        return requests, input_, output, tokens

    def by_rank(self) -> dict[int, list[int]]:
        """The same by the class that it is charged for."""
        found: dict[int, list[int]] = {}
        for lot in self._lots:
            if lot.places:
                sums = found.setdefault(lot.rank, [0] * len(CHARGE_AXES))
                sums[:] = map(int.__add__, sums, lot.amount())
        return found

    def until(self) -> int:
        """When the last of them ends; 0 without any."""
        return self._lots[-1].until if self._lots else 0

    def drop(self, which: Callable[[Lot], bool]) -> list[Return]:
        """Let go of those: what is left in them."""
        gone = [lot for lot in self._lots if which(lot)]
        if gone:
            self._lots = [lot for lot in self._lots if not which(lot)]
        for lot in gone:
            lot.in_hand = False
            self.places -= lot.places
        return [back for lot in gone if (back := self._rest(lot)) is not None]

    def keep_stock(self, places: int, lowest: int) -> list[Return]:
        """Of stock only so many places are kept, for classes down to `lowest`; the others are let go of."""
        returns = []
        for lot in reversed(self._lots):  # those that are good for longest
            if not lot.stock or not lot.places:
                continue
            kept = min(places, lot.places)
            places -= kept
            lot.lowest = min(lot.lowest, lowest)
            if kept < lot.places:
                returns += self._shrink(lot, kept)
        return returns

    def _units(self, lot: Lot, unit: Charge) -> int:
        amount = lot.amount()
        return min([lot.places] + [amount[axis] // unit[axis] for axis in self._axes if unit[axis]])

    def _shrink(self, lot: Lot, kept: int) -> list[Return]:
        before = lot.amount()
        remaining = [units * kept // lot.places for units in before]
        lot.hold([whole - part for whole, part in zip(before, remaining, strict=True)])
        back = self._rest(lot)
        self.places -= lot.places - kept
        lot.hold([remaining[axis] if axis in self._axes else _ENDLESS for axis in range(len(remaining))])
        lot.places = kept
        return [] if back is None else [back]

    def _rest(self, lot: Lot) -> Return | None:
        amount = lot.amount()
        left = [amount[axis] if axis in self._axes else 0 for axis in CHARGE_AXES]
        return Return(lot.at, Charge(*left), lot.rank) if any(left) else None
