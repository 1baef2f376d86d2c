"""What a ceiling counts, in the words of the configuration (contract §2), and which one a message is about."""

import re
from typing import Literal

from gateway.upstream.error_reply import ErrorReply

Dimension = Literal["rpm", "rpd", "tpm", "tpd", "itpm", "otpm", "concurrency"]

#: OpenAI, Groq, xAI; Azure; Anthropic; OpenRouter. The first that is found counts.
_NAMED: tuple[tuple[Dimension, re.Pattern[str]], ...] = (
    ("concurrency", re.compile(r"\bconcurren", re.I)),
    ("itpm", re.compile(r"\(ITPM\)|\binput tokens per min", re.I)),
    ("otpm", re.compile(r"\(OTPM\)|\boutput tokens per min", re.I)),
    ("tpd", re.compile(r"\(TPD\)|\btokens per day", re.I)),
    ("rpd", re.compile(r"\(RPD\)|\brequests per day|\bmodels-per-day\b", re.I)),
    ("tpm", re.compile(r"\(TPM\)|\btokens per min|\btoken rate limit|\btoo many tokens\b", re.I)),
    (
        "rpm",
        re.compile(r"\(RPM\)|\brequests per (?:min|sec)|\bcall rate limit|\bmodels-per-min\b", re.I),
    ),
)
#: OpenAI's `type`, Together's `error_type`.
_CODES: dict[str, Dimension] = {
    "tokens": "tpm",
    "requests": "rpm",
    "dynamic_token_limited": "tpm",
    "dynamic_request_limited": "rpm",
}


def dimension_named(reply: ErrorReply) -> Dimension | None:
    """The ceiling that was hit, as the provider says; None when it does not."""
    for dimension, pattern in _NAMED:
        if pattern.search(reply.message):
            return dimension
    return next((_CODES[word] for word in reply.codes if word in _CODES), None)
