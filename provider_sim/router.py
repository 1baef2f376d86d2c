"""Which endpoint a request is for. One port speaks all dialects, so paths decide, and on shared ones headers.

OpenAI's paths are also served without `/v1`, under Azure's `/openai/deployments/{name}` and under Gemini's
`/v1beta/openai`, which is how gateways meet them.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from provider_sim import anthropic_messages, anthropic_read
from provider_sim.call import Call, Endpoint
from provider_sim.errors import Dialect, Refusal
from provider_sim.gemini import LIST_MODELS, METHODS, RETRIEVE_MODEL
from provider_sim.message import Reply, Request
from provider_sim.ollama import OLLAMA_EXACT
from provider_sim.openai_routes import OPENAI_EXACT, OPENAI_PATTERNS

Found = tuple[Endpoint, tuple[str, ...], Dialect]
DEPLOYMENT = re.compile(r"^/openai/deployments/([^/]+)(/.*)$")
GEMINI_PATH = re.compile(
    r"^/(?P<version>v1(?:alpha|beta)?)/models(?:/(?P<model>[^:]+)(?::(?P<method>\w+))?)?$"
)
ANTHROPIC_EXACT: dict[tuple[str, str], Endpoint] = {
    ("POST", "/messages"): Endpoint(
        "messages", "anthropic", anthropic_messages.respond, anthropic_read.read, "json"
    ),
    ("POST", "/messages/count_tokens"): Endpoint(
        "messages.count_tokens",
        "anthropic",
        anthropic_messages.count_tokens,
        anthropic_read.read_count,
        "json",
    ),
}
PREFIXES = ("/v1beta/openai", "/openai/v1", "/v1")


def _unknown(call: Call) -> Reply:
    request = call.request
    raise Refusal("not_found", f"Invalid URL ({request.method} {request.path})", code="unknown_url")


UNKNOWN = Endpoint("unknown", "openai", _unknown)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path with parameters."""

    method: str
    expression: re.Pattern[str]
    endpoint: Endpoint


def pattern(method: str, path: str, endpoint: Endpoint) -> Pattern:
    """`{}` stands for one path segment, `{*}` for anything up to a colon."""
    expression = re.escape(path).replace(r"\{\}", "([^/]+)").replace(r"\{\*\}", "(.+)")
    return Pattern(method, re.compile(f"^{expression}$"), endpoint)


class Router:
    """All endpoints: exact paths by look-up, the rest by pattern."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], Endpoint] = dict(OPENAI_EXACT)
        self._patterns: list[Pattern] = [pattern(*route) for route in OPENAI_PATTERNS]

    def find(self, request: Request) -> Found:
        """The endpoint, its path parameters and the dialect; `UNKNOWN` answers 404."""
        path = request.path.rstrip("/") or "/"
        native = OLLAMA_EXACT.get((request.method, path)) or self._anthropic(request, path)
        if native is not None:
            return native, (), native.dialect
        found = self._gemini(request, path) if path.startswith("/v1") else None
        return self._openai(request, path) if found is None else found

    def _anthropic(self, request: Request, path: str) -> Endpoint | None:
        return ANTHROPIC_EXACT.get((request.method, path.removeprefix("/v1")))

    def _gemini(self, request: Request, path: str) -> Found | None:
        """`/v1…/models/x:method`; plain model paths are Gemini's under v1beta or with its credential."""
        match = GEMINI_PATH.match(path)
        if match is None:
            return None
        name, method = match["model"], match["method"]
        if request.method == "POST":
            endpoint = METHODS.get(method or "")
            return None if endpoint is None else (endpoint, (unquote(name),), "gemini")
        if method is not None:
            # Outside POST a colon belongs to the name: `llama3.2:latest`.
            name = f"{name}:{method}"
        if request.method != "GET" or (
            match["version"] == "v1" and request.header(b"x-goog-api-key") is None
        ):
            return None
        return (LIST_MODELS, (), "gemini") if name is None else (RETRIEVE_MODEL, (unquote(name),), "gemini")

    def _openai(self, request: Request, path: str) -> Found:
        shared = (
            path.removeprefix("/v1").startswith("/models")
            and request.header(b"anthropic-version") is not None
        )
        dialect: Dialect | None = "anthropic" if shared else None
        deployment = DEPLOYMENT.match(path)
        if deployment is not None:
            path, dialect = deployment[2], "azure"
        else:
            for prefix in PREFIXES:
                if path.startswith(prefix + "/"):
                    path = path[len(prefix) :]
                    dialect = "azure" if prefix == "/openai/v1" else dialect
                    break
        endpoint = self._exact.get((request.method, path))
        if endpoint is not None:
            return endpoint, (), dialect or endpoint.dialect
        for one in self._patterns:
            if one.method == request.method:
                match = one.expression.match(path)
                if match is not None:
                    return (
                        one.endpoint,
                        tuple(unquote(p) for p in match.groups()),
                        dialect or one.endpoint.dialect,
                    )
        return UNKNOWN, (), dialect or "openai"
