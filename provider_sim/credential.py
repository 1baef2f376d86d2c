"""Who asks: each dialect's ways to present a credential, and its words for a missing or bad one.

Any credential is accepted, except those named `bad-…`; there are no accounts to know.
"""

from provider_sim.errors import Dialect, Refusal
from provider_sim.message import Request

ANONYMOUS = "anonymous"
BAD = "bad-"


def presented(dialect: Dialect, request: Request) -> str | None:
    """The credential, in the order of preference of the dialect's provider."""
    authorization = request.header(b"authorization") or ""
    bearer = authorization[7:].strip() if authorization[:7].lower() == "bearer " else None
    if dialect == "anthropic":
        return request.header(b"x-api-key") or bearer or None
    if dialect == "gemini":
        return request.header(b"x-goog-api-key") or request.query.get("key") or bearer or None
    if dialect == "azure":
        return request.header(b"api-key") or bearer or None
    return bearer or request.header(b"api-key") or None


def accepted(dialect: Dialect, request: Request) -> str:
    """The credential's name for statistics and limits. Raises Refusal (401, Gemini 400/403)."""
    value = presented(dialect, request)
    if value is None:
        if dialect == "ollama":
            return ANONYMOUS
        raise _missing(dialect)
    if value.startswith(BAD):
        raise _bad(dialect, value)
    return value


def _missing(dialect: Dialect) -> Refusal:
    if dialect == "anthropic":
        return Refusal("authentication", "x-api-key header is required")
    if dialect == "gemini":
        message = (
            "Method doesn't allow unregistered callers (callers without established identity). Please use "
        )
        message += "API Key or other form of API consumer identity to call this API."
        return Refusal("permission", message)
    if dialect == "azure":
        return _azure()
    message = (
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
        "auth (i.e. Authorization: Bearer YOUR_KEY)."
    )
    refusal = Refusal("authentication", message)
    refusal.code = ""
    return refusal


def _azure() -> Refusal:
    message = "Access denied due to invalid subscription key or wrong API endpoint."
    return Refusal("authentication", message, code="401")


def _bad(dialect: Dialect, value: str) -> Refusal:
    if dialect == "anthropic":
        return Refusal("authentication", "invalid x-api-key")
    if dialect == "gemini":
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }
        return Refusal("authentication", "API key not valid. Please pass a valid API key.", details=[info])
    if dialect == "azure":
        return _azure()
    if dialect == "ollama":
        return Refusal("authentication", "unauthorized")
    # OpenAI repeats most of the key in its message, which is why gateways must scrub provider messages.
    masked = value if len(value) < 12 else f"{value[:8]}{'*' * 8}{value[-4:]}"
    message = f"Incorrect API key provided: {masked}. You can find your API key at "
    message += "https://platform.openai.com/account/api-keys."
    return Refusal("authentication", message)
