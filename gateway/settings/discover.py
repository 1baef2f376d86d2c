"""Providers that the file does not name: from the environment, and those that run beside the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gateway.settings import endpoint
from gateway.settings.places import Findings
from gateway.settings.schema import ConfigFile, LimitsSection, ModelSection, PoolSection, ProviderSection
from gateway.settings.schema_capabilities import CapabilitySection
from gateway.settings.secrets import UnresolvedError, resolve

_OLLAMA_PORT = 11434
_ADDRESS_CHARS = 1024
#: Stands for the address of what runs beside the gateway until it does; nothing answers on the discard port.
PLACEHOLDER = "http://127.0.0.1:9/v1"
#: The models of `local`, and how many requests each answers at the same time: more wait in the gateway's line.
_TALKS, _EMBEDS = "smollm2", "all-minilm"
_LOCAL_LIMITS = {_TALKS: LimitsSection(concurrency=2), _EMBEDS: LimitsSection(concurrency=4)}
#: The one that talks reads text and nothing else.
_LOCAL_CAPABILITIES = {_TALKS: CapabilitySection(vision=False, pdf=False, audio_in=False)}


@dataclass(frozen=True, slots=True)
class Found:
    """A provider that the environment or this machine offers, and the models that hints mean there.

    `variable` offers it, `address` is the variable that says where it is.
    """

    variable: str
    address: str
    provider: ProviderSection
    secret: str | None
    hints: Mapping[str, str]
    limits: Mapping[str, LimitsSection] = field(default_factory=dict)
    capabilities: Mapping[str, CapabilitySection] = field(default_factory=dict)
    source: str = "environment"


def complete(
    file: ConfigFile, environ: Mapping[str, str], beside: Mapping[str, str], findings: Findings
) -> tuple[ConfigFile, frozenset[str]]:
    """`file` with all providers, and the ids of those that are to run beside the gateway.

    Those of the environment count where it names none itself, and `sim` where there is no other. `beside` has the
    base URLs of those that run already.
    """
    found = [] if file.providers else _found(environ, findings)
    alone = not (file.providers or found)
    if alone and findings.problems:
        return file, frozenset()
    companions = [_local(beside, hints=alone)] if file.with_local else [_sim(beside)] if alone else []
    ids = frozenset(one.provider.id for one in companions)
    return _add(file, [*found, *companions], findings), ids


def _sim(beside: Mapping[str, str]) -> Found:
    """The scripted provider."""
    sim = ProviderSection(
        id="sim", dialect="openai", flavour="sim", base_url=beside.get("sim", PLACEHOLDER), local=True
    )
    hints = {"sim/chat": "chat", "sim/embed": "embed", "smart": "chat", "fast": "chat", "embed": "embed"}
    return Found("no provider", "no provider", sim, None, hints)


def _local(beside: Mapping[str, str], *, hints: bool) -> Found:
    """The real models of the package `local_models`; with `hints` they are what these mean."""
    local = ProviderSection(
        id="local",
        dialect="openai",
        base_url=beside.get("local", PLACEHOLDER),
        local=True,
        apis=("chat", "completions", "embeddings"),
    )
    routes = {f"local/{_TALKS}": _TALKS, f"local/{_EMBEDS}": _EMBEDS}
    if hints:
        routes |= {"smart": _TALKS, "fast": _TALKS, "embed": _EMBEDS}
    return Found(
        "with_local", "with_local", local, None, routes, _LOCAL_LIMITS, _LOCAL_CAPABILITIES, "settings"
    )


def _found(environ: Mapping[str, str], findings: Findings) -> list[Found]:
    found: list[Found] = []
    for variable in ("OPENAI_BASE_URL", "OLLAMA_HOST"):
        if len(environ.get(variable, "")) > _ADDRESS_CHARS:
            findings.add_variable(variable, f"is longer than {_ADDRESS_CHARS} characters")
            return []
    if environ.get("OPENAI_API_KEY"):
        url = environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        openai = ProviderSection(id="openai", dialect="openai", base_url=url)
        hints = {"smart": "gpt-6-sol", "fast": "gpt-6-luna", "embed": "text-embedding-3-small"}
        # Elsewhere than at OpenAI these models are not known to exist.
        known = urlsplit(url).hostname == "api.openai.com"
        found.append(
            Found("OPENAI_API_KEY", "OPENAI_BASE_URL", openai, "env:OPENAI_API_KEY", hints if known else {})
        )
    if environ.get("ANTHROPIC_API_KEY"):
        anthropic = ProviderSection(id="anthropic", dialect="anthropic", base_url="https://api.anthropic.com")
        hints = {"smart": "claude-sonnet-5-5", "fast": "claude-haiku-5-5"}
        found.append(
            Found("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY", anthropic, "env:ANTHROPIC_API_KEY", hints)
        )
    if environ.get("GEMINI_API_KEY"):
        gemini = ProviderSection(
            id="gemini", dialect="gemini", base_url="https://generativelanguage.googleapis.com"
        )
        hints = {"smart": "gemini-4-argon", "fast": "gemini-3.8-flash", "embed": "gemini-embedding-2"}
        found.append(Found("GEMINI_API_KEY", "GEMINI_API_KEY", gemini, "env:GEMINI_API_KEY", hints))
    for variable in [one.variable for one in found]:
        try:
            resolve(f"env:{variable}", environ)
        except UnresolvedError as error:
            findings.add_variable(variable, str(error))
    if environ.get("OLLAMA_HOST"):
        url = ollama_url(environ["OLLAMA_HOST"])
        ollama = ProviderSection(id="ollama", dialect="ollama", base_url=url, local=True)
        found.append(Found("OLLAMA_HOST", "OLLAMA_HOST", ollama, None, {}))
    return found


def ollama_url(value: str) -> str:
    """OLLAMA_HOST (host, host:port or URL, as Ollama reads it) as a base URL; not yet checked."""
    scheme, separator, rest = value.strip().partition("://")
    if not separator:
        scheme, rest = "http", value.strip()
        if not rest.startswith("[") and rest.count(":") > 1:
            rest = f"[{rest}]"
    rest = rest.rstrip("/")
    host, colon, port = rest.rpartition(":")
    if not colon or not (port.isdecimal() or port == "") or host.endswith(":"):
        host, port = rest, ""
    if not port and not separator:
        port = str(_OLLAMA_PORT)
    # The server's "listen everywhere" is, for those who call it, this machine.
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104
    return f"{scheme}://{host}:{port}" if port else f"{scheme}://{host}"


def check_not_self(file: ConfigFile, port: int, findings: Findings) -> None:
    """A base URL that is the gateway's own would send every request round and round."""
    for index, section in enumerate(file.providers):
        try:
            origin, _ = endpoint.parse(section.base_url)
        except endpoint.EndpointError:
            continue
        if endpoint.is_loopback(origin.host) and origin.port == port:
            findings.add(("providers", index, "base_url"), "is the gateway's own address")


def _add(file: ConfigFile, found: list[Found], findings: Findings) -> ConfigFile:
    """`file` with what was found, where it does not say otherwise: its own pools and routes stand."""
    pools, providers, capabilities = list(file.pools), list(file.providers), dict(file.capabilities)
    routes: dict[str, list[str]] = {}
    taken = {section.id for section in file.models}
    for one in found:
        findings.came_from(("providers", len(providers)), one.source, one.variable)
        findings.came_from(("providers", len(providers), "base_url"), one.source, one.address)
        providers.append(one.provider)
        name = one.provider.id
        if not any(pool.provider == name for pool in file.pools):
            findings.came_from(("pools", len(pools)), one.source, one.variable)
            models = tuple(one.limits) or ("*",)
            pools.append(
                PoolSection(
                    id=f"{name}-key-1",
                    provider=name,
                    secret=one.secret,
                    models=models,
                    model_limits=dict(one.limits),
                )
            )
        for pattern, said in one.capabilities.items():
            capabilities.setdefault(pattern, said)
        for hint, model in one.hints.items():
            routes.setdefault(hint, []).append(f"{name}/{model}")
    added = [
        ModelSection(id=route, targets=tuple(targets), hint=route if route in ("fast", "embed") else None)
        for route, targets in routes.items()
        if route not in taken
    ]
    return file.model_copy(
        update={
            "providers": tuple(providers),
            "pools": tuple(pools),
            "models": (*file.models, *added),
            "capabilities": capabilities,
        }
    )
