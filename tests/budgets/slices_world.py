"""A worker's slices and the books in memory, which meet when a test says so."""

from budgets.slices import Exhausted, Reserved, Short, Slices
from tests.budgets.books import Books

NOW = 1_700_000_000.0


def said(decided: Reserved | Short | Exhausted) -> str:
    return type(decided).__name__


def meet(books: Books, holder: str, slices: Slices, now: float = NOW) -> None:
    slices.hear(books.exchange(holder, slices.wants(now)))
