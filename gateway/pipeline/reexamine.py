"""Who waits in line when the configuration changes: whoever may now go other ways, or has lost some, looks again.

They are taken out of the line and go back into it by themselves, before others of their lane, once there is money
for where they may go now. Who has no way left is told why.
"""

from gateway.admission.line import Line
from gateway.admission.overflow import NO_MONEY
from gateway.errors import GatewayError
from gateway.pipeline.router import Candidates, Router
from gateway.pipeline.ticket import Ticket, ticket_of
from gateway.pipeline.work import Work


class LookAgainError(Exception):
    """Not an error to anybody: there are other candidates for what waits."""

    def __init__(self, candidates: Candidates) -> None:
        super().__init__()
        self.candidates = candidates


def reexamine(line: Line, router: Router) -> int:
    """After the router got its new snapshot; how many were moved or told."""
    found: dict[int, Candidates | GatewayError | None] = {}
    moved = 0
    for item in line:
        ticket = ticket_of(item)
        assert ticket.future is not None
        before = ticket.candidates
        if id(before) not in found:
            found[id(before)] = _renewed(router, before)
        after = found[id(before)]
        if after is None or ticket.future.done():
            continue
        ticket.future.set_exception(after if isinstance(after, GatewayError) else LookAgainError(after))
        moved += 1
    return moved


async def look_again(ticket: Ticket, candidates: Candidates, work: Work) -> None:
    """It may go these ways now, those of them that there is money for. Raises GatewayError when there is none."""
    purse = ticket.exchange.purse
    ticket.look_again(candidates if purse is None else await purse.follow(candidates))
    await fit(work, ticket.candidates)
    if purse is not None and purse.overflows:
        ticket.overflow(NO_MONEY)


async def fit(work: Work, candidates: Candidates) -> None:
    """Make work ready for candidates that it was not made for. Raises GatewayError where it cannot be."""
    if work.fit is not None:
        before = work.before
        work.fit(work, candidates)
        if work.before is not None and work.before is not before:
            await work.before()


def _renewed(router: Router, before: Candidates) -> Candidates | GatewayError | None:
    """None where nothing changed."""
    try:
        after = router.renewed(before)
    except GatewayError as error:
        return error
    return None if after is before else after
