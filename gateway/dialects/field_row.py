"""A row of a dialect's table: one field of its wire format, and what becomes of it.

The rows of what is simple are the code's; all of them are the documentation's. Verdicts are those of wire
reference: M mapped, P passed as it is, S made by us, D dropped with a warning, I left out in silence, R refused.
"""

from collections.abc import Callable
from typing import Literal

from gateway.chat import JsonObject
from gateway.record import Record

Verdict = Literal["M", "P", "S", "D", "I", "R"]


class Row(Record, frozen=True):
    """`field` as the dialect writes it, `noun` where it is in `gateway.chat` ("" where nowhere)."""

    field: str
    verdict: Verdict
    noun: str = ""
    note: str = ""
    #: Reads a top-level field that has no other way in; None: it is read by code.
    read: Callable[[JsonObject, str], object] | None = None
    behind: str = ""  # counts only where this other field is not given
    needs: str = ""  # flag of `Capabilities` without which it is dropped
