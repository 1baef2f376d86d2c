"""How much of a budget a worker holds in stock: enough not to ask for every request, little enough not to strand.

    clamp(burn · 30 s, three of the dearest usual requests, a fifth of what remains shared among the workers)

and nothing near the cap, where every request is leased for by itself and what it leaves goes back at once. Pure.
Three, so that a request which is alone finds money for a second attempt, which cannot wait for the books: with
less, what was spent since the last exchange would stand in its way.
"""

#: Seconds of spending that a slice is to last.
STOCK_S = 30
#: A budget is near its cap when it has less left than so many dear requests for each worker.
NEAR_REQUESTS = 20
#: The part of what remains that all workers together hold.
SHARE = 5
_DEAR_REQUESTS = 3


def near_cap(remaining: int, dear: int, workers: int) -> bool:
    """Whether stocks would strand what others need. `dear`: what 99 in 100 requests do not exceed."""
    return remaining < NEAR_REQUESTS * dear * workers


def slice_size(burn: float, dear: int, remaining: int, workers: int) -> int:
    """Nano-dollars to hold, 0 near the cap; `burn` in nano-dollars a second, `remaining` with what we hold."""
    if near_cap(remaining, dear, workers):
        return 0
    return min(max(int(burn * STOCK_S), _DEAR_REQUESTS * dear), remaining // (SHARE * workers))
