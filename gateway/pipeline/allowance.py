"""The account of a tenant key that has limits: how full it is, as answers tell it, and why it says no.

Reads what the grantor holds and charges nothing (`reserve.py` does). Times are `LedgerTime`'s milliseconds.
"""

from collections.abc import Sequence

from gateway.admission.dimension import CONCURRENCY, WINDOW_MS, AccountTerms, Dimension
from gateway.admission.grantor import Grantor
from gateway.admission.ledger_loss import PROBE_MS_MAX
from gateway.admission.window import jitter_ms, slot_ms
from gateway.charge import REQUESTS, Charge, Estimate
from gateway.dialects.rate_limit_head import Standing, rate_limit_head
from gateway.errors import LIMITS_UNAVAILABLE, RATE_LIMITED, REQUEST_TOO_LARGE, GatewayError

#: After so long a charge has left its window for certain.
_FREE_AFTER_MS = WINDOW_MS + jitter_ms(WINDOW_MS) + slot_ms(WINDOW_MS)
_DAY_MS = 86_400_000
#: How far behind the truth the header lines may be: so long, and by one such part of a limit.
_BEHIND_MS = slot_ms(WINDOW_MS)
_BEHIND_PART = 1000
_UNLIMITED = 1 << 62
#: Of a limit, for the answer of which nothing is known.
_GUESS_PART = 10
_REQUEST_LIMITS = ("rpm", "rpd")
_TOKEN_LIMITS = ("itpm", "otpm", "tpm")
_COUNTED = {
    "rpm": "requests per minute",
    "tpm": "tokens per minute",
    "itpm": "input tokens per minute",
    "otpm": "output tokens per minute",
    "rpd": "requests per day (UTC)",
    "concurrency": "requests at once",
}


class Allowance:
    """What one tenant key may use. `newest` is when this worker last charged something on it.

    At thousands of requests a second the header lines are made anew not for each, but before they are behind by a
    thousandth of a limit or by a slot.
    """

    __slots__ = (
        "_behind_at", "_grantor", "_guess_max", "_head", "_head_dialect", "_limits", "_may_be_behind", "_names",
        "_requests", "_requests_behind", "_tokens", "_tokens_behind", "account", "key_id", "newest", "terms",
    )  # fmt: skip

    def __init__(self, key_id: str, terms: AccountTerms, grantor: Grantor) -> None:
        self.key_id = key_id
        self.account = terms.id
        self.newest = 0
        self._grantor = grantor
        self._head = b""
        self._head_dialect = ""
        self._behind_at = 0
        self.configure(terms)

    def configure(self, terms: AccountTerms) -> None:
        """Its limits are these from now on."""
        limits = {one.name: one.limit for one in terms.dimensions}
        self.terms = terms
        self._limits = tuple(limits.get(name, _UNLIMITED) for name in _TOKEN_LIMITS)
        self._guess_max = min(self._limits[1:]) // _GUESS_PART or 1
        names = self._names = [one.name for one in terms.dimensions]
        self._requests = [at for at, name in enumerate(names) if name in _REQUEST_LIMITS]
        self._tokens = [at for at, name in enumerate(names) if name in _TOKEN_LIMITS]
        self._requests_behind = self._tokens_behind = 0
        self._may_be_behind = tuple(
            min((limits[name] for name in named if name in limits), default=_UNLIMITED) // _BEHIND_PART
            for named in (_REQUEST_LIMITS, _TOKEN_LIMITS)
        )

    def charged(self, charge: Charge, now: int) -> None:
        """A request of this worker's was let in."""
        self.newest = now
        self._requests_behind -= 1
        self._tokens_behind -= charge.tokens

    def charge(self, estimate: Estimate) -> Charge:
        """What a request is charged while it runs. Raises GatewayError when it can never fit.

        Not what the caller allows for the answer: few are as long, and a limit kept for them would lie idle. Nor
        more than a limit, however wide the margin: what is only feared must not keep a small key out for ever. A
        mere guess of an answer that the caller does not bound counts for little of a small limit: it would fit only
        where nothing counts yet.
        """
        input_, output = estimate.input_upper, estimate.output
        if estimate.guessed and estimate.output_max is None and output > self._guess_max:
            output = self._guess_max
        tokens = input_ + output
        input_limit, output_limit, limit = self._limits
        if input_ > input_limit or tokens > limit or output > output_limit:
            if estimate.input > input_limit or estimate.input > limit:
                raise self._too_large(estimate.input)
            return Charge(1, min(input_, input_limit), min(output, output_limit), min(tokens, limit))
        return Charge(1, input_, output, tokens)

    def head(self, dialect: str, now: int) -> bytes:
        """The header lines that say how full it is."""
        if self._requests_behind <= 0 or self._tokens_behind <= 0 or now >= self._behind_at:
            self._head_dialect = ""
        if dialect != self._head_dialect:
            self._head, self._head_dialect = self._made(dialect, now), dialect
            self._behind_at = now + _BEHIND_MS
            self._requests_behind, self._tokens_behind = self._may_be_behind
        return self._head

    def _made(self, dialect: str, now: int) -> bytes:
        if self._grantor.is_shut(self.account, now):
            return b""  # what was known of them counts no more
        # Requests at once have no header, and nobody knows when they are free.
        levels = self._grantor.levels(self.account, now)
        reset_ms = self.newest + _FREE_AFTER_MS - now
        if reset_ms <= 0:  # what this worker did not charge is others', and when they did is not known here
            reset_ms = _FREE_AFTER_MS
        requests = self._tightest(self._requests, levels, reset_ms, now)
        tokens = self._tightest(self._tokens, levels, reset_ms, now)
        if dialect != "anthropic":
            return rate_limit_head(dialect, now, requests, tokens)
        input_, output = (
            self._tightest([at for at in self._tokens if self._names[at] == name], levels, reset_ms, now)
            for name in ("itpm", "otpm")
        )
        return rate_limit_head(dialect, now, requests, tokens, input_, output)

    def used_up(self, charge: Charge, wait_ms: int, now: int) -> GatewayError:
        """There is no room for `charge` before `wait_ms` have passed."""
        found = zip(self.terms.dimensions, self._grantor.levels(self.account, now), strict=True)
        full = [said for dimension, level in found if (said := _full(dimension, level, charge))]
        # A shared ledger's view may be a moment old, in which it was full and does not look it any more.
        reached = "; ".join(full) or ", ".join(_COUNTED[one.name] for one in self.terms.dimensions)
        return GatewayError(
            RATE_LIMITED,
            f"Rate limit reached for key '{self.key_id}' on {reached}. Please try again in {wait_ms / 1000:g} s.",
            retry_after_s=wait_ms / 1000,
        )

    def unknown(self) -> GatewayError:
        """The shared ledger is away, and nothing is granted without it."""
        self._head_dialect = ""  # its lines said what was known
        return GatewayError(
            LIMITS_UNAVAILABLE,
            f"The limits of key '{self.key_id}' cannot be checked: the ledger that counts them is away.",
            retry_after_s=PROBE_MS_MAX / 1000,
        )

    def _tightest(
        self, places: Sequence[int], levels: Sequence[tuple[int, int]], reset_ms: int, now: int
    ) -> Standing | None:
        """Of the limits at `places` in `levels`, the one with least left; `reset_ms` is that of a minute's."""
        found = None
        for at in places:
            used, limit = levels[at]
            left = limit - used if limit > used else 0
            if found is None or left < found[1]:
                reset = reset_ms if self._names[at] != "rpd" else _DAY_MS - now % _DAY_MS
                found = limit, left, reset if used else 0
        return found

    def _too_large(self, tokens: int) -> GatewayError:
        """No waiting helps, so it is no 429: those are tried again."""
        over = [
            f"{one.limit} {_COUNTED[one.name]}"
            for one in self.terms.dimensions
            if one.name in ("tpm", "itpm") and tokens > one.limit
        ]
        return GatewayError(
            REQUEST_TOO_LARGE,
            f"This request alone is more than key '{self.key_id}' may use: its input is about {tokens} tokens, "
            f"the limit {' and '.join(over)}.",
        )


def _full(dimension: Dimension, level: tuple[int, int], charge: Charge) -> str:
    """What a refusal says of a dimension that has no room for `charge`; nothing of others."""
    used, limit = level
    counted = _COUNTED[dimension.name]
    if dimension.axis == CONCURRENCY:
        return f"{counted}: limit {limit}, running {used}" if used >= limit else ""
    asked = charge[dimension.axis]
    if not asked or used + asked <= limit:
        return ""
    said = f"{counted}: limit {limit}, used {used}"
    return said if dimension.axis == REQUESTS else f"{said}, requested {asked}"
