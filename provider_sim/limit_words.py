"""How each provider tells about its ceilings: headers on every answer, and the refusal when one is hit.

Formats from `reference/admission.md` §1.3–1.4: OpenAI's Go durations, Anthropic's RFC 3339 resets and whole
seconds, Gemini's QuotaFailure and RetryInfo (misleading for daily quotas, on purpose), Ollama's plain 503.
"""

import math
from datetime import UTC, datetime, timedelta

from provider_sim.account import Account, Denied
from provider_sim.errors import Dialect, Refusal

PER = {
    "requests": "requests per min (RPM)", "tokens": "tokens per min (TPM)",
    "requests_per_day": "requests per day (RPD)", "tokens_per_day": "tokens per day (TPD)",
    "input_tokens": "input tokens per min (TPM)", "output_tokens": "output tokens per min (TPM)",
    "concurrency": "concurrent requests",
}  # fmt: skip
WORDS = {
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "tokens": "tokens",
    "requests": "requests",
}


def go_duration(seconds: float) -> str:
    """`120ms`, `1s`, `6m0s`, `23h18m29.144s`."""
    if seconds <= 0:
        return "0s"
    if seconds < 1:
        return f"{max(1, math.ceil(seconds * 1000))}ms"
    milliseconds = math.ceil(seconds * 1000)
    hours, milliseconds = divmod(milliseconds, 3_600_000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    rest = f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{rest}"
    return f"{minutes}m{rest}" if minutes else rest


def rate_headers(account: Account, now: float, wall: datetime) -> list[tuple[bytes, bytes]]:
    """The ceilings' headers; none without ceilings, and none ever from Gemini and Ollama."""
    style = account.limits.style
    if not account.limited or style in {"gemini", "ollama"}:
        return []
    state = account.state(now)
    headers: list[tuple[str, str]] = []
    if style == "anthropic":
        if "input_tokens" in state and "tokens" not in state:
            state["tokens"] = _tightest(state)
        for name, word in (
            ("requests", "requests"), ("tokens", "tokens"),
            ("input_tokens", "input-tokens"), ("output_tokens", "output-tokens"),
        ):  # fmt: skip
            if name in state:
                at = (wall + timedelta(seconds=state[name]["reset_s"])).astimezone(UTC)
                headers += [
                    (f"anthropic-ratelimit-{word}-limit", f"{state[name]['limit']:.0f}"),
                    (f"anthropic-ratelimit-{word}-remaining", f"{state[name]['remaining']:.0f}"),
                    (f"anthropic-ratelimit-{word}-reset", at.strftime("%Y-%m-%dT%H:%M:%SZ")),
                ]
    else:
        for name, word in (("requests", "requests"), ("tokens", "tokens")):
            found = state.get(name) or state.get(f"{name}_per_day")
            if found:
                headers += [
                    (f"x-ratelimit-limit-{word}", f"{found['limit']:.0f}"),
                    (f"x-ratelimit-remaining-{word}", f"{found['remaining']:.0f}"),
                    (f"x-ratelimit-reset-{word}", go_duration(found["reset_s"])),
                ]
    return [(name.encode(), value.encode()) for name, value in headers]


def _tightest(state: dict[str, dict[str, float]]) -> dict[str, float]:
    tokens = [state[name] for name in ("input_tokens", "output_tokens") if name in state]
    return {
        "limit": sum(one["limit"] for one in tokens),
        "remaining": sum(one["remaining"] for one in tokens),
        "reset_s": max(one["reset_s"] for one in tokens),
    }


def refusal_of(dialect: Dialect, denied: Denied, model: str) -> Refusal:
    """The refusal in the dialect's words, with its retry headers."""
    if dialect == "anthropic":
        return _anthropic(denied)
    if dialect == "gemini":
        return _gemini(denied)
    if dialect == "ollama":
        if denied.kind in {"busy", "overload"}:
            return Refusal("overloaded", "server busy, please try again.  maximum pending requests exceeded")
        return Refusal("rate", "too many requests")
    return _openai(dialect, denied, model)


def _seconds(denied: Denied) -> str:
    return str(max(1, math.ceil(denied.retry_s))) if denied.retry_s < 1e9 else "60"


def _openai(dialect: Dialect, denied: Denied, model: str) -> Refusal:
    if denied.kind == "quota":
        return quota_refusal(dialect)
    if denied.kind == "ramp":
        return Refusal("slow_down", "Slow down: you are sending requests faster than your recent rate.")
    if denied.kind in {"overload", "busy"}:
        return Refusal("overloaded", "The server is currently overloaded. Please try again later.")
    per = PER.get(denied.dimension, denied.dimension)
    what = f"Rate limit reached for {model} in organization org-sim on {per}"
    if denied.retry_s == math.inf:
        message = f"Request too large for {model} in organization org-sim on {PER[denied.dimension]}: "
        message += f"Limit {denied.limit:.0f}, Requested {denied.requested:.0f}."
        return Refusal("rate", message, type=_openai_type(denied))
    message = (
        f"{what}: Limit {denied.limit:.0f}, Used {denied.used:.0f}, Requested {denied.requested:.0f}. "
        f"Please try again in {go_duration(denied.retry_s)}."
    )
    headers = [
        (b"retry-after-ms", str(math.ceil(denied.retry_s * 1000)).encode()),
        (b"retry-after", _seconds(denied).encode()),
    ]
    return Refusal("rate", message, type=_openai_type(denied), headers=headers)


def _openai_type(denied: Denied) -> str:
    return "requests" if denied.dimension in {"requests", "requests_per_day", "concurrency"} else "tokens"


def _anthropic(denied: Denied) -> Refusal:
    if denied.kind == "quota":
        return quota_refusal("anthropic")
    if denied.kind in {"overload", "busy"}:
        return Refusal("overloaded", "Overloaded")
    if denied.kind == "concurrency":
        message = "Number of concurrent connections has exceeded your rate limit. Please try again later."
    elif denied.kind == "ramp":
        message = (
            "This request would exceed your organization's maximum usage increase rate for tokens per minute."
        )
    else:
        message = (
            f"This request would exceed your organization's rate limit of {denied.limit:.0f} "
            f"{WORDS.get(denied.dimension, 'requests')} per minute."
        )
    return Refusal("rate", message, headers=[(b"retry-after", _seconds(denied).encode())])


def _gemini(denied: Denied) -> Refusal:
    if denied.kind == "quota":
        return quota_refusal("gemini")
    if denied.kind in {"overload", "busy", "ramp"}:
        return Refusal("overloaded", "The model is overloaded. Please try again later.")
    day = denied.dimension.endswith("per_day")
    tokens = "token" in denied.dimension
    what = "ContentInputTokens" if tokens else "Requests"
    name = f"Generate{what}Per{'Day' if day else 'Minute'}PerProjectPerModel"
    metric = "generate_content_paid_tier_input_token_count" if tokens else "generate_requests_per_model"
    # For a day's quota the real service names a delay of seconds; callers must read the quota's id instead.
    return gemini_quota(name, metric, denied.limit, 23.0 if day else denied.retry_s)


def gemini_quota(quota_id: str, metric: str, limit: float, delay_s: float) -> Refusal:
    """429 RESOURCE_EXHAUSTED with its details."""
    delay = f"{min(delay_s, 86_400.0):.9f}".rstrip("0").rstrip(".") + "s"
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [
                {
                    "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
                    "quotaId": quota_id,
                    "quotaDimensions": {"location": "global", "model": "sim"},
                    "quotaValue": f"{limit:.0f}",
                }
            ],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    ]
    message = "You exceeded your current quota, please check your plan and billing details."
    return Refusal("rate", message, details=details)


def quota_refusal(dialect: Dialect) -> Refusal:
    """A spent quota: not to be retried, so no provider names a delay that helps."""
    if dialect == "anthropic":
        message = "You have reached your specified API usage limits. "
        message += "You will regain access on 2026-12-01 at 00:00 UTC."
        return Refusal("quota", message, details={"error_code": "enforced_spend_limit_reached"})
    if dialect == "gemini":
        return gemini_quota(
            "GenerateRequestsPerDayPerProjectPerModel", "generate_requests_per_model_per_day", 0, 23.0
        )
    if dialect == "ollama":
        return Refusal("quota", "you've reached your usage limit, please upgrade to continue")
    message = "You exceeded your current quota, please check your plan and billing details."
    return Refusal("quota", message)
