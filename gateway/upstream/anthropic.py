"""Anthropic: what a request charges, and what its headers and errors mean (admission reference §1.1–§1.4).

Input counts without what is read from the prompt cache, output as it is produced; `max_tokens` does not count.
(Claude 3.5 Haiku, which counts cache reads too, is of the past.)
"""

import re
from datetime import UTC, datetime

from gateway.charge import Charge, Estimate
from gateway.exchange import Usage
from gateway.settings.snapshot import Provider
from gateway.upstream.durations import until_timestamp
from gateway.upstream.error_reply import ErrorReply, read_error
from gateway.upstream.forbidden import FORBIDDEN
from gateway.upstream.observed import HeaderTable, Names, Observed
from gateway.upstream.resets import next_month
from gateway.upstream.retry_after import Headers, retry_after_s
from gateway.upstream.verdict import Rule, Verdict, judge
from keys.secret import Secret

_429 = frozenset({429})
_TOKENS = ("itpm", "otpm")
#: "Will increase at the next minute boundary", says the message.
RAMP_HOLD_S = 60.0
_REGAIN = re.compile(r"\bregain access on (\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d))?", re.ASCII)
_QUOTA_MAX_S = 370 * 86400
_NAMES_A_CEILING = re.compile(r"rate limit of|per (?:minute|hour|day)|concurrent")


def _names(what: str) -> tuple[bytes, bytes, bytes]:
    start = f"anthropic-ratelimit-{what}-"
    return f"{start}limit".encode(), f"{start}remaining".encode(), f"{start}reset".encode()


_HEADERS = HeaderTable(
    (
        Names("rpm", *_names("requests")),
        Names("itpm", *_names("input-tokens")),
        Names("otpm", *_names("output-tokens")),
        Names("tpm", *_names("tokens")),
    ),
    until_timestamp,
)


def _regained(reply: ErrorReply, now: datetime) -> datetime | None:
    """The moment that the message names, otherwise the 1st of the next month, 00:00 UTC."""
    said = _REGAIN.search(reply.message)
    if said is not None:
        try:
            until = datetime.fromisoformat(f"{said[1]}T{said[2] or '00:00'}").replace(tzinfo=UTC)
        except ValueError:
            return next_month(now)
        if 0 < (until - now).total_seconds() < _QUOTA_MAX_S:
            return until
    return next_month(now)


_RULES = (
    Rule("quota", _429, frozenset({"enforced_spend_limit_reached"}), until=_regained),
    Rule(
        "quota", frozenset({400, 403, 429}),
        says=re.compile(r"You have reached your specified (?:workspace )?API usage limits"), until=_regained,
    ),
    Rule("quota", frozenset({400, 402, 403}), says=re.compile("Your credit balance is too low")),
    Rule(
        "ramp", _429,
        says=re.compile(r"This request would exceed .{0,200}(?:maximum usage increase rate|acceleration limit)"),
        hold_s=RAMP_HOLD_S,
    ),
    # "Your API key does not have permission to use the specified resource" may be about a caller's file: no rule.
    Rule(
        "credential", frozenset({403}),
        says=re.compile("OAuth (?:token has been revoked|authentication is currently not allowed)"),
    ),
    *FORBIDDEN,
)  # fmt: skip


class Anthropic:
    __slots__ = ()

    request_slice_s: float | None = None

    def at_start(self, estimate: Estimate) -> Charge:
        """Output holds the room that it is expected to take; of what should be cached a tenth may not be."""
        prompt = estimate.input_upper - estimate.cached * 9 // 10
        if prompt < 0:
            prompt = 0
        output, bound = estimate.output, estimate.output_max
        if bound is not None and bound < output:
            output = bound
        return Charge(1, prompt, output, prompt + output)

    def at_end(self, usage: Usage, started: Charge) -> Charge:
        if usage.source == "none":
            return started
        prompt = max(0, usage.input - usage.cache_read)
        return Charge(started.requests, prompt, usage.output, prompt + usage.output)

    def at_refusal(self, started: Charge) -> Charge:
        """Nothing was produced; whether the input counts is not documented, so it stays charged."""
        return Charge(started.requests, started.input, 0, started.input)

    def observe(self, headers: Headers, now: datetime) -> tuple[Observed, ...]:
        """`…-tokens-*` is the most restrictive ceiling in force: of use only where it is not one of the others."""
        seen = _HEADERS.read(headers, now)
        if not seen or seen[-1].dimension != "tpm":
            return seen
        limit = seen[-1].limit
        for one in seen:
            if one.dimension in _TOKENS and (limit is None or (one.limit is not None and one.limit <= limit)):
                return seen[:-1]
        return seen

    def verdict(self, status: int, headers: Headers, body: bytes, now_utc: datetime) -> Verdict:
        seen, reply = self.observe(headers, now_utc), read_error(body)
        found = judge(_RULES, status, headers, reply, seen, now_utc)
        if found.kind != "rate" or status != 429:
            return found
        if retry_after_s(headers, now_utc) is None:  # a spend cap of the tier (wire reference §1.4)
            return Verdict("quota")
        remaining = [one.remaining for one in seen if one.remaining is not None]
        if remaining and min(remaining) > 0 and not _NAMES_A_CEILING.search(reply.message):
            return Verdict("ramp", None, found.block_s, hold_s=RAMP_HOLD_S)
        return found


CHARGES = Anthropic()


def path(provider: Provider, api_path: str, _model: str | None) -> str:
    return f"{provider.base_path}/v1{api_path}"


def credential(secret: Secret) -> bytes:
    return b"x-api-key: " + secret.reveal().encode() + b"\r\n"
