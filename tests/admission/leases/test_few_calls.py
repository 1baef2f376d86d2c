"""How often the ledger is asked where all wait: about when it has room for them, and not for nothing."""

from gateway.admission.dimension import Dimension
from gateway.charge import Charge
from tests.admission.leases.fleet import ONE, Fleet
from tests.admission.ledgers import terms

CONVERSATION, HUMAN = 1, 2


async def backlogged(size: int, limit: int = 400) -> Fleet:
    """Workers with more than they can send in the time of a test, who came in turn."""
    fleet = Fleet(terms(Dimension("rpm", limit)), size)
    for _ in range(limit):
        for line in fleet.lines:
            line.arrive(ONE, HUMAN)
            await fleet.passes(0.002)
    return fleet


async def test_each_is_told_its_turn_and_asks_again_then() -> None:
    fleet = await backlogged(4)
    await fleet.passes(70.0)
    sent, calls = len(fleet.sent), fleet.calls
    await fleet.passes(20.0)
    sent, calls = len(fleet.sent) - sent, fleet.calls - calls
    assert sent > 120
    assert calls < 4.5 * sent
    await fleet.aclose()


async def test_what_comes_back_where_nothing_limits_it_is_no_reason_to_ask() -> None:
    """Fewer tokens than were held, where only requests are counted."""
    fleet = Fleet(terms(Dimension("rpm", 1)), 1)
    (line,) = fleet.lines
    line.took_s = None
    for _ in range(2):
        line.arrive(Charge(1, 100, 100), CONVERSATION)
    await fleet.passes(2.0)
    (grant,) = line.under_way
    await fleet.passes(0.03)
    calls = fleet.calls
    line.end(grant, Charge(1, 10, 10))
    await fleet.passes(0.03)
    assert fleet.calls == calls
    await fleet.aclose()
