"""Gemini's thought signatures where its compatible endpoint has them: `extra_content` of a call or a message."""

from gateway.chat import JsonObject, Signature
from gateway.dialects.said_fields import inside, word

_PROVIDER = "gemini"
EXTRA = "extra_content"


def thought_signature(holder: JsonObject) -> Signature | None:
    if EXTRA not in holder:
        return None
    data = word(inside(inside(holder, EXTRA), "google"), "thought_signature")
    return Signature(_PROVIDER, data) if data else None


def write_signature(holder: JsonObject, signature: Signature | None) -> None:
    """Into a call or a message; others' signatures have no place there."""
    if signature is not None and signature.provider == _PROVIDER:
        holder[EXTRA] = {"google": {"thought_signature": signature.data}}
