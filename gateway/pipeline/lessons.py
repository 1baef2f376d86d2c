"""What an attempt teaches, and its end: of the key's health, of its ceilings, of what it was charged.

Every permit that was used ends here, once: `finished`, `failed` or `abandoned`. Headers are read now and then: what
they tell of an account changes slowly, and reading them costs more than everything else that is done here.
"""

from collections.abc import Callable
from math import inf

from gateway.admission.dimension import AXES
from gateway.admission.eligibility import grade
from gateway.admission.grantor import Grantor
from gateway.admission.health_table import HealthTable
from gateway.admission.hedge import Hedging
from gateway.admission.latency import size_of
from gateway.admission.ledger import Observation
from gateway.admission.memory_ledger import LedgerTime
from gateway.charge import Charge
from gateway.clock import Clock
from gateway.errors import (
    ANSWER_UNFIT,
    INSUFFICIENT_QUOTA,
    RATE_LIMITED,
    UPSTREAM_AUTH,
    UPSTREAM_OVERLOADED,
    Condition,
    GatewayError,
)
from gateway.exchange import Exchange, Usage
from gateway.metrics import Metrics
from gateway.pipeline.account import Account
from gateway.pipeline.admit import Dispatcher
from gateway.pipeline.ticket import Permit
from gateway.settings.snapshot import ProviderKey
from gateway.upstream.observed import Observed
from gateway.upstream.retry_after import Headers
from gateway.upstream.verdict import Kind, Verdict
from keys.secret import Secret

_OBSERVED_EVERY_S = 0.1
_TOKENS = frozenset({"tpm", "itpm", "otpm"})
#: With less left of a ceiling than this part, or than so many requests take, every reply is read.
_SCARCE_PART = 0.1
_SCARCE_REQUESTS = 16
#: Where a provider does not say how long it wants to be left alone.
_RATE_BLOCK_S = 1.0
_CAPACITY_BLOCK_S = 0.25
_BLOCK_MAX_S = 60.0
#: A ceiling by the minute never takes longer: a key is not lost for a day to a provider's slip.
_MINUTE_BLOCK_MAX_S = 3600.0
_NOT_SENT = Charge()
#: What an error inside a 200 says, by what its caller would be told.
_KINDS: dict[Condition, Kind] = {
    RATE_LIMITED: "rate",
    INSUFFICIENT_QUOTA: "quota",
    UPSTREAM_OVERLOADED: "capacity",
    UPSTREAM_AUTH: "credential",
}


def verdict_of_error(error: GatewayError) -> Verdict:
    """For errors that we found in a reply ourselves."""
    return Verdict(_KINDS.get(error.condition) or ("health" if error.condition.retryable else "caller"))


def is_owed(error: GatewayError, verdict: Verdict) -> bool:
    """Whether the provider may have done the work: it failed at it, or did it badly."""
    return verdict.kind == "health" or error.condition is ANSWER_UNFIT


class Lessons:
    """Ends permits, and tells whoever must know."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        grantor: Grantor,
        health: HealthTable,
        hedging: Hedging,
        metrics: Metrics,
        time: LedgerTime,
        clock: Clock,
    ) -> None:
        self._dispatcher = dispatcher
        self._grantor = grantor
        self._health = health
        self._hedging = hedging if hedging.enabled else None
        self._metrics = metrics
        self._time = time
        self._clock = clock
        #: Told of a refused credential: to have the secret looked at again. Without anybody it is what it is.
        self.refused: Callable[[ProviderKey, Secret | None], None] = self._nowhere_to_look

    def head(self, exchange: Exchange, permit: Permit, headers: Headers) -> None:
        """The head of a reply is here: what it tells of the account's ceilings."""
        account, now = permit.way.account, self._clock.monotonic()
        if now - account.observed_at < _OBSERVED_EVERY_S:
            return
        account.observed_at = now
        for seen in self._observe(account, headers, now):
            self._hold_back(exchange, permit, seen, now)

    def answered(self, exchange: Exchange, permit: Permit) -> None:
        """The first content is here."""
        at, way = exchange.first_content, permit.way
        was_open = way.health.open
        if permit.overflow is not None:
            way.account.breaker.answered()
        way.health.answered(permit.turn, at)
        if way.is_compared:
            way.first_token.observe(size_of(exchange.sizing.estimate().input), at - permit.began, at)
        if not was_open:  # a probe need not end to be good: who waits for the key need not either
            self._dispatcher.room(way.account.id)

    def finished(self, permit: Permit, usage: Usage, now: float) -> None:
        """The whole reply is here, and this is what it used."""
        permit.way.health.finished(permit.turn, now)
        if permit.overflow is not None:
            permit.way.account.breaker.answered()
        self._end(permit, usage, now)

    def abandoned(self, permit: Permit, usage: Usage) -> None:
        """The caller left, or we ended it: it says nothing of the key, and was charged all the same."""
        self._count(permit, "cancelled")
        permit.way.health.abandoned(permit.turn)
        self._end(permit, usage, self._clock.monotonic())

    def broke(self, permit: Permit, usage: Usage, verdict: Verdict, reason: str) -> None:
        """It failed after its first content: what came of it was charged."""
        self._count(permit, reason)
        self._judge(permit, verdict, reason)
        self._end(permit, usage, self._clock.monotonic())

    def failed(
        self,
        permit: Permit,
        error: GatewayError,
        verdict: Verdict,
        *,
        sent: bool,
        used: Usage | None = None,
    ) -> None:
        """It failed before any content; `used` is by those of its parts that did not."""
        account, condition = permit.way.account, error.condition
        account.failures += 1
        account.last_refusal = condition.name
        self._count(permit, condition.name)
        if condition in _KINDS:
            self._metrics.rejected(account.key.id, condition.name)
        if permit.overflow is not None:
            account.breaker.failed(self._clock.monotonic(), refused=verdict.kind == "caller")
        self._judge(permit, verdict, condition.name)
        grant = permit.grant
        if grant is None or not sent:
            charged = _NOT_SENT
        elif used is not None:
            charged = account.adapter.at_end(used, grant.charge)
        else:
            charged = account.adapter.at_refusal(grant.charge)
        self._dispatcher.end(permit, charged, self._clock.monotonic())

    def observe(self, permit: Permit, headers: Headers) -> None:
        """A refusal's headers, at once: they say why."""
        self._observe(permit.way.account, headers, self._clock.monotonic())

    def _count(self, permit: Permit, outcome: str) -> None:
        """An attempt that was not answered in full; the others are counted as what their exchanges came to."""
        key = permit.way.account.key
        self._metrics.attempted(key.provider.id, key.id, outcome)

    def _end(self, permit: Permit, usage: Usage, now: float) -> None:
        grant = permit.grant
        if self._hedging is not None:
            self._hedging.used(usage.input + usage.output)
        charged = None if grant is None else permit.way.account.adapter.at_end(usage, grant.charge)
        self._dispatcher.end(permit, charged, now)

    def _judge(self, permit: Permit, verdict: Verdict, reason: str) -> None:
        kind, way = verdict.cause or verdict.kind, permit.way
        now = self._clock.monotonic()
        health, before = way.health, grade(way.health)
        if kind == "caller" or (kind == "model" and not health.model):
            health.finished(permit.turn, now)  # whoever finds fault with a request is well
        elif kind in ("rate", "saturation"):
            health.abandoned(permit.turn)
            self._hit_ceiling(permit, verdict, now)
        elif kind == "capacity":
            health.failed(permit.turn, "capacity", now)
            block_s = _CAPACITY_BLOCK_S if verdict.block_s is None else min(verdict.block_s, _BLOCK_MAX_S)
            way.account.block(now + block_s)
        elif kind == "credential":
            if health.failed(permit.turn, "credential", now, reason) == "refresh":
                self.refused(way.account.key, permit.presented)
        elif kind == "model":
            health.failed(permit.turn, "model", now)
        elif kind == "quota":
            health.failed(permit.turn, "quota", now, reason, self._until(verdict, now))
        elif kind == "ramp":
            health.failed(permit.turn, "ramp", now, reason, now + (verdict.hold_s or 0.0))
        else:
            until = now + verdict.block_s if verdict.block_s is not None else 0.0
            health.failed(permit.turn, "health", now, reason, until)
        if grade(health) != before:
            self._dispatcher.room_anywhere()

    def _nowhere_to_look(self, key: ProviderKey, _: Secret | None) -> None:
        self._health.refreshed(key.id)

    def _hit_ceiling(self, permit: Permit, verdict: Verdict, now: float) -> None:
        """A refusal for rates although the ledger saw room: someone else uses the key, or its ceiling is lower."""
        account = permit.way.account
        account.last_rate_limited = now
        is_busy = verdict.kind == "saturation"
        dimension = "concurrency" if is_busy else verdict.dimension
        block_s = _RATE_BLOCK_S if verdict.block_s is None else verdict.block_s
        if dimension != "rpd":
            block_s = min(block_s, _BLOCK_MAX_S if is_busy else _MINUTE_BLOCK_MAX_S)
        account.block(now + block_s, full=not is_busy)
        if dimension in account.dimensions:
            blocked_ms = 0 if dimension == "concurrency" else int(block_s * 1000)
            unexpected = _is_news(account, dimension, permit.began, now)
            observation = Observation(dimension, blocked_ms=blocked_ms, unexpected=unexpected)
            self._grantor.observe(account.id, observation, self._time.at(now))
        elif account.limited:
            usage = self._grantor.usage(account.id, self._time.at(now))
            fullest = max(usage, key=lambda one: one.used / one.limit if one.limit else 0.0).dimension
            if _is_news(account, fullest, permit.began, now):
                observation = Observation(fullest, unexpected=True)
                self._grantor.observe(account.id, observation, self._time.at(now))

    def _observe(self, account: Account, headers: Headers, now: float) -> list[Observed]:
        """Returns what the headers tell of ceilings that nobody configured."""
        others = []
        for seen in account.adapter.observe(headers, self._clock.utc()):
            if seen.dimension in account.dimensions:
                # What is left of a slice says nothing of the minute: more was used there by somebody, or by us.
                remaining = None if seen.dimension in account.sliced else seen.remaining
                observation = Observation(seen.dimension, seen.limit, remaining)
                self._grantor.observe(account.id, observation, self._time.at(now))
            else:
                others.append(seen)
        return others

    def _hold_back(self, exchange: Exchange, permit: Permit, seen: Observed, now: float) -> None:
        """Before a ceiling that nobody configured is used up, its key is left alone until that is full again.

        It is no ceiling of the account: where limits are by model, the next reply tells of another one. What has
        been sent since may not have been counted, and another like it may follow.
        """
        axis = AXES.get(seen.dimension)
        account = permit.way.account
        if axis is None or seen.remaining is None or seen.reset_in_s is None:
            return
        if seen.dimension in _TOKENS and not _TOKENS.isdisjoint(account.dimensions):
            return  # Anthropic's `tokens` repeats the tightest of the others
        estimate = exchange.sizing.estimate()
        one = Charge(1, estimate.input, estimate.output, estimate.input + estimate.output)[axis]
        needed = one * (1 + account.attempts - permit.number)
        if seen.remaining < needed:
            account.block(now + min(seen.reset_in_s, _MINUTE_BLOCK_MAX_S), full=True)
        if seen.remaining < needed + max(_SCARCE_REQUESTS * one, (seen.limit or 0) * _SCARCE_PART):
            account.observed_at = -inf  # the next reply is read, however soon it comes

    def _until(self, verdict: Verdict, now: float) -> float:
        """When a quota comes back, on the monotonic clock; 0.0: nobody knows."""
        if verdict.until_utc is None:
            return 0.0
        return now + max(0.0, (verdict.until_utc - self._clock.utc()).total_seconds())


def _is_news(account: Account, dimension: str, began: float, now: float) -> bool:
    """Whether a refusal lowers a ceiling: what was sent before the last lowering was refused by the same event."""
    if began <= account.lowered_at.get(dimension, -inf):
        return False
    account.lowered_at[dimension] = now
    return True
