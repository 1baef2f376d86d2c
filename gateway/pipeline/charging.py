"""What an exchange would be charged by each way it may go: the provider's rule, on the estimate for that model."""

from math import ceil

from gateway.charge import Charge, Estimate
from gateway.dialects.passage import passage
from gateway.pipeline.account import Account
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.model_can import model_can
from gateway.pipeline.router import Candidates, Way
from gateway.pipeline.ticket import Ticket
from gateway.record import replace
from gateway.settings.snapshot import Target

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
        route, account = candidates.route, way.account
        if target is None or route is None:
            return NOTHING
        if target is candidates.first_target:
            estimate = exchange.sizing.estimate()
        else:
            assert exchange.tenant_key is not None
            tenant, made_of = exchange.tenant_key.tenant.id, exchange.sizing.makeup()
            estimate = self._estimator.estimate(made_of, tenant, route.label, target.model)
        charge = account.adapter.at_start(estimate)
        texts = exchange.sizing.makeup().texts
        if charge.tokens > account.least_tokens or charge.input + charge.output > account.least_tokens:
            charge = _within(account, estimate, charge)
        return charge if texts == 1 else _in_parts(candidates, target, charge, texts)


def _in_parts(candidates: Candidates, target: Target, charge: Charge, texts: int) -> Charge:
    """`charge` with as many requests as it takes to have so many texts embedded there."""
    if candidates.asked is None:
        return charge
    provider = target.provider
    way = passage(candidates.asked[2], provider.dialect, provider.apis, model_can(target.facts))
    most = 0 if way is None else way.texts_max
    if not most:
        return charge
    return replace(charge, requests=charge.requests * ceil(texts / most))


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
