"""Azure OpenAI: the deployment is in the path, the API version in the query, the credential in `api-key`.

It charges the prompt and `max_tokens` (times `best_of`) at receipt and never gives back: metrics show what is
billed, the limiter goes by the estimate (admission reference §1.2).
"""

import re
from urllib.parse import quote

from gateway.settings.snapshot import Provider
from gateway.upstream.compatible import Compatible, Flavour
from gateway.upstream.flavours import OPENAI_HEADERS, OPENAI_RULES
from gateway.upstream.verdict import Rule
from keys.secret import Secret

_DEFAULT_API_VERSION = "2024-10-21"
_403 = frozenset({403})
_429 = frozenset({429})
_RULES = (
    # Peak load, and what it says of a request that exceeds the whole ceiling: a day of waiting changes nothing.
    Rule(
        "capacity",
        _429,
        frozenset({"no_capacity"}),
        re.compile("The system is currently experiencing high demand"),
    ),
    Rule("caller", _429, says=re.compile(r"Requests to the .{0,400}\bretry after 86400 seconds")),
    # The resource takes Entra tokens only.
    Rule(
        "credential",
        _403,
        frozenset({"authenticationtypedisabled"}),
        re.compile("Key based authentication is (?:disabled|not permitted)"),
    ),
    # The resource's network rules, and a block for what was sent there: nothing goes there until that ends.
    Rule(
        "health",
        _403,
        says=re.compile(
            "Access denied due to Virtual Network|A Virtual Network is configured|Public access is disabled"
            "|Your resource has been temporarily blocked"
        ),
    ),
    *OPENAI_RULES,
)
#: Requests per minute are enforced in slices of 1 s or 10 s; which, is not told per model. `windows.burst_s` of
#: the configuration decides where it is.
REQUEST_SLICE_S = 10.0

CHARGES = Compatible(Flavour(OPENAI_HEADERS, _RULES, request_slice_s=REQUEST_SLICE_S))


def path(provider: Provider, api_path: str, model: str | None) -> str:
    """Deployments serve model APIs; what belongs to the resource (responses, files, …) is under `/openai/v1`."""
    version = provider.api_version or _DEFAULT_API_VERSION
    if model is None or api_path.startswith("/responses"):
        return f"{provider.base_path}/openai/v1{api_path}"
    return f"{provider.base_path}/openai/deployments/{quote(model, safe='')}{api_path}?api-version={version}"


def credential(secret: Secret) -> bytes:
    return b"api-key: " + secret.reveal().encode() + b"\r\n"
