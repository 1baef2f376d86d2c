"""One account's ceilings at work: what a request is charged, when, and which ceiling refuses it.

Pure: the clock is a parameter. All dimensions are checked before any is charged, so a refusal costs nothing,
except where the provider says that refused requests count too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from provider_sim.ask import Ask
from provider_sim.buckets import FixedWindow, Meter, Ramp, Slice, SlidingWindow, TokenBucket
from provider_sim.limits import Limits

Dimension = str
"""requests, requests_per_day, tokens, tokens_per_day, input_tokens, output_tokens, concurrency, …"""


@dataclass(frozen=True, slots=True)
class Denied:
    """Which ceiling refused. `kind`: rate, quota, ramp, overload, concurrency or busy (no place in the line)."""

    kind: str
    dimension: Dimension
    retry_s: float = 0.0
    limit: float = 0.0
    used: float = 0.0
    requested: float = 0.0


class Account:
    """The state of one credential's (or credential × model class's) ceilings."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.told: Callable[[str, dict[Dimension, float]], None] | None = None
        """Who wants to know what was asked of the ceilings: `charge_log.py`."""
        self.in_flight = 0
        self.waiting = 0
        self.meters: dict[Dimension, list[Meter]] = {}
        burst = limits.burst_s
        azure_burst = 10.0 if limits.style == "azure" else None
        for name, limit, slice_s in (
            ("requests", limits.rpm, burst or azure_burst),
            ("tokens", limits.tpm, burst),
            ("input_tokens", limits.itpm, burst),
            ("output_tokens", limits.otpm, burst),
        ):
            if limit is not None:
                self.meters[name] = self._rate(limit, slice_s, now)
        for name, limit in (("requests_per_day", limits.rpd), ("tokens_per_day", limits.tpd)):
            if limit is not None:
                self.meters[name] = [FixedWindow(limit, limits.day_s, now)]
        self._quota_requests = 0
        self._quota_tokens = 0
        ramp = limits.ramp
        self._ramp = (
            Ramp(ramp.get("factor", 2.0), ramp.get("period_s", 10.0), int(ramp.get("floor", 10)), now)
            if ramp
            else None
        )
        self.limited = bool(self.meters)
        quotas = (limits.quota_requests, limits.quota_tokens)
        self._free = not self.limited and self._ramp is None and quotas == (None, None)

    def _rate(self, limit: float, slice_s: float | None, now: float) -> list[Meter]:
        window = self.limits.window_s
        if self.limits.shape == "bucket":
            return [TokenBucket(limit, window, slice_s or window, now)]
        meters: list[Meter] = [
            FixedWindow(limit, window, now) if self.limits.shape == "fixed" else SlidingWindow(limit, window)
        ]
        if slice_s is not None and slice_s < window:
            meters.append(Slice(limit * slice_s / window, slice_s))
        return meters

    def charges(self, ask: Ask) -> dict[Dimension, float]:
        """What this request is charged at its start, by the style's rule. Output tokens only need some room."""
        limits = self.limits
        output = (ask.max_tokens or 0) * ask.n if ask.generates else 0
        both = ask.input_tokens + output if limits.tpm_rule == "sum" else max(ask.input_tokens, output)
        if limits.style == "gemini":
            both = ask.input_tokens
        return {
            "requests": 1,
            "requests_per_day": 1,
            "tokens": both,
            "tokens_per_day": both,
            "input_tokens": ask.input_tokens,
            "output_tokens": 0,
        }

    def admit(self, ask: Ask, now: float) -> Denied | None:
        """Charge the request, or say what refuses it."""
        if self._free:
            return None
        spent = self._spent()
        if spent is not None:
            return spent
        charges = self.charges(ask)
        denied = self._first_denial(charges, now)
        if denied is None and self._ramp is not None:
            wait = self._ramp.wait(now)
            if wait > 0:
                denied = Denied("ramp", "acceleration", wait)
        if denied is not None:
            self._tell("refused", charges)
            if self.limits.count_rejected and denied.dimension not in {"requests", "requests_per_day"}:
                self._take({"requests": 1, "requests_per_day": 1}, now)
            return denied
        self._take(charges, now)
        self._tell("taken", charges)
        self._quota_requests += 1
        self._quota_tokens += ask.input_tokens
        return None

    def _spent(self) -> Denied | None:
        limits = self.limits
        if limits.quota_requests is not None and self._quota_requests >= limits.quota_requests:
            return Denied("quota", "requests", limit=limits.quota_requests, used=self._quota_requests)
        if limits.quota_tokens is not None and self._quota_tokens >= limits.quota_tokens:
            return Denied("quota", "tokens", limit=limits.quota_tokens, used=self._quota_tokens)
        return None

    def _first_denial(self, charges: dict[Dimension, float], now: float) -> Denied | None:
        """The ceiling that makes wait longest, so that one retry after it is enough."""
        worst: Denied | None = None
        for name, meters in self.meters.items():
            amount = charges[name] or 1
            for meter in meters:
                wait = meter.wait(amount, now)
                if wait > 0 and (worst is None or wait > worst.retry_s):
                    used = meter.limit - meter.room(now)
                    worst = Denied("rate", name, wait, meter.limit, used, amount)
        return worst

    def _tell(self, kind: str, charges: dict[Dimension, float]) -> None:
        if self.told is not None and self.limited:
            self.told(kind, charges)

    def _take(self, charges: dict[Dimension, float], now: float) -> None:
        for name, amount in charges.items():
            if amount:
                for meter in self.meters.get(name, ()):
                    meter.take(amount, now)

    def settle_input(self, ask: Ask, actual: int, cached: int, now: float) -> None:
        """Input is charged by estimate and corrected at once; cache reads are free unless they count."""
        counted = actual if self.limits.count_cached else actual - cached
        self._quota_tokens += actual - ask.input_tokens
        difference = counted - ask.input_tokens
        if difference:
            self._take({"input_tokens": difference}, now)
            self._tell("corrected", {"input_tokens": difference})

    def produced(self, tokens: int, now: float) -> None:
        """Output tokens are charged as they are produced."""
        self._quota_tokens += tokens
        self._take({"output_tokens": tokens}, now)
        self._tell("produced", {"output_tokens": tokens})

    def enter(self) -> Denied | bool:
        """Take a place: True = run, False = wait in line, or what refuses."""
        limits = self.limits
        if limits.overload is not None and self.in_flight + self.waiting >= limits.overload:
            return Denied("overload", "overload", 1.0, limits.overload)
        if limits.concurrency is None or self.in_flight < limits.concurrency:
            self.in_flight += 1
            return True
        if not limits.queue:
            return Denied("concurrency", "concurrency", 1.0, limits.concurrency, self.in_flight, 1)
        if self.waiting >= limits.queue:
            return Denied("busy", "queue", 1.0, limits.queue)
        self.waiting += 1
        return False

    def state(self, now: float) -> dict[str, dict[str, float]]:
        """Per dimension: limit, remaining and seconds to reset, of its tightest meter."""
        made = {}
        for name, meters in self.meters.items():
            tight = min(meters, key=lambda meter: meter.room(now) / meter.limit if meter.limit else -math.inf)
            made[name] = {
                "limit": meters[0].limit,
                "remaining": max(0.0, math.floor(tight.room(now) + 1e-6)),
                "reset_s": max(0.0, tight.reset(now)),
            }
        return made
