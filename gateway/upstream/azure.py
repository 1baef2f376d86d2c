"""Azure OpenAI: the deployment is in the path, the API version in the query, the credential in `api-key`."""

from urllib.parse import quote

from gateway.settings.secret import Secret
from gateway.settings.snapshot import Provider

_DEFAULT_API_VERSION = "2024-10-21"


def path(provider: Provider, api_path: str, model: str | None) -> str:
    """Deployments serve model APIs; what belongs to the resource (responses, files, …) is under `/openai/v1`."""
    version = provider.api_version or _DEFAULT_API_VERSION
    if model is None or api_path.startswith("/responses"):
        return f"{provider.base_path}/openai/v1{api_path}"
    return f"{provider.base_path}/openai/deployments/{quote(model, safe='')}{api_path}?api-version={version}"


def credential(secret: Secret) -> bytes:
    return b"api-key: " + secret.reveal().encode() + b"\r\n"
