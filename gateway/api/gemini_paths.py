"""The paths that Google's SDKs build: `/v1beta/models/{model}:generateContent` and its kin, also under `/v1`."""

import re
from urllib.parse import unquote

from gateway.api.routes import Endpoint

_GEMINI = "gemini"
_ACTIONS = {
    b"generateContent": Endpoint(
        "generate_content", "generate_content", "model_in_path", ":generateContent", _GEMINI
    ),
    b"streamGenerateContent": Endpoint(
        "generate_content", "generate_content", "model_in_path", ":streamGenerateContent", _GEMINI
    ),
    b"countTokens": Endpoint("count_content", "count_content", "model_in_path", ":countTokens", _GEMINI),
    b"embedContent": Endpoint("embed_content", "embed_content", "model_in_path", ":embedContent", _GEMINI),
    b"batchEmbedContents": Endpoint(
        "embed_content", "embed_content", "model_in_path", ":batchEmbedContents", _GEMINI
    ),
}
_ASKED = re.compile(rb"/v1beta/models/[^?]+:[A-Za-z]+/?", re.DOTALL).fullmatch
_PATH = re.compile(rb"/v1(?:beta)?/models/([^?]+):(" + b"|".join(_ACTIONS) + rb")/?", re.DOTALL).fullmatch


def is_unknown_action(raw_path: bytes) -> bool:
    """Whether a path asks something of a model that is not known here."""
    return _ASKED(raw_path) is not None and _PATH(raw_path) is None


def gemini_route(raw_path: bytes) -> tuple[Endpoint, str] | None:
    """(endpoint, the model as the caller names it) of a path of Google's; None when it is none."""
    found = _PATH(raw_path)
    if found is None:
        return None
    return _ACTIONS[found[2]], unquote(found[1].decode("ascii", "replace"))
