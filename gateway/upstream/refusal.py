"""How a provider says no, in our own words: its error bodies and transport failures as rows of the error table.

What is about our credential is a 502 to the caller, our account without money a 429 that is not to be repeated; a
provider's 429 and overload keep their meaning; other 4xx, a 403 among them, are about the caller's request and are
passed on, scrubbed (wire reference §1.4). Which of these a 403 is, the adapter's verdict says.
"""

import re
from datetime import UTC, datetime
from typing import Any

from gateway.errors import (
    CONTEXT_TOO_LONG,
    DEADLINE_EXCEEDED,
    INSUFFICIENT_QUOTA,
    INTERNAL,
    INVALID_VALUE,
    MODEL_NOT_FOUND,
    RATE_LIMITED,
    REQUEST_TOO_LARGE,
    UPSTREAM_AUTH,
    UPSTREAM_ERROR,
    UPSTREAM_INCOMPLETE,
    UPSTREAM_INVALID,
    UPSTREAM_OVERLOADED,
    UPSTREAM_TIMEOUT,
    UPSTREAM_TLS,
    UPSTREAM_TOO_LARGE,
    UPSTREAM_UNREACHABLE,
    Condition,
    GatewayError,
)
from gateway.settings.snapshot import ProviderKey
from gateway.upstream.error_reply import error_detail, error_message, error_reply
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.retry_after import Headers, retry_after_s
from gateway.upstream.verdict import Kind, kind_of_status, status_inside

NO_CREDENTIAL = "The gateway has no credential for the provider at the moment."
_FAILURES: dict[str, tuple[Condition, str]] = {
    "connect": (UPSTREAM_UNREACHABLE, "The provider could not be reached."),
    "connect_timeout": (UPSTREAM_TIMEOUT, "Connecting to the provider took too long."),
    "tls": (UPSTREAM_TLS, "The provider's certificate could not be verified."),
    "reset": (UPSTREAM_UNREACHABLE, "The provider closed the connection before answering."),
    "garbage": (UPSTREAM_INVALID, "The provider's answer is not valid HTTP."),
    "incomplete": (UPSTREAM_INCOMPLETE, "The provider's answer ended before it was finished."),
    "too_large": (UPSTREAM_TOO_LARGE, "The provider's answer is too large."),
    "timeout": (UPSTREAM_TIMEOUT, "The provider took too long to answer."),
    "exchange_timeout": (DEADLINE_EXCEEDED, "The exchange took longer than is allowed in all."),
    "no_secret": (UPSTREAM_AUTH, NO_CREDENTIAL),
    "closed": (INTERNAL, "The upstream connection was closed."),
}
_SECRETS = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|kz|key)[-_][A-Za-z0-9_\-.*]{6,}"
    r"|\bBearer +[A-Za-z0-9_\-.*~+/=]{6,}"
    r"|\bAIza[A-Za-z0-9_\-]{6,}"
    r"|\beyJ[A-Za-z0-9_\-]{6,}(?:\.[A-Za-z0-9_\-]+)*"
    r"|\b(?:org|proj|user|acct)[-_][A-Za-z0-9]{6,}"
)
#: Google answers 400 for a credential it does not know, and so may xAI.
_BAD_CREDENTIAL = re.compile(rb"API_KEY_INVALID|[Ii]ncorrect API key|API key not valid")
#: Anthropic says no more than which: `model: claude-none`.
_UNKNOWN_MODEL = re.compile(
    r"\bmodel\b.{0,160}\b(?:not found|not exist)|DeploymentNotFound|^ ?model: ", re.DOTALL
)
#: OpenAI and its many copies; xAI; vLLM; llama.cpp; Ollama; Groq; Anthropic; Gemini; Together.
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum (?:context|prompt|model) length"
    r"|exceeds the (?:available )?context (?:size|length|window)|reduce the length of the messages"
    r"|prompt is too long|input token count\b.{0,40}\bexceeds the maximum"
    r"|\binputs` tokens \+ `max_new_tokens` must be",
    re.DOTALL,
)
#: A provider account without money or allowance left: OpenAI's words old and new, and Anthropic's.
_OUT_OF_QUOTA = frozenset(
    {
        "insufficient_quota",
        "billing_error",
        "billing_not_active",
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "project_spend_limit_exceeded",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "enforced_spend_limit_reached",
    }
)
#: What a caller has to shorten; `input` everywhere else.
_CONTENT = {"chat": "messages", "completions": "prompt"}
_ANTHROPIC_TYPES = {403: "permission_error", 404: "not_found_error"}
#: Groq says 498 when its flexible tier has no capacity, Anthropic 529.
_OVERLOADED = frozenset({498, 503, 529})
_MESSAGE_MAX = 500
_WORD_MAX = 256


def transport_error(failure: UpstreamFailure, begun: bool = False) -> GatewayError:
    """What the caller is told of a transport failure; details stay in the log. `begun`: the reply had."""
    if begun and failure.kind in ("reset", "closed"):
        return transport_error(UpstreamFailure("incomplete", failure.message, sent=True))
    condition, message = _FAILURES[failure.kind]
    return GatewayError(condition, message)


def refusal(
    status: int,
    headers: Headers,
    body: bytes,
    key: ProviderKey,
    api: str = "chat",
    kind: Kind = "caller",
    asked_in: str = "",
) -> GatewayError:
    """The error for a reply whose status is not 2xx; `api` is what was asked for, `kind` that of the verdict, and
    `asked_in` the API that the caller speaks, where the request was translated for the provider.
    """
    if status == 400 and _BAD_CREDENTIAL.search(body):
        kind = "credential"
    return _refused(status, headers, error_detail(body), key, api, kind, asked_in)


def _refused(
    status: int,
    headers: Headers,
    detail: dict[str, Any],
    key: ProviderKey,
    api: str,
    kind: Kind,
    asked_in: str,
) -> GatewayError:
    message = scrub(error_message(detail) or f"The provider answered with status {status}.", key)
    if status == 401 or kind == "credential":
        return GatewayError(UPSTREAM_AUTH, "The provider refused the gateway's credential.")
    if status == 402 and kind == "capacity":  # of the account's money as much is on its way as may be
        return GatewayError(UPSTREAM_OVERLOADED, message)
    if (
        status == 402
        or (status in (400, 403) and kind == "quota")
        or (status == 429 and _is_out_of_quota(detail))
    ):
        return GatewayError(INSUFFICIENT_QUOTA, message)
    if status == 429:
        return GatewayError(RATE_LIMITED, message, retry_after_s=retry_after_s(headers, datetime.now(UTC)))
    if status in _OVERLOADED:
        return GatewayError(
            UPSTREAM_OVERLOADED, message, retry_after_s=retry_after_s(headers, datetime.now(UTC))
        )
    if status == 408:  # what it waited for was a model of its own, or us: never this caller
        return GatewayError(UPSTREAM_TIMEOUT, message)
    if 400 <= status < 500 and kind != "health":
        return _callers_fault(status, detail, message, key, api, asked_in)
    return GatewayError(
        UPSTREAM_ERROR, message if status >= 500 else f"The provider answered with status {status}."
    )


def error_in_success(error: Any, key: ProviderKey, api: str = "chat", asked_in: str = "") -> GatewayError:
    """The error for an error object inside a 200: as a whole reply, or as an event of a stream. It is what it would
    have been with the status that it names, or that its words mean."""
    detail = error if isinstance(error, dict) else {"message": str(error)}
    message = scrub(error_message(detail) or "The provider reported an error.", key)
    kind, code = str(detail.get("type") or ""), str(detail.get("code") or "")
    if _TOO_LONG.search(f"{code} {kind} {message}"):
        return _too_long(message, api, asked_in)
    if _is_out_of_quota(detail) or code == "402":
        return GatewayError(INSUFFICIENT_QUOTA, message)
    if "rate_limit" in kind or "rate_limit" in code or code == "429":
        return GatewayError(RATE_LIMITED, message)
    if "overloaded" in kind or "overloaded" in code or code in ("503", "529"):
        return GatewayError(UPSTREAM_OVERLOADED, message)
    status = status_inside(error_reply(detail, detail))
    if 400 <= status < 500:
        return _refused(
            status, (), {**detail, "message": message}, key, api, kind_of_status(status), asked_in
        )
    return GatewayError(UPSTREAM_ERROR, message)


def _is_out_of_quota(detail: dict[str, Any]) -> bool:
    details = detail.get("details")  # Anthropic has its finer word here, Gemini a list
    words = [detail.get("code"), detail.get("type")]
    if isinstance(details, dict):
        words.append(details.get("error_code"))
    return any(isinstance(word, str) and word in _OUT_OF_QUOTA for word in words)


def scrub(message: str, key: ProviderKey) -> str:
    """A provider's message without credentials and account ids, bounded."""
    if key.secret is not None:
        message = message.replace(key.secret.reveal(), "*****")
    return _SECRETS.sub("*****", message)[:_MESSAGE_MAX]


def _callers_fault(
    status: int, detail: dict[str, Any], message: str, key: ProviderKey, api: str, asked_in: str
) -> GatewayError:
    if status == 413:  # about bytes, or rates (Groq): never the context's length
        return GatewayError(REQUEST_TOO_LARGE, message, param=_word(detail.get("param"), key))
    if status in (400, 422) and _TOO_LONG.search(f"{detail.get('code')} {detail.get('type')} {message}"):
        return _too_long(message, api, asked_in)
    code, param = _word(detail.get("code"), key), _word(detail.get("param"), key)
    if status == 404 and (code == "model_not_found" or _UNKNOWN_MODEL.search(f"{code or ''} {message}")):
        return GatewayError(MODEL_NOT_FOUND, message, param="model")
    anthropic_status = 400 if status == 422 else status
    if status == 422 and asked_in:  # a word of some providers: who speaks another dialect does not know it
        status, code = 400, code or INVALID_VALUE.code
    condition = Condition(
        "upstream_refused",
        status,
        _word(detail.get("type"), key) or "invalid_request_error",
        code,
        anthropic_status,
        _ANTHROPIC_TYPES.get(status, "invalid_request_error"),
        retryable=status == 403,  # another key may be allowed what this one is not
    )
    return GatewayError(condition, message, param=param)


def _too_long(message: str, api: str, asked_in: str) -> GatewayError:
    """One word for what every provider says in its own: programs shorten the conversation when they read it."""
    return GatewayError(CONTEXT_TOO_LONG, message, param=_CONTENT.get(asked_in or api, "input"))


def _word(value: Any, key: ProviderKey) -> str | None:
    """A short word of the provider's; None where it is none, or only repeats the status (vLLM, Azure)."""
    if not isinstance(value, str) or not value or len(value) > _WORD_MAX or value.isdigit():
        return None
    return scrub(value, key)
