"""Ids of calls where a provider takes fewer: replaced by their hash, so that call and result stay together."""

from hashlib import sha256

_LONGEST = 64


def openai_call_id(id_: str) -> str:
    """Of 64 characters at most, which OpenAI and compatible providers take."""
    return id_ if 0 < len(id_) <= _LONGEST else f"call_{sha256(id_.encode()).hexdigest()[:24]}"


def call_id_of(id_: str, letters: int) -> str:
    """Of so many letters and digits: the call's own where it is such, else made of it."""
    fits = len(id_) == letters and id_.isalnum() and id_.isascii()
    return id_ if fits else sha256(id_.encode()).hexdigest()[:letters]
