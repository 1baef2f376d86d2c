"""The catalogue as Google's SDKs read it: `models` with names under `models/`, a page at a time."""

from collections.abc import Sequence
from urllib.parse import parse_qs

from gateway.errors import INVALID_VALUE, GatewayError
from gateway.pipeline.router import speaks
from gateway.settings.model_facts import context_of
from gateway.settings.snapshot import ModelRoute

_PAGE, _PAGE_MAX = 50, 1000
_TALKS = ("generateContent", "streamGenerateContent", "countTokens")
_EMBEDS = ("embedContent", "batchEmbedContents")


def gemini_page(routes: Sequence[ModelRoute], query: bytes) -> dict[str, object]:
    """Those that `?pageSize=&pageToken=` asks for. A token is the name of the last model before the page.

    Raises GatewayError for a size that is none, and for the name of no model.
    """
    asked = parse_qs(query.decode("ascii", "replace"))
    size = _size(asked.get("pageSize", [""])[0])
    start = 0
    if token := asked.get("pageToken", [""])[0]:
        ids = [route.id for route in routes]
        if token not in ids:
            raise GatewayError(INVALID_VALUE, "`pageToken` is not one of this list.", param="pageToken")
        start = ids.index(token) + 1
    page = routes[start : start + size]
    found: dict[str, object] = {"models": [gemini_entry(route) for route in page]}
    if start + size < len(routes):
        found["nextPageToken"] = page[-1].id
    return found


def gemini_entry(route: ModelRoute) -> dict[str, object]:
    """Sizes are those of the target that is asked first; what is not known is left out, as Google does."""
    facts = route.targets[0].facts
    entry: dict[str, object] = {
        "name": f"models/{route.id}",
        "version": "",
        "displayName": route.id,
        "supportedGenerationMethods": _methods(route),
    }
    sizes = {"inputTokenLimit": context_of(facts.known), "outputTokenLimit": facts.known.get("max_out")}
    entry |= {name: size for name, size in sizes.items() if size is not None}
    if "reasoning" in facts.supports:
        entry["thinking"] = facts.supports["reasoning"]
    return entry


def _methods(route: ModelRoute) -> tuple[str, ...]:
    """What it can be asked by; of a model that talks not that its provider has others that embed."""
    embeds = route.hint == "embed" or bool(route.targets[0].facts.known.get("embedding_native_size"))
    if not embeds and any(speaks(target, "generate_content") for target in route.targets):
        return _TALKS
    return _EMBEDS if any(speaks(target, "embed_content") for target in route.targets) else ()


def _size(text: str) -> int:
    """Zero is none said, and more than there is at once is as much as there is: so it is at Google."""
    if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise GatewayError(INVALID_VALUE, "`pageSize` must be a whole number.", param="pageSize")
    return min(int(text or 0) or _PAGE, _PAGE_MAX)
