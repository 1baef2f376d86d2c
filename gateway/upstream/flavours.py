"""What differs between the providers of the OpenAI dialect, as data (wire reference §1.4, admission reference §1).

Names of headers and words of errors are those seen on the wire; a provider without a row here gets OpenAI's.
"""

import re
from datetime import datetime

from gateway.upstream.compatible import Flavour
from gateway.upstream.durations import moment
from gateway.upstream.error_reply import ErrorReply
from gateway.upstream.forbidden import FORBIDDEN
from gateway.upstream.observed import HeaderTable, Names
from gateway.upstream.resets import next_month
from gateway.upstream.verdict import Rule

_429 = frozenset({429})
_403 = frozenset({403})
_REFUSED = frozenset({400, 402, 403, 429})
#: "Drop to the previous rate, hold at least 15 minutes" (OpenAI's error guide, admission reference §1.4).
SLOW_DOWN_HOLD_S = 900.0
_TOGETHER_HOLD_S = 60.0


def _at_the_months_end(_: ErrorReply, now: datetime) -> datetime | None:
    return next_month(now)


def _when_told(reply: ErrorReply, now: datetime) -> datetime | None:
    """OpenRouter repeats its headers in the body, the reset in milliseconds since 1970."""
    for part in reply.details():
        headers = part.get("headers")
        told = headers.get("X-RateLimit-Reset") if isinstance(headers, dict) else None
        if isinstance(told, str | int):
            return moment(str(told)[:32], now)
    return None


OPENAI_RULES = (
    Rule(
        "quota", _REFUSED, frozenset({"organization_usage_limit_exceeded"}), until=_at_the_months_end,
    ),
    Rule(
        "quota", _REFUSED,
        frozenset({
            "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded", "billing_hard_limit_reached", "billing_not_active",
        }),
    ),
    Rule("ramp", frozenset({429, 503}), frozenset({"slow_down"}), re.compile("Slow down", re.I), SLOW_DOWN_HOLD_S),
    Rule("capacity", _429, frozenset({"resource_unavailable"}), re.compile("(?:429 )?Resource unavailable", re.I)),
    # Waiting does not help what is larger than the ceiling. Groq says so with 413.
    Rule("caller", frozenset({413, 429}), says=re.compile("Request too large")),
    *FORBIDDEN,
)  # fmt: skip
_BARE = HeaderTable(())


def _per_minute(requests: str, tokens: str, *, reset: bool = True) -> tuple[Names, Names]:
    def names(what: str) -> tuple[bytes, bytes, bytes]:
        limit, remaining, full = (
            f"x-ratelimit-{one}-{what}".encode() for one in ("limit", "remaining", "reset")
        )
        return limit, remaining, full if reset else b""

    return Names("rpm", *names(requests)), Names("tpm", *names(tokens))


OPENAI_HEADERS = HeaderTable((
    *_per_minute("requests", "tokens"),
    Names(
        "tpm",
        b"x-ratelimit-limit-project-tokens",
        b"x-ratelimit-remaining-project-tokens",
        b"x-ratelimit-reset-project-tokens",
    ),
))  # fmt: skip
_GROQ = _per_minute("requests", "tokens")

OPENAI = Flavour(OPENAI_HEADERS, OPENAI_RULES)
FLAVOURS: dict[str, Flavour] = {
    "openai": OPENAI,
    "sim": OPENAI,
    "generic": OPENAI,
    # Its requests are those of a day, its tokens those of a minute; cached tokens are free.
    "groq": Flavour(
        HeaderTable((_GROQ[0]._replace(dimension="rpd"), _GROQ[1])), OPENAI_RULES, counts_cached=False
    ),
    "mistral": Flavour(
        HeaderTable(_per_minute("req-minute", "tokens-minute", reset=False)),
        (Rule("capacity", _429, frozenset({"3505", "service_tier_capacity_exceeded"})), *OPENAI_RULES),
    ),
    # Counts what is in flight and tells nothing about it.
    "deepseek": Flavour(_BARE, OPENAI_RULES),
    # Whether its resets are durations or points in time is not documented: they are not read.
    "xai": Flavour(
        HeaderTable(_per_minute("requests", "tokens", reset=False)),
        (
            Rule("quota", _REFUSED, says=re.compile(r"Your (?:newly created )?team\b.{0,200}\bcredits\b")),
            # What a key may do is set for each endpoint and model of its team.
            Rule("model", _403, says=re.compile(r"Access to the .{0,40}endpoint is denied")),
            *OPENAI_RULES,
        ),
    ),
    "openrouter": Flavour(
        _BARE,
        (
            Rule("capacity", frozenset({402}), frozenset({"in_flight_budget_exhausted"})),
            Rule("caller", frozenset({402}), frozenset({"weight_exceeds_budget"})),
            Rule(
                "quota", _429, frozenset({"openrouter_free_tier_daily"}),
                re.compile("Rate limit exceeded: free-models-per-day"), until=_when_told,
            ),
            # The limit of the provider behind it, not the key's.
            Rule("capacity", _429, says=re.compile("Provider returned error")),
            # What was set for the key in all or for a day, week or month. Other 403s are moderation.
            Rule("quota", _403, says=re.compile("Key limit exceeded")),
            *OPENAI_RULES,
        ),
    ),
    # Limits follow recent use and are not told; 429 is a spike above them, 503 is Together's own trouble.
    "together": Flavour(
        _BARE,
        (
            Rule(
                "ramp", _429, frozenset({"dynamic_request_limited", "dynamic_token_limited"}),
                hold_s=_TOGETHER_HOLD_S,
            ),
            *OPENAI_RULES,
        ),
    ),
    # Places only: a full line is a 503 (admission reference §1.4), what was not computed costs nothing.
    "vllm": Flavour(_BARE, (Rule("saturation", frozenset({503})), *OPENAI_RULES), refunds=True),
}  # fmt: skip
