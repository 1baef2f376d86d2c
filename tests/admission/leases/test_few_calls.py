"""How often the ledger is asked: not for nothing."""

from gateway.admission.dimension import Dimension
from gateway.charge import Charge
from tests.admission.leases.fleet import Fleet
from tests.admission.ledgers import terms

CONVERSATION = 1


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
