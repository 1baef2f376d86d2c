"""OpenAI and everything that speaks its dialect: where an API lives and how the credential is sent."""

from gateway.settings.snapshot import Provider
from keys.secret import Secret


def path(provider: Provider, api_path: str, _model: str | None) -> str:
    """The request target for `api_path` (such as `/chat/completions`)."""
    return provider.base_path + api_path


def credential(secret: Secret) -> bytes:
    """The header line that authenticates."""
    return b"authorization: Bearer " + secret.reveal().encode() + b"\r\n"
