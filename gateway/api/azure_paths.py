"""The paths that the AzureOpenAI clients of the official SDKs build, as those that the gateway serves.

`/openai/…` and `/openai/v1/…` are `/…` and `/v1/…`. Under `/openai/deployments/{deployment}` the deployment is what
the caller names as the model, with its slashes as they are or encoded (`a/chat` + `/completions` can only be told
from `a` + `/chat/completions` when encoded). `api-version` says nothing here.
"""

import re
from urllib.parse import unquote

from gateway.api.routes import JSON

PREFIX = b"/openai/"
_DEPLOYMENT = re.compile(
    rb"/openai/deployments/([^/].*?)(" + b"|".join(re.escape(path.encode()) for path in JSON) + rb")/?",
    re.DOTALL,
).fullmatch


def served_path(raw_path: bytes) -> tuple[bytes, str]:
    """(path without Azure's part, deployment named in it or ""), for a path that begins with `PREFIX`."""
    found = _DEPLOYMENT(raw_path)
    if found is None:
        return raw_path[len(PREFIX) - 1 :], ""
    return found[2], unquote(found[1].decode("ascii", "replace"))
