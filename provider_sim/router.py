"""Which endpoint a request is for. One port speaks all dialects, so paths decide, and on shared ones headers.

OpenAI's paths are also served without `/v1`, under Azure's `/openai/deployments/{name}` and under Gemini's
`/v1beta/openai`, which is how gateways meet them.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from provider_sim.call import Call, Endpoint
from provider_sim.errors import Dialect, Refusal
from provider_sim.message import Reply, Request
from provider_sim.openai_routes import OPENAI_EXACT, OPENAI_PATTERNS

Found = tuple[Endpoint, tuple[str, ...], Dialect]
DEPLOYMENT = re.compile(r"^/openai/deployments/([^/]+)(/.*)$")
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
        dialect: Dialect | None = None
        deployment = DEPLOYMENT.match(path)
        if deployment is not None:
            path, dialect = deployment[2], "azure"
        else:
            for prefix in PREFIXES:
                if path.startswith(prefix + "/"):
                    path = path[len(prefix) :]
                    dialect = "azure" if prefix == "/openai/v1" else None
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
