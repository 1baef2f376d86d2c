"""The head of an upstream request: request line, credential, and nothing of the caller's but what is allowed.

What does not change from request to request (host, credential, fixed headers) is built once per provider key
and API; a request adds its length and the few headers that pass.
"""

from types import ModuleType

from gateway import __version__
from gateway.settings.snapshot import Origin, ProviderKey
from gateway.upstream import anthropic, azure, gemini, ollama, openai

#: By dialect: where its APIs live, and how the credential is sent.
ADAPTERS: dict[str, ModuleType] = {
    "openai": openai,
    "azure": azure,
    "anthropic": anthropic,
    "gemini": gemini,
    "ollama": ollama,
}
AGENT = f"kaze-gateway/{__version__}".encode()


def host_header(origin: Origin) -> bytes:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    default = 443 if origin.tls else 80
    return (host if origin.port == default else f"{host}:{origin.port}").encode("ascii")


def fixed_head(key: ProviderKey, method: str, api_path: str, model: str | None, query: str = "") -> bytes:
    """Everything up to the headers that vary by request; contains the credential, so it is never logged."""
    provider = key.provider
    adapter = ADAPTERS[provider.dialect]
    target: str = adapter.path(provider, api_path, model)
    if query:
        target += ("&" if "?" in target else "?") + query
    line = f"{method} {target} HTTP/1.1\r\n".encode("ascii")
    if line.count(b"\r") != 1 or line.count(b" ") != 2 or b"\n" in line[:-1]:
        raise ValueError("a request target must not contain spaces or line ends")
    credential: bytes = adapter.credential(key.secret) if key.secret is not None else b""
    return b"".join(
        (line, b"host: ", host_header(provider.origin), b"\r\n", credential, b"accept-encoding: identity\r\n")
    )
