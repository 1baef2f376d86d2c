"""What a provider's error means for the key that was used (admission reference §1.4).

`refusal` says what the caller is told; here is what dispatching makes of it. Callers must not be able to shut a
key by having their own words quoted in an error: rules go by the provider's codes, or by how a message begins.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from gateway.upstream.dimension import Dimension, dimension_named
from gateway.upstream.durations import duration
from gateway.upstream.error_reply import ErrorReply
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.observed import Observed
from gateway.upstream.retry_after import Headers, retry_after_s

Kind = Literal[
    "rate",  # a ceiling was hit: block `dimension` (None: not told which) for `block_s`; not a matter of health
    "quota",  # spent until `until_utc` (None: nobody knows): take the key out, never retry on it
    "ramp",  # rising too fast: fall back to the rate before and stay there for `hold_s`
    "health",  # the provider is in trouble
    "capacity",  # no room for this model or tier at the moment: not the key's ceiling, and not charged
    "mid_stream",  # an error inside a 200: settle what came, no transparent retry; `cause` says why
    "saturation",  # a model server's line is full: lower the concurrency
    "credential",  # the key is not accepted: needs a person (or a fresh secret)
    "model",  # the key may not use this model, and others it may: leave key × model out for a while
    "caller",  # the request's own fault, or our own doing: nothing is wrong with the key
]


class Verdict(NamedTuple):
    """What is not told is None: the provider says rarely how long."""

    kind: Kind
    dimension: Dimension | None = None
    block_s: float | None = None
    until_utc: datetime | None = None
    hold_s: float | None = None
    cause: Kind | None = None


class Rule(NamedTuple):
    """The kind of an error with one of these statuses that has one of the codes, or a message that begins so.

    A rule with neither is about the statuses alone.
    """

    kind: Kind
    statuses: frozenset[int]
    codes: frozenset[str] = frozenset()
    says: re.Pattern[str] | None = None
    hold_s: float | None = None
    until: Callable[[ErrorReply, datetime], datetime | None] | None = None

    def fits(self, status: int, reply: ErrorReply) -> bool:
        if status not in self.statuses:
            return False
        if self.codes.isdisjoint(reply.codes):
            return self.says.match(reply.message) is not None if self.says else not self.codes
        return True


#: Longer waits are not what a ceiling makes one wait; who is told them falls back on their own delay.
BLOCK_MAX_S = 86_400.0
_BY_STATUS: dict[int, Kind] = {
    401: "credential", 402: "quota", 408: "health", 429: "rate", 498: "capacity",
}  # fmt: skip
#: What OpenAI says of a response that failed for what was asked.
_OF_A_PROMPT = (
    "invalid_prompt", "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url",
    "image_too_large", "image_too_small", "image_parse_error", "image_content_policy_violation",
    "invalid_image_mode", "image_file_too_large", "unsupported_image_media_type", "empty_image_file",
    "failed_to_download_image", "image_file_not_found",
)  # fmt: skip
#: What errors inside a 200 would have had as status: they name it, or have one of these words.
_STATUS_OF_WORD: dict[str, int] = {
    **dict.fromkeys(_OF_A_PROMPT, 400),
    "invalid_request_error": 400, "invalid_argument": 400, "authentication_error": 401, "unauthenticated": 401,
    "billing_error": 402, "permission_error": 403, "permission_denied": 403, "not_found_error": 404,
    "request_too_large": 413, "rate_limit_error": 429, "rate_limit_exceeded": 429, "rate_limited": 429,
    "insufficient_quota": 429, "resource_exhausted": 429, "slow_down": 429, "api_error": 500,
    "server_error": 500, "internal": 500, "service_unavailable_error": 503, "server_is_overloaded": 503,
    "unavailable": 503, "timeout_error": 504, "deadline_exceeded": 504, "overloaded_error": 529,
}  # fmt: skip
#: OpenAI, Groq: "try again in 6m0s"; Azure: "retry after 26 seconds"; Gemini: "retry in 45.5s".
_SAID = re.compile(
    r"\b(?:try again|retry) (?:in|after) ([0-9][0-9.a-zµ]{0,30})(?: (millisecond|second|minute|hour))?",
    re.I,
)
_SCALES = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0, "": 1.0}


def judge(
    rules: Sequence[Rule],
    status: int,
    headers: Headers,
    reply: ErrorReply,
    observed: Sequence[Observed],
    now: datetime,
) -> Verdict:
    """The first rule that fits, otherwise what the status says."""
    if status < 300:
        inner = judge(rules, status_inside(reply), headers, reply, observed, now)
        return inner._replace(kind="mid_stream", cause=inner.kind)
    rule = next((rule for rule in rules if rule.fits(status, reply)), None)
    kind = rule.kind if rule is not None else kind_of_status(status)
    if kind == "quota":
        until = rule.until(reply, now) if rule is not None and rule.until is not None else None
        return Verdict(kind, dimension_named(reply), until_utc=until)
    if kind == "rate":
        dimension = dimension_named(reply) or _exhausted(observed)
        wait = wait_s(headers, reply, now)
        return Verdict(kind, dimension, _reset_of(dimension, observed) if wait is None else wait)
    if kind == "caller":  # too large for a ceiling, where it is one that refused
        return Verdict(kind, dimension_named(reply) if status in (413, 429) else None)
    if kind in ("credential", "model"):
        return Verdict(kind)
    if kind == "health":  # messages of what went wrong inside may quote anything
        return Verdict(kind, None, told_s(headers, now))
    return Verdict(kind, None, wait_s(headers, reply, now), hold_s=rule.hold_s if rule is not None else None)


def kind_of_status(status: int) -> Kind:
    return _BY_STATUS.get(status) or ("caller" if 400 <= status < 500 else "health")


def status_inside(reply: ErrorReply) -> int:
    """The status of an error inside a 200: what it says (OpenRouter, vLLM, Google), or what its words mean."""
    for word in reply.codes:
        if len(word) == 3 and word.isascii() and word.isdigit() and word >= "400":
            return int(word)
    return max((_STATUS_OF_WORD[word] for word in reply.codes if word in _STATUS_OF_WORD), default=500)


def verdict_of_failure(failure: UpstreamFailure) -> Verdict:
    """A transport failure is a sign of ill health, unless we ended the exchange ourselves."""
    ours = failure.kind in ("closed", "too_large", "exchange_timeout")
    return Verdict("caller" if ours else "health")


def wait_s(headers: Headers, reply: ErrorReply, now: datetime) -> float | None:
    """How long to stay away, from the headers or else the message; None when it is not told or beyond a day."""
    wait = told_s(headers, now)
    if wait is None:
        said = _SAID.search(reply.message)
        told = duration(said[1].rstrip(".")) if said else None
        wait = told * _SCALES[said[2] or ""] if said and told is not None else None
    return wait if wait is not None and wait <= BLOCK_MAX_S else None


def told_s(headers: Headers, now: datetime) -> float | None:
    """The same by the headers alone."""
    wait = retry_after_s(headers, now)
    return wait if wait is not None and wait <= BLOCK_MAX_S else None


def _exhausted(observed: Sequence[Observed]) -> Dimension | None:
    """The one dimension of which nothing remains."""
    empty = {seen.dimension for seen in observed if seen.remaining == 0}
    return empty.pop() if len(empty) == 1 else None


def _reset_of(dimension: Dimension | None, observed: Sequence[Observed]) -> float | None:
    waits = [seen.reset_in_s for seen in observed if seen.dimension == dimension and seen.remaining == 0]
    told = [wait for wait in waits if wait is not None and wait <= BLOCK_MAX_S]
    return max(told, default=None)
