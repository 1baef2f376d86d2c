"""What an account was charged and still counts, as it is kept for a process that comes after. Pure; milliseconds.

Windows with the times of their slots, and the counts of days. Sub-windows follow from the windows; places in flight
ended with the process; what the provider said of its ceilings it will say again. Whatever is kept is taken over as
charged where it was, never earlier: `taken_over` brings it to the clock of the new process, on which it is a charge
like those of a ledger that relearns (`AccountModel.learn`).
"""

from collections.abc import Sequence
from typing import Annotated

from gateway.admission.account_model import AccountModel
from gateway.admission.dimension import WINDOW_MS
from gateway.admission.window import LEASE_MS_MAX, jitter_ms, slot_ms
from gateway.charge import CHARGE_AXES, Charge
from gateway.record import Meta, Record, replace

_SLOT_MS = slot_ms(WINDOW_MS)
_HELD_MS = WINDOW_MS + jitter_ms(WINDOW_MS)
#: No day is longer: clocks are put back by an hour.
_DAY_MS_MAX = 25 * 3_600_000

_Units = Annotated[int, Meta(ge=0, le=1 << 48)]
_Moment = Annotated[int, Meta(ge=-(1 << 48), le=1 << 48)]
_SLOTS_MAX = (_HELD_MS + LEASE_MS_MAX) // _SLOT_MS + 3


class ChargedRate(Record, frozen=True, array_like=True):
    """One window. Its slots are without gaps, the oldest first."""

    axis: Annotated[int, Meta(ge=0, lt=len(CHARGE_AXES))]
    end: _Moment  # the last moment of the newest slot
    units: Annotated[Sequence[_Units], Meta(max_length=_SLOTS_MAX)]


class ChargedDay(Record, frozen=True, array_like=True):
    """Requests of one day, which is named by a moment in its middle: a clock that went wrong by less is no harm."""

    noon: _Moment
    used: _Units


class Checkpoint(Record, frozen=True, array_like=True):
    """One account. Its times are those of the ledger that wrote it."""

    account: str
    rates: Annotated[Sequence[ChargedRate], Meta(max_length=len(CHARGE_AXES))]
    days: Annotated[Sequence[ChargedDay], Meta(max_length=4)]


def checkpoint(id_: str, model: AccountModel, now: int) -> Checkpoint | None:
    """What counts there; None where nothing does. After `touch`."""
    rates = [ChargedRate(rate.axis, *rate.window.charged()) for rate in model.rates if rate.window.used]
    days = [ChargedDay(noon, used) for day in model.days for noon, used in day.counted(now)]
    return Checkpoint(id_, rates, days) if rates or days else None


def still_counting(kept: Checkpoint, now: int) -> Checkpoint | None:
    """The same of an account that nobody has opened: without what has left meanwhile."""
    rates = [one for one in kept.rates if one.end + _HELD_MS >= now]
    days = [one for one in kept.days if one.noon + _DAY_MS_MAX > now]
    if len(rates) == len(kept.rates) and len(days) == len(kept.days):
        return kept
    return replace(kept, rates=rates, days=days) if rates or days else None


def taken_over(kept: Checkpoint, written: int, elapsed_ms: int, now: int) -> Checkpoint:
    """`kept` on the clock of another ledger: it was written when the old one read `written`, `elapsed_ms` ago.

    Where that is negative the clock was set back, and how long ago it was nobody knows: it counts as written now,
    and what it says of a day as said of today.
    """
    shift = now - max(0, elapsed_ms) - written
    rates = [replace(one, end=min(one.end + shift, now + LEASE_MS_MAX)) for one in kept.rates]
    days = [replace(one, noon=now if elapsed_ms < 0 else one.noon + shift) for one in kept.days]
    return replace(kept, rates=rates, days=days)


def learn(model: AccountModel, kept: Checkpoint, now: int) -> None:
    """Charge what was taken over. After `touch`: what has left by then is not charged."""
    for rate in kept.rates:
        at = rate.end - _SLOT_MS * (len(rate.units) - 1)
        for units in rate.units:
            if units:
                amounts = [0] * len(CHARGE_AXES)
                amounts[rate.axis] = units
                model.learn(Charge(*amounts), at)
            at += _SLOT_MS
    for day in kept.days:
        if day.noon + _DAY_MS_MAX > now:
            model.learn_day(day.used, min(day.noon, now + LEASE_MS_MAX))
