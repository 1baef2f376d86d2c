"""What is charged where a reply does not say what it used, and nothing that was relayed tells either.

The size of a picture or a sound says little of its tokens, and work that goes on after the reply (`background`)
will never be heard of here. Such attempts cost what was held for them, source `unknown`; so that must be the most
they can come to. All else that does not report is estimated by what was relayed, and within the caller's limits.
"""

from gateway.exchange import Exchange, Usage
from gateway.record import replace

#: Tokens of an answer to which the caller sets no limit: more than models write unasked.
OUTPUT_MAX = 16_384
#: The same of one picture (1024 × 1536 in high quality: 6,208), and of 4,096 characters read out very slowly.
MEDIA_MAX = {"images": 6_240, "speech": OUTPUT_MAX}


def answer_max(exchange: Exchange) -> int:
    """The most tokens that the provider may write for it: within that, money is held."""
    output_max, makeup = exchange.sizing.estimate().output_max, exchange.sizing.makeup()
    if output_max:
        return output_max
    return MEDIA_MAX.get(exchange.endpoint, OUTPUT_MAX if makeup.answer else 0) * makeup.choices


def is_unknown(exchange: Exchange) -> bool:
    """Whether nobody can say what an attempt used that did not report it."""
    return exchange.goes_on or exchange.endpoint in MEDIA_MAX


def within_limits(exchange: Exchange, usage: Usage) -> Usage:
    """An estimate, cut down to what was possible: or a hard budget would not hold."""
    return replace(usage, output=min(usage.output, answer_max(exchange)))
