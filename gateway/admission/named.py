"""Whom a batch names to its ledger: tenants who were let go since the last, and those who are next there. Pure."""

from collections.abc import Iterable

from gateway.admission.ledger import Ask, Demand, Served


def named(served: Iterable[Served], heads: Iterable[Ask | Demand]) -> tuple[Served, ...]:
    """`served`, and whoever is among `heads` by name: for the first time or, if the batch is said again, as now.

    What is added to a batch that was booked already adds nothing.
    """
    waits = dict.fromkeys((one.rank, one.tenant) for one in heads if one.tenant)
    found = {(one.rank, one.tenant): one._replace(waits=(one.rank, one.tenant) in waits) for one in served}
    return (*found.values(), *(Served(*who, waits=True) for who in waits if who not in found))
