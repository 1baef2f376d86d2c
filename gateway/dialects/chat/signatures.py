"""Gemini's thought signatures where its compatible endpoint has them: `extra_content` of a call or a message."""

from gateway.chat import JsonObject, Signature

_PROVIDER = "gemini"
_EXTRA = "extra_content"


def thought_signature(holder: JsonObject) -> Signature | None:
    extra = holder.get(_EXTRA)
    google = extra.get("google") if isinstance(extra, dict) else None
    data = google.get("thought_signature") if isinstance(google, dict) else None
    return Signature(_PROVIDER, data) if isinstance(data, str) and data else None


def write_signature(holder: JsonObject, signature: Signature | None) -> None:
    """Into a call or a message; others' signatures have no place there."""
    if signature is not None and signature.provider == _PROVIDER:
        holder[_EXTRA] = {"google": {"thought_signature": signature.data}}
