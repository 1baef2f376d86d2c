"""Who is looked at first of those who wait and may overflow."""

from gateway.admission.item import Item
from gateway.admission.least_slack import LeastSlack
from tests.admission.parts import item


def test_worst_off_first_and_who_left_is_not_met() -> None:
    waiting: dict[str, Item] = {}
    order = LeastSlack(waiting.get)
    for number, late_from in enumerate((5.0, 1.0, 3.0, 3.0)):
        one = waiting[str(number)] = item(str(number), order=number)
        order.add(one, late_from)
    assert order.next() == 1.0
    del waiting["1"]
    assert order.next() == 3.0
    assert [one.id for one in order.take(2)] == ["2", "3"]
    waiting["0"] = item("0", order=9)  # it came back: another one by the same name
    assert (order.take(2), order.next()) == ([], None)


def test_what_left_is_forgotten() -> None:
    waiting: dict[str, Item] = {}
    order = LeastSlack(waiting.get)
    for number in range(10_000):
        one = item("only", order=number)
        waiting["only"] = one
        order.add(one, float(-number))
    assert len(order._heap) <= 128
