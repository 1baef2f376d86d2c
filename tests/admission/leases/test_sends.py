"""What goes in one slot is counted together; what leaves late, comes back or costs another sum is named singly."""

from gateway.admission.dimension import Dimension
from gateway.admission.hand import Hand
from gateway.admission.lease import Lease
from gateway.admission.ledger import Report, Return, Settle
from gateway.admission.lots import Lot
from gateway.admission.unsaid import News
from gateway.charge import Charge
from tests.admission.ledgers import terms

AHEAD = 100
SLOT = 125
COST = Charge(1, tokens=10)


def hand() -> Hand:
    made = Hand(terms(Dimension("rpm", 6_000), Dimension("tpm", 600_000)), 0)
    made.lots.add(Lot(3_000, 2_880, AHEAD, made.epoch, [50, 0, 0, 500], 50, 1, True))
    return made


def go(one: Hand, now: int, rank: int = 1) -> Lease:
    lot = one.lots.take(COST, rank, now)
    assert lot is not None
    return one.leased(lot, COST, rank, now)


def say(one: Hand, now: int) -> News:
    one.fold(now)
    return one.unsaid.say()


def recorded(one: Hand, now: int) -> Charge:
    return one.record._leased.total(now)


def test_those_of_one_slot_are_one_report_and_one_settlement() -> None:
    one = hand()
    leases = [go(one, now) for now in (25, 60, 149)] + [go(one, 150)]
    for lease in leases:
        assert one.settle(lease, Charge(1, tokens=7), 160)
    news = say(one, 170)
    assert news.reports == (
        Report(3_000, 249, Charge(3, tokens=30)),
        Report(3_000, 250, Charge(1, tokens=10)),
    )
    assert news.settles == (Settle(249, Charge(tokens=-9), 1), Settle(250, Charge(tokens=-3), 1))
    assert recorded(one, 170) == Charge(4, tokens=28)
    assert not one.unsaid and one.in_flight == 4


def test_what_goes_after_it_was_told_is_told_too() -> None:
    one = hand()
    first = go(one, 30)
    assert say(one, 31).reports == (Report(3_000, 130, COST),)
    second = go(one, 32)
    assert second.sends is not first.sends
    one.settle(first, Charge(1, tokens=30), 33)
    news = say(one, 34)
    assert news.reports == (Report(3_000, 132, COST),)
    assert news.settles == (Settle(130, Charge(tokens=20), 1),)
    assert recorded(one, 34) == Charge(2, tokens=40)


def test_what_was_not_sent_goes_back_into_its_lot_or_is_returned() -> None:
    one = hand()
    kept, back = go(one, 30), go(one, 30)
    one.give_back(back, 31)
    assert one.lots.places == 49
    assert say(one, 40).reports == (Report(3_000, 130, COST),)
    one.give_back(kept, 50)
    assert say(one, 60) == News((), (Return(130, COST, 1),), (), ())
    assert recorded(one, 60) == Charge() and one.in_flight == 0


def test_what_leaves_in_a_later_slot_is_counted_there() -> None:
    one = hand()
    early, late = go(one, 30), go(one, 30)
    one.sent(late, 30 + 2 * SLOT)
    assert say(one, 300).reports == (
        Report(3_000, 130, COST),
        Report(3_000, 130 + 2 * SLOT, COST),
    )
    assert recorded(one, 300) == Charge(2, tokens=20)
    one.settle(early, Charge(1, tokens=5), 310)
    one.sent(early, 30 + 4 * SLOT)  # it was told already, and corrected where it was told
    news = say(one, 600)
    at = 130 + 4 * SLOT
    assert news.returns == (Return(130, COST, 1),)
    assert news.settles == (Settle(at, Charge(1, tokens=5), 1),)
    assert recorded(one, 600) == Charge(2, tokens=15)


def test_what_leaves_after_the_end_of_its_lot_is_charged_where_it_leaves() -> None:
    one = hand()
    lease = go(one, 2_870)
    one.sent(lease, 3_500)
    news = say(one, 3_501)
    assert news.reports == ()
    assert news.returns == (Return(3_000, COST, 1),)
    assert news.settles == (Settle(3_600, COST, 1),)
    assert recorded(one, 3_501) == COST


def test_another_class_pays_for_what_it_takes_of_the_stock() -> None:
    one = hand()
    go(one, 30, rank=3)
    settles = say(one, 40).settles
    assert settles == (Settle(130, Charge(-1, tokens=-10), 1), Settle(130, COST, 3))
