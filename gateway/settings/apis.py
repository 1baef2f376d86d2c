"""Which APIs a provider speaks unless told, and which flavour a well-known host has."""

#: Everything `apis` may name. `messages`, `generate_content` and `count_tokens` are the Anthropic and Gemini
#: ones; `embeddings` is the provider's own embedding API, whatever its dialect calls it.
APIS = frozenset(
    {
        "chat",
        "completions",
        "responses",
        "embeddings",
        "moderations",
        "images",
        "audio",
        "rerank",
        "files",
        "batches",
        "uploads",
        "messages",
        "count_tokens",
        "generate_content",
    }
)

DIALECTS = ("openai", "azure", "anthropic", "gemini", "ollama")

_OPENAI = APIS - {"rerank", "messages", "count_tokens", "generate_content"}

_BY_FLAVOUR = {
    "openai": _OPENAI,
    # Every wire format is scripted; which of them this provider is asked in is its dialect's business.
    "sim": _OPENAI | {"rerank"},
    "vllm": frozenset({"chat", "completions", "embeddings", "audio", "rerank"}),
    "groq": frozenset({"chat", "embeddings", "audio", "files", "batches"}),
    "mistral": frozenset({"chat", "embeddings", "moderations", "audio", "files", "batches"}),
    "deepseek": frozenset({"chat", "completions"}),
    "xai": frozenset({"chat", "completions", "images"}),
    "openrouter": frozenset({"chat", "completions", "embeddings"}),
    "together": frozenset({"chat", "completions", "embeddings", "images", "audio", "rerank"}),
    # Nothing is known of it: all that is commonly copied from OpenAI and needs no state at the provider.
    "generic": frozenset({"chat", "completions", "embeddings", "moderations", "images", "audio", "rerank"}),
}

_BY_DIALECT = {
    "azure": _OPENAI - {"moderations"},
    "anthropic": frozenset({"messages", "count_tokens"}),
    "gemini": frozenset({"generate_content", "embeddings", "count_tokens"}),
    "ollama": frozenset({"chat", "completions", "embeddings"}),
}

#: What `flavour` may be. Only the `openai` dialect has quirks; any dialect may be `sim` or `generic`.
FLAVOURS = tuple(_BY_FLAVOUR)

_HOSTS = {
    "api.openai.com": "openai",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "xai",
    "openrouter.ai": "openrouter",
    "api.together.ai": "together",
    "api.together.xyz": "together",
}


def default_flavour(dialect: str, host: str) -> str:
    """The flavour of a provider that names none; `host` is its lower-case host name."""
    if dialect == "azure":
        return "openai"
    if dialect != "openai":
        return "generic"
    for known, flavour in _HOSTS.items():
        # Regional hosts stand before the well-known one: eu.api.openai.com, us-east-1.api.x.ai.
        if host == known or host.endswith("." + known):
            return flavour
    return "generic"


def default_apis(dialect: str, flavour: str) -> frozenset[str]:
    """What a provider speaks that names no `apis`."""
    return _BY_FLAVOUR[flavour] if dialect == "openai" else _BY_DIALECT[dialect]


def flavour_fits(dialect: str, flavour: str) -> bool:
    """Whether `flavour` may be given for `dialect`."""
    if dialect == "openai" or flavour in ("sim", "generic"):
        return True
    return dialect == "azure" and flavour == "openai"
