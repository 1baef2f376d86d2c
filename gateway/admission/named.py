"""Whom a batch names to its ledger: tenants who were let go since the last, and those who are asked for. Pure."""

from collections.abc import Iterable

from gateway.admission.ledger import Ask, Served


def named(served: Iterable[Served], asks: Iterable[Ask]) -> tuple[Served, ...]:
    """`served`, and by name everyone among `asks`: for the first time or, if the batch is said again, as it is now.

    What is added to a batch that was booked already adds nothing.
    """
    waits = dict.fromkeys((ask.rank, ask.tenant) for ask in asks if ask.tenant)
    found = {(one.rank, one.tenant): one._replace(waits=(one.rank, one.tenant) in waits) for one in served}
    return (*found.values(), *(Served(*who, waits=True) for who in waits if who not in found))
