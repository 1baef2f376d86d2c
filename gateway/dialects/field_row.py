"""Rows of the dialects' tables: what becomes of each field, for the code and for who reads docs/dialects.md."""

from typing import Literal

from gateway.record import Record

#: Of the wire reference: mapped, passed on, made by us, dropped with a warning, ignored without harm, refused.
Verdict = Literal["M", "P", "S", "D", "I", "R"]


class Row(Record, frozen=True):
    """`field` is the dialect's, with dots down to where it stands; `noun` its counterpart in `gateway.chat`."""

    field: str
    verdict: Verdict
    noun: str = ""
    note: str = ""
