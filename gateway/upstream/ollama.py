"""Ollama, through the OpenAI-compatible API it serves under `/v1`; it takes no credential of its own.

Only places are limited (`OLLAMA_NUM_PARALLEL`, `OLLAMA_MAX_QUEUE`); when its line is full it answers 503
(admission reference §1.2, §1.4). Tokens are charged as used, for ceilings that an operator sets on it.
"""

import re

from gateway.settings.snapshot import Provider
from gateway.upstream.compatible import Compatible, Flavour
from gateway.upstream.observed import HeaderTable
from gateway.upstream.verdict import Rule
from keys.secret import Secret

CHARGES = Compatible(
    Flavour(
        HeaderTable(()),
        (
            Rule("saturation", frozenset({503})),
            # Models that it only passes on to Ollama's cloud.
            Rule("model", frozenset({403}), says=re.compile("this model requires a subscription")),
            Rule("quota", frozenset({402, 429}), says=re.compile("you've reached your .{0,40}usage limit")),
        ),
        refunds=True,
    )
)


def path(provider: Provider, api_path: str, _model: str | None) -> str:
    """Its own APIs stand under `/api`, those it has copied under `/v1`."""
    own = api_path.startswith("/api/")
    return provider.base_path + api_path if own else f"{provider.base_path}/v1{api_path}"


def credential(secret: Secret) -> bytes:
    """For servers behind a proxy that asks for one."""
    return b"authorization: Bearer " + secret.reveal().encode() + b"\r\n"
