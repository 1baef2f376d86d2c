"""Gemini: what a request charges and what its errors mean (admission reference §1.2–1.4); headers tell nothing.

Tokens per minute are input tokens. Quotas per day last until midnight in Los Angeles, whatever RetryInfo says.
"""

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from gateway.charge import Charge, Estimate
from gateway.exchange import Usage
from gateway.record import replace
from gateway.settings.snapshot import Provider
from gateway.upstream.dimension import Dimension
from gateway.upstream.durations import duration
from gateway.upstream.error_reply import ErrorReply, read_error
from gateway.upstream.forbidden import FORBIDDEN
from gateway.upstream.observed import Observed
from gateway.upstream.resets import next_pacific_midnight
from gateway.upstream.retry_after import Headers
from gateway.upstream.verdict import BLOCK_MAX_S, Rule, Verdict, judge
from keys.secret import Secret

_400 = frozenset({400})
_403 = frozenset({403})
_RULES = (
    Rule("credential", _400, frozenset({"api_key_invalid"})),
    # Other preconditions that fail are about what the caller asked for.
    Rule(
        "credential",
        _400,
        says=re.compile("User location is not supported|Gemini API free tier"),
    ),
    # Of a PERMISSION_DENIED the reason says what it is about. Without one it may be a file or a cache of another's
    # ("The caller does not have permission"), which anybody can ask for.
    Rule(
        "credential",
        _403,
        frozenset(
            {
                "consumer_suspended",
                "consumer_invalid",
                "service_disabled",
                "api_key_invalid",
                "api_key_expired",
                "api_key_http_referrer_blocked",
                "api_key_ip_address_blocked",
                "account_state_invalid",
            }
        ),
        re.compile(
            "Permission denied: Consumer |(?:Gemini|Generative Language) API has not been used in project"
            "|(?:Gemini|This service) has been disabled in this account"
        ),
    ),
    # Keys may be restricted to some methods, and callers choose the method.
    Rule("model", _403, frozenset({"api_key_service_blocked"})),
    *FORBIDDEN,
)
_VIOLATIONS_MAX = 32


class Gemini:
    __slots__ = ()

    request_slice_s: float | None = None

    def at_start(self, estimate: Estimate) -> Charge:
        prompt = estimate.input_upper
        output, bound = estimate.output, estimate.output_max
        if bound is not None and bound < output:
            output = bound
        return Charge(1, prompt, output, prompt)

    def at_end(self, usage: Usage, started: Charge) -> Charge:
        if usage.source == "none":
            return started
        return Charge(started.requests, usage.input, usage.output, usage.input)

    def at_refusal(self, started: Charge) -> Charge:
        """A 400 or 500 is not billed but counts against the quota (§1.2)."""
        return replace(started, output=0)

    def observe(self, _headers: Headers, _now: datetime) -> tuple[Observed, ...]:
        return ()

    def verdict(self, status: int, headers: Headers, body: bytes, now_utc: datetime) -> Verdict:
        reply = read_error(body)
        found = judge(_RULES, status, headers, reply, (), now_utc)
        if (found.cause or found.kind) != "rate":
            return found
        return _spent(found, _violations(reply), _retry_delay(reply), now_utc)


def _spent(found: Verdict, ids: list[str], delay_s: float | None, now: datetime) -> Verdict:
    """A quota per day outlasts all others that were exceeded with it."""
    daily = [words for words in ids if "perday" in words or "per_day" in words]
    if daily:
        dimension: Dimension = "tpd" if any("token" in words for words in daily) else "rpd"
        until = next_pacific_midnight(now)
        if found.kind == "mid_stream":
            return found._replace(dimension=dimension, block_s=None, until_utc=until, cause="quota")
        return Verdict("quota", dimension, until_utc=until)
    counted: set[Dimension] = {"tpm" if "token" in words else "rpm" for words in ids}
    dimension_hit = counted.pop() if len(counted) == 1 else None
    return found._replace(dimension=dimension_hit, block_s=found.block_s if delay_s is None else delay_s)


def _violations(reply: ErrorReply) -> list[str]:
    """The exceeded quotas: id and metric of each, lower-cased."""
    found: list[str] = []
    for part in reply.details():
        violations = part.get("violations")
        listed = violations[:_VIOLATIONS_MAX] if isinstance(violations, list) else []
        found += [
            f"{_text(one, 'quotaId')} {_text(one, 'quotaMetric')}" for one in listed if isinstance(one, dict)
        ]
    return found


def _retry_delay(reply: ErrorReply) -> float | None:
    for part in reply.details():
        delay = duration(_text(part, "retryDelay"))
        if delay is not None and delay <= BLOCK_MAX_S:
            return delay
    return None


def _text(part: dict[str, Any], name: str) -> str:
    value = part.get(name)
    return value[:256].lower() if isinstance(value, str) else ""


CHARGES = Gemini()


def path(provider: Provider, api_path: str, model: str | None) -> str:
    """`api_path` is what is done with a model (`:generateContent`), or names no model (`/models`)."""
    if model is None or not api_path.startswith(":"):
        return f"{provider.base_path}/v1beta{api_path}"
    return f"{provider.base_path}/v1beta/models/{quote(model, safe='')}{api_path}"


def credential(secret: Secret) -> bytes:
    """Never as `?key=`, which ends up in logs."""
    return b"x-goog-api-key: " + secret.reveal().encode() + b"\r\n"
