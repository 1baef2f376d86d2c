"""Why a request does not wait, or no longer: each reason as its caller's error (wire reference §1.4)."""

from math import inf, isfinite

from gateway.admission.dimension import CONCURRENCY, AccountTerms
from gateway.admission.item import OVERLOAD, Item, Refused
from gateway.admission.ledger_loss import PROBE_MS_MAX
from gateway.admission.line import RETRY_MAX_S
from gateway.charge import Charge
from gateway.errors import (
    CANCELLED_BY_ADMIN,
    DEADLINE_EXCEEDED,
    DEADLINE_UNREACHABLE,
    NO_ELIGIBLE_KEY,
    NO_KEY_NOW,
    OVERLOADED,
    QUEUE_FULL,
    QUEUE_TIMEOUT,
    RATE_LIMITED,
    REQUEST_TOO_LARGE,
    UPSTREAM_AUTH,
    GatewayError,
)
from gateway.upstream.refusal import NO_CREDENTIAL

#: SDKs come back after what they are told; sooner than this is no help to anybody.
RETRY_LEAST_S = 0.5
_LEDGER_AWAY = "The ledger that counts what provider keys have used is away."


def refused(verdict: Refused, waiting: int) -> GatewayError:
    """The line did not take it, for want of room there."""
    retry_after_s = max(RETRY_LEAST_S, verdict.retry_after_s)
    if verdict.reason == OVERLOAD:
        message = "The gateway is overloaded and does not take requests of this priority at the moment."
        return GatewayError(OVERLOADED, message, retry_after_s=retry_after_s)
    return GatewayError(QUEUE_FULL, f"Queue full ({waiting} waiting).", retry_after_s=retry_after_s)


def unreachable(
    wait_s: float, retry_in_s: float, *, day_is_used_up: bool, ledger_is_away: bool
) -> GatewayError:
    """It would have to wait longer than it may; it is worth while to ask again in `retry_in_s`."""
    about = f"about {wait_s:.1f}" if wait_s >= 0.1 else "up to 0.1"
    message = f"It would wait {about} s, which is longer than it may."
    if day_is_used_up:
        message = f"The day's requests of every provider key that may serve it are used up. {message}"
    elif ledger_is_away:
        message = f"{message} {_LEDGER_AWAY}"
    elif retry_in_s < wait_s:
        message = f"{message} One that comes in {retry_in_s:.1f} s may be served sooner."
    return GatewayError(DEADLINE_UNREACHABLE, message, retry_after_s=max(RETRY_LEAST_S, retry_in_s))


def shed(wait_s: float) -> GatewayError:
    """It waited and had to make room for another; a request like it could expect to wait `wait_s`."""
    return GatewayError(
        QUEUE_FULL,
        "Queue full: this request made room for a more urgent one, or for another tenant's.",
        retry_after_s=max(RETRY_LEAST_S, wait_s) if isfinite(wait_s) else None,
    )


def out_of_time(
    item: Item, now: float, wait_s: float, *, ledger_is_away: bool = False, owed_retry: bool = False
) -> GatewayError:
    """Its deadline passed, or the patience of its class, before its turn came: where it `owed_retry`, because no
    further attempt was within the budget.

    A request like it could now expect to wait `wait_s`; while the ledger is away nobody can tell.
    """
    if item.deadline is not None and now >= item.deadline:
        seconds = item.deadline - item.arrived
        return GatewayError(DEADLINE_EXCEEDED, f"Deadline of {seconds:g} s exceeded.")
    message = f"No provider key had room within {item.ttl:g} s."
    if owed_retry:
        message = f"It was sent and not served, and no further attempt might be made within {item.ttl:g} s."
    if ledger_is_away:
        message = f"{message} {_LEDGER_AWAY}"
        return GatewayError(QUEUE_TIMEOUT, message, retry_after_s=PROBE_MS_MAX / 1000)
    return GatewayError(QUEUE_TIMEOUT, message, retry_after_s=max(RETRY_LEAST_S, min(wait_s, RETRY_MAX_S)))


def not_again(failure: GatewayError) -> GatewayError:
    """It failed where it went, and may not go on to another in time. A new request may: it is no second attempt."""
    message = f"{failure.message} Others could serve it, but no further attempt may be made for it now."
    return GatewayError(OVERLOADED, message, retry_after_s=RETRY_LEAST_S)


def cancelled() -> GatewayError:
    return GatewayError(CANCELLED_BY_ADMIN, "An operator cancelled this request while it waited.")


def no_key(opens_in_s: float, *, permanent: bool) -> GatewayError:
    """No key that may serve it is in service, nor will be while it could wait."""
    if permanent:
        return GatewayError(NO_ELIGIBLE_KEY, "No provider key may serve this request.")
    return GatewayError(
        NO_KEY_NOW,
        "All provider keys that may serve this request are out of service for now.",
        retry_after_s=None if opens_in_s == inf else max(RETRY_LEAST_S, opens_in_s),
    )


def or_sooner(why: GatewayError, free_in_s: float) -> GatewayError:
    """No key will be in service in time, but the local model serves one like it in `free_in_s`."""
    if free_in_s == inf or why.condition is REQUEST_TOO_LARGE:
        return why
    if why.retry_after_s is None:
        return no_key(free_in_s, permanent=False)
    why.retry_after_s = min(why.retry_after_s, max(RETRY_LEAST_S, free_in_s))
    return why


def no_credential() -> GatewayError:
    """The secrets of all keys that may serve it cannot be had."""
    return GatewayError(UPSTREAM_AUTH, NO_CREDENTIAL)


def full(free_in_s: float) -> GatewayError:
    """All keys that may serve it are full by their providers' word, for longer than it may wait."""
    message = "All provider keys that may serve this request have reached their providers' rate limits."
    return GatewayError(RATE_LIMITED, message, retry_after_s=max(RETRY_LEAST_S, free_in_s))


def too_large(charge: Charge, terms: AccountTerms) -> GatewayError:
    """Of one dimension it takes more than there is in a whole window."""
    for dimension in terms.dimensions:
        if dimension.axis != CONCURRENCY and charge[dimension.axis] > dimension.limit:
            message = (
                f"This request may need {charge[dimension.axis]} of {dimension.name}, but no provider key that may "
                f"serve it has more than {dimension.limit}."
            )
            return GatewayError(REQUEST_TOO_LARGE, message)
    return GatewayError(REQUEST_TOO_LARGE, "This request needs more than its provider keys' ceilings allow.")
