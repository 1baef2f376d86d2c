"""The account of a tenant key that has limits: how full it is, as answers tell it, and why it says no.

Reads what the grantor holds and charges nothing (`reserve.py` does). Times are `LedgerTime`'s milliseconds.
"""

from gateway.admission.dimension import CONCURRENCY, WINDOW_MS, AccountTerms, Dimension
from gateway.admission.grantor import Grantor
from gateway.admission.ledger import Usage
from gateway.admission.window import jitter_ms, slot_ms
from gateway.charge import REQUESTS, Charge
from gateway.dialects.rate_limit_head import Standing, most_restrictive, rate_limit_head
from gateway.errors import RATE_LIMITED, REQUEST_TOO_LARGE, GatewayError

#: After so long a charge has left its window for certain.
_FREE_AFTER_MS = WINDOW_MS + jitter_ms(WINDOW_MS) + slot_ms(WINDOW_MS)
_DAY_MS = 86_400_000
_COUNTED = {
    "rpm": "requests per minute",
    "tpm": "tokens per minute",
    "itpm": "input tokens per minute",
    "otpm": "output tokens per minute",
    "rpd": "requests per day (UTC)",
    "concurrency": "requests at once",
}


class Allowance:
    """What one tenant key may use. `newest` is when this worker last charged something on it."""

    __slots__ = ("_grantor", "key_id", "newest", "terms")

    def __init__(self, key_id: str, terms: AccountTerms, grantor: Grantor) -> None:
        self.key_id = key_id
        self.terms = terms
        self.newest = 0
        self._grantor = grantor

    def head(self, dialect: str, now: int) -> bytes:
        """The header lines that say how full it is."""
        requests: list[Standing] = []
        tokens: dict[str, Standing] = {}
        for usage in self._grantor.usage(self.terms.id, now):
            name, limit = usage.dimension, usage.limit
            standing = Standing(limit, max(0, limit - usage.used), self._reset_ms(usage, now))
            if name in ("rpm", "rpd"):
                requests.append(standing)
            elif name != "concurrency":  # it has no header, and nobody knows when it is free
                tokens[name] = standing
        return rate_limit_head(
            dialect,
            now,
            most_restrictive(requests),
            most_restrictive(list(tokens.values())),
            tokens.get("itpm"),
            tokens.get("otpm"),
        )

    def too_large(self, charge: Charge) -> GatewayError:
        """No waiting helps: the request alone is more than a limit. Told apart from 429, which SDKs try again."""
        over = [
            f"{charge[one.axis]}, where the limit is {one.limit} {_COUNTED[one.name]}"
            for one in self.terms.dimensions
            if one.axis != CONCURRENCY and charge[one.axis] > one.limit
        ]
        return GatewayError(
            REQUEST_TOO_LARGE,
            f"This request is too large for the limits of key '{self.key_id}': it may take {'; '.join(over)}.",
        )

    def used_up(self, charge: Charge, wait_ms: int, now: int) -> GatewayError:
        """There is no room for `charge` before `wait_ms` have passed."""
        found = zip(self.terms.dimensions, self._grantor.usage(self.terms.id, now), strict=True)
        full = [said for dimension, usage in found if (said := _full(dimension, usage, charge))]
        # A shared ledger's view may be a moment old, in which it was full and does not look it any more.
        reached = "; ".join(full) or ", ".join(_COUNTED[one.name] for one in self.terms.dimensions)
        return GatewayError(
            RATE_LIMITED,
            f"Rate limit reached for key '{self.key_id}' on {reached}. Please try again in {wait_ms / 1000:g} s.",
            retry_after_s=wait_ms / 1000,
        )

    def _reset_ms(self, usage: Usage, now: int) -> int:
        if not usage.used:
            return 0
        if usage.dimension == "rpd":
            return _DAY_MS - now % _DAY_MS
        free_at = self.newest + _FREE_AFTER_MS
        return (
            free_at - now if free_at > now else _FREE_AFTER_MS
        )  # what others charged, when is not known here


def _full(dimension: Dimension, usage: Usage, charge: Charge) -> str:
    """What a refusal says of a dimension that has no room for `charge`; nothing of others."""
    counted, limit = _COUNTED[dimension.name], usage.limit
    if dimension.axis == CONCURRENCY:
        return f"{counted}: limit {limit}, running {usage.used}" if usage.used >= limit else ""
    asked = charge[dimension.axis]
    if not asked or usage.used + asked <= limit:
        return ""
    said = f"{counted}: limit {limit}, used {usage.used}"
    return said if dimension.axis == REQUESTS else f"{said}, requested {asked}"
