"""What providers' errors mean for a key: every row of admission reference §1.4, from recorded replies."""

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.adapter import adapter_of
from gateway.upstream.failures import Kind as FailureKind
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.flavours import FLAVOURS
from gateway.upstream.verdict import Kind, Verdict, verdict_of_failure
from tests.upstream.recordings import NAMES, NOW, provider, recording

DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
PACIFIC_MIDNIGHT = datetime(2026, 11, 22, 8, tzinfo=UTC)
CALLER = Verdict("caller")
HEALTH = Verdict("health")
CREDENTIAL = Verdict("credential")
MODEL = Verdict("model")
QUOTA = Verdict("quota")

EXPECTED: dict[str, Verdict] = {
    "openai_rate_tokens": Verdict("rate", "tpm", 7.102),
    "openai_rate_requests": Verdict("rate", "rpm", 20.0),
    "openai_rate_day": Verdict("rate", "rpd", 432.0),
    "openai_too_large": Verdict("caller", "tpm"),
    "openai_quota": QUOTA,
    "openai_usage_tier": Verdict("quota", until_utc=DECEMBER),
    "openai_slow_down": Verdict("ramp", hold_s=900.0),
    "openai_overloaded": HEALTH,
    "openai_overloaded_in_stream": Verdict("mid_stream", cause="health"),
    "openai_server_error": HEALTH,
    "openai_flex": Verdict("capacity"),
    "openai_bad_key": CREDENTIAL,
    "openai_model_forbidden": MODEL,
    "openai_not_allowed_to_sample": MODEL,
    "openai_country": CALLER,
    "openai_deactivated": CREDENTIAL,
    "openai_bad_request_quoting": CALLER,
    "azure_rate_requests": Verdict("rate", "rpm", 26.0),
    "azure_rate_tokens": Verdict("rate", "tpm", 2.0),
    "azure_too_large": Verdict("caller", "tpm"),
    "azure_no_capacity": Verdict("capacity"),
    "azure_network": HEALTH,
    "azure_no_keys": CREDENTIAL,
    "azure_short": Verdict("rate", None, 2.0),
    "anthropic_rate_input": Verdict("rate", "itpm", 32.0),
    "anthropic_rate_connections": Verdict("rate", "concurrency", 5.0),
    "anthropic_ramp": Verdict("ramp", None, 15.0, hold_s=60.0),
    "anthropic_ramp_unnamed": Verdict("ramp", None, 3.0, hold_s=60.0),
    "anthropic_tier_cap": QUOTA,
    "anthropic_spend_limit": Verdict("quota", until_utc=DECEMBER),
    "anthropic_usage_limits": Verdict("quota", until_utc=DECEMBER),
    "anthropic_credit": QUOTA,
    "anthropic_billing": QUOTA,
    "anthropic_overloaded": HEALTH,
    "anthropic_overloaded_in_stream": Verdict("mid_stream", cause="health"),
    "anthropic_bad_key": CREDENTIAL,
    "anthropic_bad_request_quoting": CALLER,
    "anthropic_no_permission": CALLER,
    "anthropic_revoked": CREDENTIAL,
    "anthropic_disabled": CREDENTIAL,
    "gemini_per_day": Verdict("quota", "rpd", until_utc=PACIFIC_MIDNIGHT),
    "gemini_all_three": Verdict("quota", "rpd", until_utc=PACIFIC_MIDNIGHT),
    "gemini_tokens_per_minute": Verdict("rate", "tpm", 45.578569677),
    "gemini_requests_per_minute": Verdict("rate", "rpm", 37.0),
    "gemini_bare_429": Verdict("rate"),
    "gemini_bad_key": CREDENTIAL,
    "gemini_suspended": CREDENTIAL,
    "gemini_leaked": CREDENTIAL,
    "gemini_disabled": CREDENTIAL,
    "gemini_method_blocked": MODEL,
    "gemini_not_permitted": CALLER,
    "gemini_overloaded": HEALTH,
    "gemini_overloaded_in_stream": Verdict("mid_stream", cause="health"),
    "gemini_bad_argument": CALLER,
    "ollama_full": Verdict("saturation"),
    "ollama_no_model": CALLER,
    "ollama_subscription": MODEL,
    "ollama_in_stream": Verdict("mid_stream", cause="health"),
    "vllm_full": Verdict("saturation"),
    "vllm_bad_request": CALLER,
    "groq_rate_tokens": Verdict("rate", "tpm", 6.0),
    "groq_too_large": Verdict("caller", "tpm"),
    "groq_model_blocked": MODEL,
    "groq_restricted": CREDENTIAL,
    "groq_flex": Verdict("capacity"),
    "mistral_rate": Verdict("rate", "rpm"),
    "mistral_capacity": Verdict("capacity"),
    "mistral_bad_key": CREDENTIAL,
    "deepseek_balance": QUOTA,
    "deepseek_busy": HEALTH,
    "xai_credits": QUOTA,
    "xai_tokens": Verdict("rate", "tpm"),
    "xai_content": CALLER,
    "xai_bad_key": CREDENTIAL,
    "xai_endpoint": MODEL,
    "openrouter_free_day": Verdict("quota", "rpd", until_utc=datetime(2026, 11, 22, tzinfo=UTC)),
    "openrouter_upstream": Verdict("capacity"),
    "openrouter_in_flight": Verdict("capacity"),
    "openrouter_credits": QUOTA,
    "openrouter_moderation": CALLER,
    "openrouter_key_limit": QUOTA,
    "openrouter_in_stream": Verdict("mid_stream", cause="health"),
    "together_spike": Verdict("ramp", hold_s=60.0),
    "together_busy": HEALTH,
    "together_too_long": CALLER,
    "html_502": HEALTH,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_errors(name: str) -> None:
    assert recording(name).verdict() == EXPECTED[name]


def test_every_recorded_error_is_expected_to_mean_something() -> None:
    assert {name for name in NAMES if recording(name).body != b"{}"} == set(EXPECTED)


def test_every_kind_has_been_seen() -> None:
    assert {verdict.kind for verdict in EXPECTED.values()} == set(get_args(Kind))


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_failures_on_the_way(kind: FailureKind) -> None:
    ours = kind in ("closed", "too_large", "exchange_timeout")
    found = verdict_of_failure(UpstreamFailure(kind, "x", sent=True))
    assert found == (CALLER if ours else HEALTH)


PROVIDERS = [
    *(provider(dialect) for dialect in ("azure", "anthropic", "gemini", "ollama")),
    *(provider("openai", flavour) for flavour in FLAVOURS),
]
_WORDS = st.sampled_from([
    "code", "type", "status", "error", "message", "details", "metadata", "reason", "error_code", "headers",
    "violations", "quotaId", "quotaMetric", "retryDelay", "X-RateLimit-Reset", "detail", "@type",
    "rate_limit_exceeded", "PerDay", "retry in 9h", "1e999", "-1", "99999999999999999999h", "9" * 5000,
    "You have reached your specified API usage limits. You will regain access on 9999-99-99",
])  # fmt: skip
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | _WORDS
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_WORDS | st.text(), inner), max_leaves=12
)
_BODIES = st.binary() | _JSON.map(lambda value: json.dumps(value).encode())
_HEADER_NAMES = st.sampled_from([
    b"retry-after", b"retry-after-ms", b"date", b"x-ratelimit-limit-tokens", b"x-ratelimit-reset-requests",
    b"x-ratelimit-remaining-requests", b"anthropic-ratelimit-requests-reset",
    b"anthropic-ratelimit-requests-remaining", b"anthropic-ratelimit-tokens-limit",
])  # fmt: skip
_VALUES = st.binary() | st.sampled_from([
    b"-1", b"nan", b"inf", b"1e9", b"1_000", b"0", b"7", b"6m0s", b"120ms", b"2026-11-21T12:00:30Z",
    b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"Sat, 21 Nov 2026 12:00:09 GMT", b"9" * 400,
])  # fmt: skip
_HEADERS = st.lists(st.tuples(_HEADER_NAMES | st.binary(), _VALUES))


@given(st.sampled_from(PROVIDERS), st.integers(0, 999), _HEADERS, _BODIES)
def test_nothing_that_a_provider_sends_raises_or_blocks_for_ever(
    of: object, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    adapter = adapter_of(of)  # type: ignore[arg-type]
    found = adapter.verdict(status, headers, body, NOW)
    assert found.block_s is None or 0 <= found.block_s <= 86_400
    assert found.until_utc is None or NOW <= found.until_utc <= NOW + timedelta(days=370)
    assert (found.kind == "mid_stream") == (status < 300) == (found.cause is not None)
    for seen in adapter.observe(headers, NOW):
        assert seen.limit is None or 0 < seen.limit <= 10**12
        assert seen.remaining is None or 0 <= seen.remaining <= (seen.limit or 10**12)
        assert seen.reset_in_s is None or 0 <= seen.reset_in_s <= 366 * 86_400


QUOTED = [
    "insufficient_quota", "You have reached your specified API usage limits", "Your credit balance is too low",
    "Incorrect API key provided", "Slow down", "API_KEY_INVALID", "API key not valid", "invalid_api_key",
    "Your team x has used all credits", "PerDay", "enforced_spend_limit_reached", "Key limit exceeded",
    "This organization has been disabled.", "Your API key was reported as leaked", "account_deactivated",
    "You are not allowed to sample from this model", "model_not_found", "CONSUMER_SUSPENDED",
]  # fmt: skip


@pytest.mark.parametrize("of", PROVIDERS, ids=lambda of: f"{of.dialect}-{of.flavour}")
@pytest.mark.parametrize("words", QUOTED)
def test_a_caller_cannot_shut_a_key_by_being_quoted(of: object, words: str) -> None:
    body = {
        "error": {"message": f"Invalid value: '{words}'.", "type": "invalid_request_error", "param": words}
    }
    adapter = adapter_of(of)  # type: ignore[arg-type]
    for status in (400, 403, 404, 422):
        assert adapter.verdict(status, [], json.dumps(body).encode(), NOW) == CALLER


@pytest.mark.parametrize("of", PROVIDERS, ids=lambda of: f"{of.dialect}-{of.flavour}")
@pytest.mark.parametrize(
    "body",
    [{}, {"error": {"message": "Forbidden.", "type": "permission_error", "code": None}}, {"error": "no"}],
)
def test_a_403_says_nothing_of_the_key_unless_it_says_so(of: object, body: object) -> None:
    adapter = adapter_of(of)  # type: ignore[arg-type]
    assert adapter.verdict(403, [], json.dumps(body).encode(), NOW) == CALLER


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Your API key has been revoked.", "credential"),
        ("API key is currently blocked: leaked.", "credential"),
        ("The provided API key has expired.", "credential"),
        ("Your OpenAI account has been deactivated, please check your email.", "credential"),
        ("Your project is blocked from this region.", "caller"),
        ("Your account is not active.", "caller"),
        ("Project `proj_x` does not have access to model `m`", "model"),
        ("API key sk-*** is not allowed to use model m", "model"),
        ("Your organization must be verified to use the model `m`.", "model"),
        ("Your organization must be verified to generate reasoning summaries.", "caller"),
        ("You do not have permission to access the File f or it may not exist.", "caller"),
        ("You don't have permission to use this model", "model"),
    ],
)
def test_how_a_403_begins(words: str, kind: str) -> None:
    body = json.dumps({"error": {"message": words}}).encode()
    for of in PROVIDERS:
        if of.dialect in ("openai", "anthropic", "gemini"):
            assert adapter_of(of).verdict(403, [], body, NOW).kind == kind, of.flavour
