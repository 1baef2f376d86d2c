"""When stock is asked for: never again and again for nothing."""

from gateway.admission.appetite import Appetite
from gateway.admission.last_answer import LastAnswer
from gateway.admission.stock import Stock
from gateway.charge import Charge

ONE = Charge(1, 100, 100, 200)


def test_what_was_low_for_a_rush_is_not_due_for_ever_when_the_rush_is_over() -> None:
    appetite, last, now = Appetite(0), LastAnswer(0), 1000
    stock = Stock(appetite, 0)
    appetite.took(ONE, 1000, now, urgent=False)
    appetite.measure(now)
    asked = stock.ask(0, 0, last, now)
    assert asked is not None
    stock.heard(asked, asked.units, last, now)
    in_hand = stock.low
    assert in_hand > 10
    now += 8000
    appetite.measure(now)
    assert stock.is_low(in_hand, now) and stock.due <= now
    assert stock.ask(in_hand, 0, last, now) is None
    assert stock.due > now
    assert stock.ask(0, 0, last, stock.due) is not None, "nor is it forgotten"
