"""Ollama, through the OpenAI-compatible API it serves under `/v1`; it takes no credential of its own."""

from gateway.settings.secret import Secret
from gateway.settings.snapshot import Provider


def path(provider: Provider, api_path: str, _model: str | None) -> str:
    return f"{provider.base_path}/v1{api_path}"


def credential(secret: Secret) -> bytes:
    """For servers behind a proxy that asks for one."""
    return b"authorization: Bearer " + secret.reveal().encode() + b"\r\n"
