"""A route's local model, to which requests overflow: what runs and waits there, whether it serves, whom it suits.

A local model that is away is no way out: its key's health says so, or the breaker of its account.
"""

from collections.abc import Sequence
from math import inf

from gateway.admission.classes import RANKS
from gateway.admission.line import Line
from gateway.admission.overflow import NO_KEY, LocalModel
from gateway.exchange import Exchange
from gateway.pipeline.account import Account
from gateway.pipeline.outlook import key_opens_in
from gateway.pipeline.router import Way
from gateway.settings.model_facts import context_of
from gateway.settings.shipped_models import Flags

#: Without a configured concurrency nothing says when it is full; the model's own server will.
_UNBOUNDED = 1 << 30


def local_model(ways: Sequence[Way], line: Line, waiting_max: int) -> LocalModel:
    """The local target as it is now, by those of its ways that serve."""
    return LocalModel(
        sum(way.account.in_flight for way in ways),
        sum(places(way.account) for way in ways),
        max((line.waiting_at(way.account.id) for way in ways), default=0),
        waiting_max,
    )


def places(account: Account) -> int:
    """How many may run there at once."""
    return next((one.limit for one in account.terms.dimensions if one.name == "concurrency"), _UNBOUNDED)


def free_in(account: Account, line: Line) -> float:
    """Seconds until one more has its turn there, by how long requests take and who waits in this worker's line."""
    ahead = account.in_flight + line.waiting_at(account.id) + 1 - places(account)
    return max(0, ahead) * account.seconds / places(account) if places(account) > 0 else inf


def serves(way: Way, reason: str, rank: int, patience_s: float, now: float) -> bool:
    """Whether one who overflows for that reason may hope for it.

    Who could wait for a better model only goes where nothing is wrong; who could not takes what there is, but what
    was left out for its health only when it is time to try it.
    """
    if reason == NO_KEY and way.health.ejected:
        return key_opens_in(way, RANKS[-1], now) == 0.0
    opens_in = key_opens_in(way, rank, now)
    if reason == NO_KEY:
        return opens_in <= patience_s
    return opens_in == 0.0 and way.account.breaker.closed


def may_try(way: Way, rank: int, now: float) -> bool:
    """Whether it is time to see if one that failed answers again."""
    account = way.account
    return key_opens_in(way, rank, now) == 0.0 and account.breaker.opens_in(account.in_flight, now) == 0.0


def suits(exchange: Exchange, flags: Flags) -> bool:
    """Whether the model can do what is asked and has the context for prompt and answer, as far as that is known."""
    if not flags:
        return True
    if any(flags.get(need) is False for need in exchange.sizing.needs()):
        return False
    context = context_of(flags)
    if context is None:
        return True
    estimate = exchange.sizing.estimate()
    return estimate.input_upper + (estimate.output_max or estimate.output) <= context
