"""Whether a way is open to a request: by its own health, and by what else the request has.

    sound     in service, and the last that is known of it is an answer
    rising    the same, on the ramp that follows an ejection
    doubted   in service, but what ended last there had failed, or its credential was refused once
    ejected   left out for its health (`Health.ejected`)
    shut      left out for its quota, its model or its credential

Of the ways that a request has left, the best are open to it: where nothing is better, even what is left out, as a
last resort (Envoy's panic mode, whose threshold is "none" here). What is worse than the best it has does not serve
it, but may be tried with it, to find out whether it answers again: when its state lets a probe start, and while the
budget of attempts could make good each of those that are under way at such ways. So as long as anything is sound,
who meets a failure can go on; and what is sound is waited for, rather than what fails asked because it has room.
"""

from collections.abc import Sequence
from math import inf

from gateway.admission.candidate import AccountT, Candidate
from gateway.admission.health import Health
from gateway.admission.retry_budget import RetryBudget

SOUND, RISING, DOUBTED, EJECTED, SHUT = range(5)
#: When to look again at what hangs on an event that nobody is told of: a probe, or the budget of attempts.
LOOK_AGAIN_S = 1.0

Ways = Sequence[Candidate[AccountT]]


def grade(health: Health) -> int:
    """How good a way of that health is, the best first."""
    if health.state != "healthy":
        return EJECTED if health.ejected else SHUT
    if health.streak or health.credential.doubted:
        return DOUBTED
    return SOUND if health.open or not health.recovering else RISING


def starts_at(health: Health, rank: int, now: float) -> float:
    """When a key's own health lets a request of class `rank` start; infinite: when a person has mended it.

    While it is being probed nobody knows: then when to look again.
    """
    return now + LOOK_AGAIN_S if health.is_probed else health.opens_at(rank)


def opens_at(
    one: Candidate[AccountT], ways: Ways[AccountT], rank: int, now: float, retries: RetryBudget
) -> float:
    """When `one` opens to a request of class `rank` that may go those `ways`; infinite where nobody knows.

    Nobody knows when what is ejected is well again: of it no more is said than that a probe may start now.
    """
    health = one.health
    if health.open and not health.doubted:
        return 0.0
    own, best = grade(health), min(grade(way.health) for way in ways)
    if own == best and (health.ejected or health.recovering):  # neither probe nor ramp is for them
        return health.rests_until
    at = starts_at(health, rank, now)
    if own in (best, RISING):
        return at
    is_paid = _would_be_made_good(ways, now, retries)
    if own == EJECTED:
        return at if is_paid and at <= now else inf
    return at if is_paid else max(at, now + max(retries.frees_in(now), LOOK_AGAIN_S))


def look_at(
    one: Candidate[AccountT], ways: Ways[AccountT], rank: int, now: float, retries: RetryBudget
) -> float:
    """When it is time to see whether it is open: no later than it is, as far as that hangs on time alone."""
    at = opens_at(one, ways, rank, now, retries)
    if at <= now or one.health.state == "invalid":
        return at
    own = starts_at(one.health, rank, now)
    return min(at, own if own > now else now + LOOK_AGAIN_S)


def _would_be_made_good(ways: Ways[AccountT], now: float, retries: RetryBudget) -> bool:
    """Whether, if one more fails and all that are tried now, each of them could go elsewhere."""
    tried = 0
    for way in ways:
        own = grade(way.health)
        if own == DOUBTED:
            tried += way.account.in_flight
        elif own > DOUBTED:
            tried += way.health.is_probed
    return retries.left(now) > tried
