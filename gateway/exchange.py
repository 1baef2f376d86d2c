"""An exchange: one request, its reply, and everything the pipeline learns on the way.

One mutable record a request, written by the stages in order and read by `settle`; it holds no I/O objects.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Usage:
    """Token counts, inclusive: `input` counts cached tokens, `output` counts reasoning."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    source: str = "none"  # provider | estimated | none
