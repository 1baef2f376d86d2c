"""Every way the gateway says no: one row a condition, with what each dialect calls it.

The rows are wire reference §1.4. A `GatewayError` names a row and adds what the caller needs to mend the
request; `gateway.dialects.errors` turns it into bytes. Messages never hold secrets, prompts or stack traces.
"""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the error table.

    `should_retry` is what SDKs are told in `x-should-retry`; None leaves them to their own rules. `retryable` is
    for ourselves: another provider key may succeed where this happened; a caller's own fault would only repeat.
    `anthropic_code` is Anthropic's finer word, by which its SDK chooses a class, `anthropic_says` how its message
    begins, by which programs know that a conversation must be shortened.
    """

    name: str
    status: int
    type: str
    code: str | None
    anthropic_status: int
    anthropic_type: str
    should_retry: bool | None = None
    retryable: bool = False
    anthropic_code: str | None = None
    anthropic_says: str = ""


_REQUEST = "invalid_request_error"


def _bad_request(code: str, status: int = 400) -> Condition:
    return Condition(code, status, _REQUEST, code, status, _REQUEST)


def _upstream(code: str, status: int, kind: str, *, should_retry: bool = True) -> Condition:
    """The provider's doing, or that of the way there: another one may do better."""
    return Condition(code, status, kind, code, status, "api_error", should_retry, retryable=True)


INVALID_JSON = _bad_request("invalid_json")
MISSING_PARAMETER = _bad_request("missing_required_parameter")
INVALID_TYPE = _bad_request("invalid_type")
INVALID_VALUE = _bad_request("invalid_value")
#: What the model behind cannot be asked, or would have to lose where nothing may be lost.
UNSUPPORTED_PARAMETER = _bad_request("unsupported_parameter")
UNSUPPORTED_VALUE = _bad_request("unsupported_value")
CONTEXT_TOO_LONG = replace(_bad_request("context_length_exceeded"), anthropic_says="prompt is too long: ")
BAD_FRAMING = _bad_request("bad_framing")
AMBIGUOUS_CREDENTIALS = _bad_request("ambiguous_credentials")
PREVIOUS_RESPONSE_NOT_FOUND = _bad_request("previous_response_not_found")
NO_CREDENTIALS = Condition("no_credentials", 401, _REQUEST, None, 401, "authentication_error")
INVALID_API_KEY = Condition("invalid_api_key", 401, _REQUEST, "invalid_api_key", 401, "authentication_error")
MODEL_NOT_ALLOWED = Condition(
    "model_not_allowed", 403, "permission_error", "model_not_allowed", 403, "permission_error"
)
PRIORITY_NOT_ALLOWED = Condition(
    "priority_not_allowed", 403, "permission_error", "priority_not_allowed", 403, "permission_error"
)
KEY_NOT_ALLOWED = Condition(
    "key_not_allowed", 403, "permission_error", "key_not_allowed", 403, "permission_error"
)
#: There may be money enough, but nobody can say what it would cost.
BUDGET_CANNOT_COVER = Condition(
    "budget_cannot_cover", 403, "permission_error", "budget_cannot_cover", 403, "permission_error"
)
MODEL_NOT_FOUND = Condition("model_not_found", 404, _REQUEST, "model_not_found", 404, "not_found_error")
OBJECT_NOT_FOUND = Condition("not_found", 404, _REQUEST, "not_found", 404, "not_found_error")
UNKNOWN_URL = Condition("unknown_url", 404, _REQUEST, "unknown_url", 404, "not_found_error")
UNSUPPORTED_ENDPOINT = Condition(
    "unsupported_endpoint", 404, _REQUEST, "unsupported_endpoint", 404, "not_found_error"
)
METHOD_NOT_SUPPORTED = Condition(
    "method_not_supported", 405, _REQUEST, "method_not_supported", 404, "not_found_error"
)
REQUEST_TIMEOUT = Condition("request_timeout", 408, _REQUEST, "request_timeout", 408, "timeout_error")
IDEMPOTENCY_KEY_REUSED = _bad_request("idempotency_key_reused")
IDEMPOTENCY_IN_PROGRESS = Condition(
    "idempotency_in_progress", 409, _REQUEST, "idempotency_in_progress", 409, "conflict_error"
)
REQUEST_TOO_LARGE = Condition(
    "request_too_large", 413, _REQUEST, "request_too_large", 413, "request_too_large"
)
URI_TOO_LONG = Condition("uri_too_long", 414, _REQUEST, "uri_too_long", 414, _REQUEST)
UNSUPPORTED_MEDIA_TYPE = Condition(
    "unsupported_media_type", 415, _REQUEST, "unsupported_media_type", 400, _REQUEST
)
UNSUPPORTED_ENCODING = replace(
    UNSUPPORTED_MEDIA_TYPE, name="unsupported_encoding", anthropic_code="request_body_encoding_unsupported"
)
HEADERS_TOO_LARGE = Condition("headers_too_large", 431, _REQUEST, "headers_too_large", 431, _REQUEST)
RATE_LIMITED = Condition(
    "rate_limit_exceeded",
    429,
    "rate_limit_error",
    "rate_limit_exceeded",
    429,
    "rate_limit_error",
    retryable=True,
)
#: The provider account's own money or allowance is used up: another account may still have some, time alone not.
INSUFFICIENT_QUOTA = Condition(
    "insufficient_quota",
    429,
    "insufficient_quota",
    "insufficient_quota",
    429,
    "rate_limit_error",
    False,
    retryable=True,
)
#: The tenant's own money: nothing helps but another period, or a person.
BUDGET_EXCEEDED = replace(
    INSUFFICIENT_QUOTA,
    name="budget_exceeded",
    retryable=False,
    anthropic_code="enforced_spend_limit_reached",
)
BUDGET_UNAVAILABLE = Condition(
    "budget_unavailable",
    503,
    "service_unavailable_error",
    "budget_unavailable",
    529,
    "overloaded_error",
    True,
)
NOT_RECORDED = replace(BUDGET_UNAVAILABLE, name="not_recorded", code="not_recorded")
CLIENT_CLOSED = Condition("client_closed", 499, "client_closed", "client_closed", 499, "client_closed")
INTERNAL = Condition("internal_error", 500, "server_error", "internal_error", 500, "api_error", True)
UPSTREAM_AUTH = _upstream("upstream_auth_failed", 502, "upstream_error", should_retry=False)
UPSTREAM_ERROR = _upstream("upstream_error", 502, "upstream_error")
UPSTREAM_UNREACHABLE = _upstream("upstream_unreachable", 502, "upstream_error")
UPSTREAM_INVALID = _upstream("upstream_invalid_response", 502, "upstream_error")
#: The same, where asking again would only bring the same again and be paid for again.
UPSTREAM_TOO_LARGE = replace(UPSTREAM_INVALID, name="upstream_too_large", should_retry=False, retryable=False)
#: The same of a model's words, of which there is nothing wrong with the key: whoever asks may ask for what no model
#: can give. A further try is theirs.
ANSWER_UNFIT = replace(UPSTREAM_INVALID, name="answer_unfit", retryable=False)
UPSTREAM_INCOMPLETE = _upstream("upstream_incomplete", 502, "server_error")
UPSTREAM_OVERLOADED = Condition(
    "upstream_overloaded",
    503,
    "service_unavailable_error",
    "upstream_overloaded",
    529,
    "overloaded_error",
    True,
    retryable=True,
)
UPSTREAM_TLS = _upstream("upstream_unavailable", 503, "service_unavailable_error")
NO_ELIGIBLE_KEY = Condition(
    "no_eligible_key", 503, "service_unavailable_error", "no_eligible_key", 503, "api_error", False
)
#: The same while they only cool: SDKs come back.
NO_KEY_NOW = Condition(
    "no_key_now", 503, "service_unavailable_error", "no_eligible_key", 529, "overloaded_error", True
)
OVERLOADED = Condition(
    "overloaded", 503, "service_unavailable_error", "overloaded", 529, "overloaded_error", True
)
#: Whether a key is one cannot be found out: what keeps them is away.
KEYS_UNAVAILABLE = replace(OVERLOADED, name="keys_unavailable", code="keys_unavailable")
#: How full a tenant key's limits are cannot be found out: the ledger that counts them is away.
LIMITS_UNAVAILABLE = replace(OVERLOADED, name="limits_unavailable", code="limits_unavailable")
QUEUE_FULL = replace(OVERLOADED, name="queue_full", code="queue_full")
QUEUE_TIMEOUT = replace(OVERLOADED, name="queue_timeout", code="queue_timeout")
DEADLINE_UNREACHABLE = replace(OVERLOADED, name="deadline_unreachable", code="deadline_unreachable")
#: An operator took it out of the line.
CANCELLED_BY_ADMIN = replace(OVERLOADED, name="cancelled", code="cancelled", should_retry=False)
SHUTTING_DOWN = Condition(
    "shutting_down", 503, "service_unavailable_error", "shutting_down", 529, "overloaded_error", True
)
UPSTREAM_TIMEOUT = Condition(
    "upstream_timeout", 504, "timeout_error", "upstream_timeout", 504, "timeout_error", True, retryable=True
)
DEADLINE_EXCEEDED = Condition(
    "deadline_exceeded", 504, "timeout_error", "deadline_exceeded", 504, "timeout_error", False
)


class GatewayError(Exception):
    """A refusal or failure with its row of the table.

    `param` is the caller's own path of the offending field, `retry_after_s` what the caller is told to wait,
    `allow` the methods that the path has, `budget_reset` when there is money again.
    """

    def __init__(
        self,
        condition: Condition,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        allow: str = "",
        budget_reset: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.condition = condition
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.allow = allow
        self.budget_reset = budget_reset


class ReportedError(GatewayError):
    """An error that a provider reported inside a 200, or in the middle of a stream.

    `event` is the JSON that it came in, unread: what it means for the key, and what of its words a caller may see,
    is found out by who knows the key (`gateway.upstream.refusal`).
    """

    def __init__(self, event: bytes) -> None:
        super().__init__(UPSTREAM_ERROR, "The provider reported an error.")
        self.event = event
