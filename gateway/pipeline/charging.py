"""What an exchange would be charged by each way it may go: the provider's rule, on the estimate for that model."""

from gateway.charge import Charge, Estimate
from gateway.pipeline.account import Account
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.in_parts import reads_in, requests_in
from gateway.pipeline.router import Way
from gateway.pipeline.ticket import Ticket
from gateway.record import replace

#: What names no model is not counted against a model's ceilings.
NOTHING = Charge()


class Charging:
    """Charges at the start, worked out once for a ticket and way."""

    __slots__ = ("_estimator",)

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator

    def of(self, ticket: Ticket, way: Way) -> Charge:
        for known, charge in ticket.charges:
            if known is way:
                return charge
        charge = self._worked_out(ticket, way)
        ticket.charges = (*ticket.charges, (way, charge))
        return charge

    def _worked_out(self, ticket: Ticket, way: Way) -> Charge:
        exchange, target, candidates = ticket.exchange, way.target, ticket.candidates
        route, account, asked = candidates.route, way.account, exchange.endpoint
        if target is None or route is None:
            return NOTHING
        made_of = exchange.sizing.makeup()
        if target is candidates.first_target or target == candidates.first_target:
            estimate = exchange.sizing.estimate()
        else:
            assert exchange.tenant_key is not None
            tenant = exchange.tenant_key.tenant.id
            estimate = self._estimator.estimate(made_of, tenant, route.label, target.model)
        several = made_of.choices > 1 or made_of.texts > 1
        if several:
            estimate = estimate.read(reads_in(asked, target, made_of))
        charge = account.adapter.at_start(estimate)
        if charge.tokens > account.least_tokens or charge.input + charge.output > account.least_tokens:
            charge = _within(account, estimate, charge)
        if several:
            charge = replace(charge, requests=charge.requests * requests_in(asked, target, made_of))
        return charge


def _within(account: Account, estimate: Estimate, charge: Charge) -> Charge:
    """`charge`, or no more than fits a ceiling, where only what is feared or assumed is more than that.

    Else a small key would refuse such requests for ever, and never learn that they are smaller.
    """
    assumed = 0 if estimate.output_max is None else estimate.output
    sure = account.adapter.at_start(replace(estimate, input_upper=estimate.input, output=assumed))
    limits = account.limits
    if any(map(int.__gt__, sure, limits)):
        return charge
    return Charge(*map(min, charge, limits))
