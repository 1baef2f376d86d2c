"""Bookkeeping of one worker: what is in hand, and what the ledger must be told of it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import Observation, Return
from gateway.admission.lots import Lot, Lots
from gateway.admission.unsaid import ROWS_MAX, Unsaid
from gateway.charge import Charge
from tests.admission.ledgers import terms

AXES = (0, 3)


def lot(until: int, places: int, tokens: int, rank: int = 1, *, stock: bool = True) -> Lot:
    return Lot(until + 100, until, 100, 7, [places, 0, 0, tokens], places, rank, stock)


def lots(*some: Lot) -> Lots:
    made = Lots(AXES)
    for one in some:
        made.add(one)
    return made


def test_what_ends_first_goes_first_and_one_lot_must_cover_it() -> None:
    late, early = lot(900, 2, 100), lot(500, 2, 30)
    hand = lots(late, early)
    assert hand.take(Charge(1, 999, 999, 30), 2, 0) is early  # there is no ceiling on the axes between
    assert hand.take(Charge(1, tokens=10), 2, 0) is late
    assert hand.take(Charge(1, tokens=91), 2, 0) is None
    assert hand.take(Charge(1, tokens=90), 2, 0) is late
    assert hand.take(Charge(1), 2, 499) is early
    assert hand.take(Charge(1), 2, 0) is None and hand.places == 0


def test_nothing_is_sent_after_its_end() -> None:
    hand = lots(lot(500, 1, 10))
    assert hand.take(Charge(1), 0, 500) is None and not hand.covers(Charge(1), 0, 500)
    assert hand.covers(Charge(1), 0, 499) and hand.take(Charge(1), 0, 499) is not None


def test_what_the_top_class_was_granted_serves_no_other() -> None:
    hand = lots(lot(500, 1, 10, rank=0, stock=False))
    assert hand.take(Charge(1), 1, 0) is None and not hand.covers(Charge(1), 1, 0)
    assert hand.take(Charge(1), 0, 0) is not None
    other = lots(lot(500, 1, 10, rank=1, stock=False))
    assert other.take(Charge(1), 4, 0) is not None


def test_what_comes_back_may_go_again_while_its_lot_is_in_hand() -> None:
    one = lot(500, 1, 10)
    hand = lots(one)
    charge = Charge(1, tokens=10)
    assert hand.take(charge, 1, 0) and hand.put_back(one, charge, 10) and hand.take(charge, 1, 20)
    assert not hand.put_back(one, charge, 500)
    hand.drop(lambda _: True)
    assert not hand.put_back(one, charge, 10)


@given(
    places=st.integers(1, 64),
    tokens=st.integers(0, 9_999),
    taken=st.lists(st.integers(0, 300), max_size=20),
    kept=st.integers(0, 70),
)
def test_whatever_is_let_go_of_is_named(places: int, tokens: int, taken: list[int], kept: int) -> None:
    hand = lots(lot(500, places, tokens), lot(900, places, tokens))
    gone = [units for units in taken if hand.take(Charge(1, tokens=units), 1, 0)]
    returns = hand.keep_stock(kept, 1)
    assert hand.places == min(kept, 2 * places - len(gone))
    returns += hand.drop(lambda _: True)
    assert sum(one.charge.requests for one in returns) == 2 * places - len(gone)
    assert sum(one.charge.tokens for one in returns) == 2 * tokens - sum(gone)


def test_many_rows_go_with_several_batches_and_nothing_twice() -> None:
    unsaid = Unsaid(terms(Dimension("rpm", 10)))
    for at in range(3 * ROWS_MAX):
        unsaid.settled(at * 1_000, (1, 0, 0, 0), at % 5)
        unsaid.returned((Return(at * 1_000, Charge(1), 0),))
    assert unsaid.many
    said = [unsaid.say() for _ in range(3)]
    assert [len(one.settles) for one in said] == [len(one.returns) for one in said] == [ROWS_MAX] * 3
    assert not unsaid and not unsaid.many


def test_one_slot_is_one_row() -> None:
    unsaid = Unsaid(terms(Dimension("rpm", 10)))
    for at in (1_000, 1_124, 1_060):
        unsaid.settled(at, (0, 0, 0, -5), 1)
    unsaid.settled(1_125, (0, 0, 0, 4), 1)
    assert [(one.at, one.delta.tokens) for one in unsaid.say().settles] == [(1_124, -15), (1_125, 4)]
    fine = Unsaid(terms(Dimension("rpm", 600, burst_s=1.0)))
    fine.settled(1_000, (1, 0, 0, 0), 1)
    fine.settled(1_010, (1, 0, 0, 0), 1)
    assert len(fine.say().settles) == 2


def test_the_latest_word_stands_and_no_block_is_lost() -> None:
    unsaid = Unsaid(terms(Dimension("rpm", 10)))
    unsaid.observed(Observation("rpm", limit=9, remaining=4, blocked_ms=700, unexpected=True))
    unsaid.observed(Observation("rpm", remaining=3))
    unsaid.observed(Observation("tpm", remaining=2))
    assert unsaid.say().observations == (Observation("rpm", 9, 3, 700, True), Observation("tpm", remaining=2))
