"""What an attempt came to, as its caller and the books are told it."""

from budgets.price import cost
from budgets.reservation import Attempt
from budgets.usage import Tokens, fit
from gateway.exchange import Usage
from gateway.record import Record


class Bill(Record, eq=False):
    """Of `attempt`, if it used `usage`; in nano-dollars."""

    attempt: Attempt
    usage: Usage
    tokens: Tokens
    tier: str
    cost: int


def bill_of(attempt: Attempt, usage: Usage) -> Bill:
    """At the price of when it was begun."""
    tokens, tier = tokens_of(usage), "" if usage.kinds is None else usage.kinds.tier
    return Bill(attempt, usage, tokens, tier, cost(attempt.price, tokens, tier))


def tokens_of(usage: Usage) -> Tokens:
    """As they are priced."""
    read, written, cached, kept = usage.input, usage.output, usage.cache_read, usage.cache_write
    kinds, reasoning = usage.kinds, usage.reasoning
    if kinds is None:
        tokens = Tokens(read, written, cached, kept, 0, 0, 0, reasoning)
        # What cannot be is not to be believed; the others are as they should be.
        return fit(tokens) if cached + kept > read or reasoning > written else tokens
    return fit(
        Tokens(
            read,
            written,
            cached,
            kept - kinds.cache_write_1h,
            kinds.cache_write_1h,
            kinds.audio_in,
            kinds.image_in,
            reasoning,
            kinds.audio_out,
            kinds.image_out,
            kinds.searches,
        )
    )
