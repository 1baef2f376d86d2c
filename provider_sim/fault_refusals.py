"""Faults that are refusals, in the words of the dialect that was spoken."""

from provider_sim.call import Call
from provider_sim.errors import BY_STATUS, Refusal
from provider_sim.fault import Fault
from provider_sim.limit_words import quota_refusal
from provider_sim.message import Reply

MESSAGES = {
    400: "Invalid request.", 401: "Invalid authentication.", 402: "Your credit balance is too low.",
    403: "Your account does not have access to this.", 404: "Not found.", 408: "Request timeout.",
    409: "Conflict.", 413: "Request exceeds the maximum size.", 422: "Unprocessable.",
    429: "Rate limit reached. Please try again later.",
    500: "The server had an error while processing your request. Sorry about that!",
    502: "Bad gateway.", 503: "The server is currently overloaded. Please try again later.",
    504: "The request timed out.", 529: "Overloaded",
}  # fmt: skip


def refused_by(call: Call) -> Refusal | None:
    """The refusal that the call's fault demands, if it demands one."""
    fault = call.fault
    in_stream = fault.error_after is not None and call.ask.stream
    if fault.quota:
        refusal = quota_refusal(call.dialect)
    elif fault.slow_down:
        refusal = Refusal("slow_down", "Slow down.")
    elif fault.context:
        refusal = _too_long(call)
    elif fault.status is not None and fault.status >= 400 and not fault.html and not in_stream:
        message = fault.message or MESSAGES.get(fault.status, "Simulated error.")
        if fault.echo:
            message += f" (key {call.credential})"
        kind = BY_STATUS.get(fault.status, "server" if fault.status >= 500 else "invalid")
        refusal = Refusal(kind, message, code=fault.code, status=fault.status)
    else:
        return None
    if fault.status is not None:
        refusal.status = fault.status
    refusal.headers = list(refusal.headers)
    retry_after = fault.retry_after
    if retry_after is None and fault.status == 429 and not fault.quota:
        retry_after = "1"
    if retry_after:
        refusal.headers.append((b"retry-after", retry_after.replace("_", " ").encode("latin-1")))
    if fault.retry_after_ms:
        refusal.headers.append((b"retry-after-ms", fault.retry_after_ms.encode("latin-1")))
    return refusal


def _too_long(call: Call) -> Refusal:
    if call.dialect == "anthropic":
        return Refusal("invalid", "prompt is too long: 210000 tokens > 200000 maximum")
    if call.dialect == "gemini":
        message = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
        return Refusal("invalid", message)
    if call.dialect == "ollama":
        return Refusal("invalid", "the input length exceeds the context length")
    message = (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens. "
        "Please reduce the length of the messages."
    )
    return Refusal("invalid", message, param="messages", code="context_length_exceeded")


def redirect_reply(fault: Fault) -> Reply:
    location = (fault.redirect or "").encode("latin-1")
    return Reply(fault.status or 307, b"", b"text/html", headers=[(b"location", location)])
