"""What is known of one secret, and whether it may be used: the cache's decisions, pure.

Fresh for about a TTL; then stale, and used while it is asked for again, up to `stale_max_s` after it was last
seen where it is kept; then out. A secret that changed leaves its former value for a short overlap, as providers
do not all know a new one in the same moment.
"""

from dataclasses import dataclass, replace
from enum import Enum
from math import inf

from keys.secret import Secret
from keys.secrets.source import Fault, Fetched, FetchError


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Times and bounds of the cache. TTLs are shortened by up to `jitter` of them, so that they do not meet."""

    ttl_s: float = 60.0
    stale_max_s: float = 3600.0
    watch_s: float = 2.0  # between two looks at whether there is another version
    overlap_s: float = 5.0
    jitter: float = 0.1
    refetch_s: float = 0.25  # the least between two looks at one secret
    retry_min_s: float = 1.0
    retry_max_s: float = 30.0
    fetch_s: float = 15.0  # what a source may take, whatever it promises
    fetches_max: int = 8  # at once
    entries_max: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.ttl_s <= self.stale_max_s or not 0 <= self.jitter < 1:
            raise ValueError("a TTL is positive and at most stale_max_s, and jitter a part of it")
        if not 0 < self.retry_min_s <= self.retry_max_s or self.fetches_max < 1 or self.entries_max < 1:
            raise ValueError("retries and bounds are positive")

    def retry_s(self, failures: int) -> float:
        """How long to leave it after so many failures in a row."""
        return min(self.retry_max_s, self.retry_min_s * 2.0 ** min(failures - 1, 30))


class Use(Enum):
    """May it be used?"""

    FRESH = "fresh"
    STALE = "stale"
    OUT = "out"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One secret. Times are of a monotonic clock."""

    current: Fetched | None = None
    previous: Fetched | None = None
    previous_until: float = 0.0
    seen_at: float = -inf  # when the present value was last known to be the one
    due_at: float = -inf  # when to ask again
    failures: int = 0
    error: tuple[Fault, str] | None = None

    def use(self, now: float, policy: CachePolicy) -> Use:
        if self.current is None or now - self.seen_at > policy.stale_max_s:
            return Use.OUT
        return Use.FRESH if not self.failures and now < self.due_at else Use.STALE

    def values(self, now: float, policy: CachePolicy) -> tuple[Secret, ...]:
        """What a provider may know it by now, the present value first."""
        if self.current is None or self.use(now, policy) is Use.OUT:
            return ()
        if self.previous is None or now >= self.previous_until:
            return (self.current.secret,)
        return self.current.secret, self.previous.secret

    def succeeded(
        self, fetched: Fetched, asked_at: float, now: float, policy: CachePolicy, chance: float
    ) -> "Entry":
        """After `fetched`, which was asked for at `asked_at`. `chance` of [0, 1) is the jitter's."""
        due = asked_at + policy.ttl_s * (1 - policy.jitter * chance)
        if self.current is None or fetched.secret == self.current.secret:
            previous = None if now >= self.previous_until else self.previous
            return Entry(fetched, previous, self.previous_until, asked_at, due)
        return Entry(fetched, self.current, now + policy.overlap_s, asked_at, due)

    def failed(self, error: FetchError, now: float, policy: CachePolicy, chance: float) -> "Entry":
        """After a fetch that gave nothing."""
        failures = self.failures + 1
        due = now + policy.retry_s(failures) * (1 - policy.jitter * chance)
        return replace(self, due_at=due, failures=failures, error=(error.fault, str(error)))
