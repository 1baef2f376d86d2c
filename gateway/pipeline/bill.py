"""What an attempt came to, as its caller and the books are told it."""

from budgets.money import REQUEST_MAX
from budgets.price import cost
from budgets.reservation import Attempt
from budgets.usage import Tokens, fit
from gateway.exchange import Kinds, Usage
from gateway.record import Record


class Bill(Record, eq=False):
    """Of `attempt`, if it used `usage`; in nano-dollars."""

    attempt: Attempt
    usage: Usage
    tokens: Tokens
    tier: str
    cost: int


def bill_of(attempt: Attempt, usage: Usage) -> Bill:
    """At the price of when it was begun; a report of more than any request may cost is not believed."""
    kinds, tier = usage.kinds, ""
    if kinds is None:
        read, written, cached, kept = usage.input, usage.output, usage.cache_read, usage.cache_write
        tokens = Tokens(read, written, cached, kept, 0, 0, 0, usage.reasoning)
        if cached + kept > read or usage.reasoning > written:  # not to be believed
            tokens = fit(tokens)
    else:
        tokens, tier = _of_every_kind(usage, kinds), kinds.tier
    return Bill(attempt, usage, tokens, tier, min(cost(attempt.price, tokens, tier), REQUEST_MAX))


def _of_every_kind(usage: Usage, kinds: Kinds) -> Tokens:
    return fit(
        Tokens(
            usage.input,
            usage.output,
            usage.cache_read,
            usage.cache_write - kinds.cache_write_1h,
            kinds.cache_write_1h,
            kinds.audio_in,
            kinds.image_in,
            usage.reasoning,
            kinds.audio_out,
            kinds.image_out,
            kinds.searches,
        )
    )
