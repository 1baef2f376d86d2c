"""What waits besides the requests that were asked for by name, for the ledger's row of this worker."""

from collections.abc import Iterable, Sequence

from gateway.admission.item import Work
from gateway.charge import Charge


def rest_of(works: Iterable[tuple[Work, int]], asked: Sequence[Charge]) -> tuple[int, Charge, Charge]:
    """How many, their charges together, and a typical one, of `works` without those asked for.

    With each work the number of accounts that share it: each of them has its part.
    """
    count, amounts = 0.0, [0.0, 0.0, 0.0, 0.0]
    for work, shared_by in works:
        count += work.count / shared_by
        for axis, amount in enumerate((work.requests, work.input, work.output, work.tokens)):
            amounts[axis] += amount / shared_by
    left = round(count) - len(asked)
    if left <= 0:
        return 0, Charge(), Charge()
    rest = [max(0, round(amount) - sum(one[axis] for one in asked)) for axis, amount in enumerate(amounts)]
    return left, Charge(*rest), Charge(*(amount // left for amount in rest))
