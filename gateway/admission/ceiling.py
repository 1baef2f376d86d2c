"""The limit in force of one dimension: configured, observed at the provider, and lowered after a surprise. Pure.

Effective = min(configured, observed) × multiplier, less what is set aside for workers without a ledger. An
unexpected 429 says that the provider counts more than we know of: ×0.9, down to a half, and back by a
hundredth a minute. What was observed counts for as long as replies go on to say it.
"""

#: The multiplier is counted in millionths, so that a hundredth a minute is one in 6 ms.
FULL = 1_000_000
LEAST = FULL // 2
LOWERED_PERCENT = 90
RECOVERY_MS = 6
#: Refusals within so long are one event: what is in flight when a ceiling is hit is refused together, by whichever
#: worker it was sent, and a provider refuses at once or within a few seconds.
ONE_EVENT_MS = 5_000
#: A limit that no reply has confirmed for so long is forgotten: it was a slip, or it is another one by now.
OBSERVED_MS = 600_000


class Ceiling:
    """`limit` is what may be granted, `lowered` that with what is set aside.

    `nominal` is what the provider would allow; too large is judged by it.
    """

    __slots__ = (
        "_at",
        "_configured",
        "_lowered_at",
        "_observed",
        "_observed_at",
        "_set_aside_permille",
        "limit",
        "lowered",
        "multiplier",
        "nominal",
    )

    def __init__(self, configured: int, set_aside_permille: int) -> None:
        self._configured = configured
        self._set_aside_permille = set_aside_permille
        self._observed: int | None = None
        self._observed_at = 0
        self._at = 0
        self._lowered_at = 0
        self.multiplier = FULL
        self._settle_limit()

    def configure(self, configured: int, set_aside_permille: int) -> bool:
        """Whether anything changed."""
        if (configured, set_aside_permille) == (self._configured, self._set_aside_permille):
            return False
        self._configured, self._set_aside_permille = configured, set_aside_permille
        self._settle_limit()
        return True

    def observe(self, limit: int, now: int) -> None:
        """The provider's word on its limit; 0 is no limit but a provider's way to say nothing."""
        if limit > 0:
            self._observed, self._observed_at = limit, now
            self._settle_limit()

    def lower(self, now: int) -> None:
        """After an unexpected 429; those of one event lower once."""
        if self.multiplier != FULL and now - self._lowered_at < ONE_EVENT_MS:
            return
        self.recover(now)
        self.multiplier = max(LEAST, self.multiplier * LOWERED_PERCENT // 100)
        self._at = self._lowered_at = now
        self._settle_limit()

    def recover(self, now: int) -> bool:
        """Creep back, and forget what is not confirmed any more; whether the limit changed."""
        before = self.lowered
        if self._observed is not None and now - self._observed_at >= OBSERVED_MS:
            self._observed = None
            self._settle_limit()
        if self.multiplier != FULL:
            steps = (now - self._at) // RECOVERY_MS
            if steps > 0:
                self._at += steps * RECOVERY_MS
                self.multiplier = min(FULL, self.multiplier + steps)
                self._settle_limit()
        return self.lowered != before

    def _settle_limit(self) -> None:
        self.nominal = self._configured if self._observed is None else min(self._configured, self._observed)
        self.lowered = max(1, self.nominal * self.multiplier // FULL)
        self.limit = max(1, self.lowered - self.lowered * self._set_aside_permille // 1000)
