"""What goes to the database of what is in the spool: the same text, however it was read."""

import os
from pathlib import Path

from budgets.flush_batch import FlushBatch, flush_batch
from budgets.spool.journal import Journal
from budgets.spool.record import Correct, Intent, Kind, said_in
from budgets.spool.replay import unknown
from budgets.spool.tail import Tail
from tests.budgets.entries import intent, settle, void


def test_settlements_and_corrections_go_as_they_stand_in_the_spool(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1)
    said = [intent(1), settle(intent(1)), intent(2), void(intent(2)), Correct(intent(1), 1, -20, "bill")]
    for one in said:
        (journal.begin if isinstance(one, Intent) else journal.resolve)(one)
    batch = FlushBatch.of(Tail(tmp_path, 1).take(9).records)
    assert batch == flush_batch([settle(intent(1)), Correct(intent(1), 1, -20, "bill")])
    assert (len(batch.settled), len(batch.corrected), len(batch)) == (1, 1, 2)
    assert said_in(Kind.CORRECT, batch.corrected[0].encode()) == said[-1]
    journal.close()
    for file in journal.closing:
        os.close(file)


def test_the_character_that_postgres_cannot_hold_is_replaced() -> None:
    odd = unknown(Intent("request\x00", 1, 0, 5, model="a\x00b"))
    (said,) = flush_batch([odd]).settled
    assert "\\u0000" not in said and "a\\ufffdb" in said


def test_nothing() -> None:
    assert not len(flush_batch([]))
