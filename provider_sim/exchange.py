"""One exchange in progress: what the server is to send, and what is booked when it ends.

Output tokens are booked as the frames go out, so a caller who leaves has only used what it was sent, and
ceilings on output see tokens when they are produced.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from provider_sim.account import Account
from provider_sim.delivery import Step
from provider_sim.stats import Recorded, Stats, Tally


class Exchange:
    """`whole` when the reply is one write; else `steps`. `finish` must be called exactly once."""

    __slots__ = (
        "_finished", "_produced", "account", "keep_alive", "output_tokens", "place", "record", "release", "stats",
        "steps", "tally", "whole", "writes_total",
    )  # fmt: skip

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.whole: bytes | None = None
        self.steps: Iterable[Step] = ()
        self.writes_total = 1
        self.output_tokens = 0
        self.place: asyncio.Future[None] | None = None
        """Set while the exchange waits in line for a place (Ollama's queue)."""
        self.stats: Stats | None = None
        self.tally: Tally | None = None
        self.record: Recorded | None = None
        self.account: Account | None = None
        self.release: Callable[[], None] | None = None
        self._produced = 0
        self._finished = False

    def sent(self, size: int, writes: int) -> None:
        """So many bytes went out, and this was write number `writes`."""
        if self.tally is None:
            return
        self.tally.bytes_out += size
        if self.output_tokens:
            self._produce(self.output_tokens * min(writes, self.writes_total) // self.writes_total)

    def _produce(self, until: int) -> None:
        tokens = until - self._produced
        if tokens > 0 and self.stats is not None and self.tally is not None:
            self._produced = until
            self.stats.produced(self.tally, tokens)
            if self.account is not None:
                self.account.produced(tokens, time.monotonic())

    def finish(self, outcome: str) -> None:
        """`complete`, `cancelled` (the caller left) or `aborted` (a fault ended it)."""
        if self._finished:
            return
        self._finished = True
        if self.record is not None:
            self.record.outcome = outcome
        if self.tally is not None:
            if outcome == "complete":
                self._produce(self.output_tokens)
                self.tally.completed += 1
            elif outcome == "cancelled":
                self.tally.cancelled += 1
            else:
                self.tally.aborted += 1
            self.tally.in_flight -= 1
        if self.release is not None:
            self.release()
