"""What a reply used, in one form for every provider, before it is priced.

Inclusive: `input` counts everything read, cached or not, `output` everything written, reasoning too; the other
fields say how much of it was what. The parts never add up to more than their whole, so that a bound on the
whole bounds the cost. How providers say it is `gateway.dialects.usage`'s. Depends on nothing.
"""

from budgets.record import Record, asdict

#: More than this no reply has used; such a report is not believed.
COUNT_MAX = 1_000_000_000


class Tokens(Record, frozen=True, array_like=True, gc=False):
    """Made by `fit`, which sees to it that parts stay within their whole."""

    input: int = 0
    output: int = 0
    cache_read: int = 0  # of input, like all down to image_in
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    audio_in: int = 0
    image_in: int = 0
    reasoning: int = 0  # of output, like all down to image_out
    audio_out: int = 0
    image_out: int = 0
    searches: int = 0  # calls of a tool that the provider runs and bills


#: Parts of either whole, those that give way first: where two overlap, what is cheaper is counted less.
INPUT_PARTS = ("cache_read", "image_in", "audio_in", "cache_write_5m", "cache_write_1h")
OUTPUT_PARTS = ("reasoning", "image_out", "audio_out")
NOTHING = Tokens()


def fit(tokens: Tokens) -> Tokens:
    """The same with no negative count, and parts that overlap cut down to their whole."""
    counts = {name: min(max(count, 0), COUNT_MAX) for name, count in asdict(tokens).items()}
    for whole, parts in (("input", INPUT_PARTS), ("output", OUTPUT_PARTS)):
        over = sum(counts[part] for part in parts) - counts[whole]
        for part in parts:
            if over <= 0:
                break
            cut = min(over, counts[part])
            counts[part] -= cut
            over -= cut
    return Tokens(**counts)
