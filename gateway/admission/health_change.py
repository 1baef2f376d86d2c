"""What a key's health can be, what changes it, and the record of a change."""

from typing import Literal, get_args

from gateway.record import Record

#: From the worst on.
State = Literal["invalid", "quota", "barred", "cooling", "probing", "healthy"]
STATES: tuple[State, ...] = get_args(State)
#: What a failed attempt says of the key (`reference/admission.md` §1.4). `rate` and `capacity` say nothing.
Kind = Literal["rate", "capacity", "quota", "model", "credential", "ramp", "health"]


class Change(Record, frozen=True):
    """One line of a key's history. Times are monotonic seconds; `until` is 0.0 where there is no end."""

    at: float
    before: State
    after: State
    reason: str
    until: float = 0.0
