"""Ids of calls where a provider takes fewer, or gives none.

Those that it does not take are replaced by their hash, so that call and result stay together.
"""

import re
from hashlib import sha256

from gateway.chat import JsonObject
from gateway.dialects.json_text import json_bytes
from gateway.dialects.said_fields import word

_LONGEST = 64
_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")
_UNIQUE_MAX = 28  # OpenAI takes ids of 40 letters


def openai_call_id(id_: str) -> str:
    """Of 64 characters at most, which OpenAI and compatible providers take."""
    return id_ if 0 < len(id_) <= _LONGEST else f"call_{sha256(id_.encode()).hexdigest()[:24]}"


def call_id_of(id_: str, letters: int) -> str:
    """Of so many letters and digits: the call's own where it is such, else made of it."""
    fits = len(id_) == letters and id_.isalnum() and id_.isascii()
    return id_ if fits else sha256(id_.encode()).hexdigest()[:letters]


class MadeIds:
    """Of the calls of one reply: each is one that no other reply has, made of that of the reply. Providers' replies
    have such, and what has not is told apart by all that it says: by `reply`, or the first of its stream.
    """

    __slots__ = ("_made", "_unique")

    def __init__(self, reply: JsonObject) -> None:
        given = _NO_ID.sub("_", word(reply, "id"))[-_UNIQUE_MAX:]
        self._unique = given or sha256(json_bytes(reply)).hexdigest()[:_UNIQUE_MAX]
        self._made = 0

    def next(self) -> str:
        self._made += 1
        return f"call_{self._unique}_{self._made - 1}"
