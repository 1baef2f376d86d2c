"""`/v1/models`: what a tenant may put in `model`, in one body that satisfies the OpenAI and the Anthropic SDK.

Google's SDK asks by the same path, or `/v1beta/models`, and gets it in its own shape (`gemini_models`).
"""

from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote

import orjson

from gateway.api.gemini_models import gemini_entry, gemini_page
from gateway.errors import INVALID_VALUE, GatewayError
from gateway.pipeline.router import is_model_name, model_not_found
from gateway.settings.model_facts import context_of
from gateway.settings.snapshot import ModelRoute, Snapshot, TenantKey

_PAGE_MAX = 1000


class ModelCatalogue:
    """The routes of the present snapshot as a catalogue. `created` is when the gateway started."""

    def __init__(self, snapshot: Snapshot, created: datetime) -> None:
        self._snapshot = snapshot
        self._created = created.astimezone(UTC)

    def configure(self, snapshot: Snapshot) -> None:
        """Those of this one from now on."""
        self._snapshot = snapshot

    def answer(self, key: TenantKey, raw_path: bytes, query: bytes, dialect: str) -> bytes:
        """The body for `/v1/models` or `/v1/models/{id}`. Raises GatewayError when there is no such model."""
        below = raw_path.removeprefix(b"/v1beta").removeprefix(b"/v1").removeprefix(b"/models")
        name = below.strip(b"/").decode("ascii", "replace")
        is_google = dialect == "gemini"
        if name:
            route = self._named(key, unquote(name))
            return orjson.dumps(gemini_entry(route) if is_google else self._entry(route))
        routes = self._visible(key)
        return orjson.dumps(gemini_page(routes, query) if is_google else self._page(routes, query))

    def _named(self, key: TenantKey, name: str) -> ModelRoute:
        """What `name` means in a request: a route, or a provider's model by its own name, which is not listed.

        Whether a provider has such a model is not asked; that the tenant may use the provider is.
        """
        route = self._snapshot.resolve(key.tenant, name) if is_model_name(name) else None
        if route is None or not self._serves(key, route):
            raise model_not_found(name)
        return route

    def _visible(self, key: TenantKey) -> list[ModelRoute]:
        snapshot = self._snapshot
        resolved = (snapshot.resolve(key.tenant, name) for name in snapshot.routes)
        return [route for route in resolved if route is not None and self._serves(key, route)]

    def _serves(self, key: TenantKey, route: ModelRoute) -> bool:
        if not key.scope.names(route.id):
            return False
        return any(self._snapshot.keys_for(key.tenant, target) for target in route.targets)

    def _page(self, routes: list[ModelRoute], query: bytes) -> dict[str, object]:
        asked = parse_qs(query.decode("ascii", "replace"))
        ids = [route.id for route in routes]
        start, end = 0, len(routes)
        if (after := asked.get("after_id", asked.get("after"))) and after[0] in ids:
            start = ids.index(after[0]) + 1
        if (before := asked.get("before_id")) and before[0] in ids:
            end = ids.index(before[0])
        limit = _limit(asked.get("limit", [str(_PAGE_MAX)])[0])
        page = routes[start:end][:limit]
        return {
            "object": "list",
            "data": [self._entry(route) for route in page],
            "has_more": start + len(page) < end,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }

    def _entry(self, route: ModelRoute) -> dict[str, object]:
        """Sizes have the Anthropic API's names, and are those of the target that is asked first."""
        facts = route.targets[0].facts
        return {
            "id": route.id,
            "object": "model",
            "created": int(self._created.timestamp()),
            "owned_by": route.targets[0].provider.id,
            "type": "model",
            "display_name": route.id,
            "created_at": self._created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycle": "active",
            "max_input_tokens": context_of(facts.known),
            "max_tokens": facts.known.get("max_out"),
            "supports": facts.supports,
        }


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _PAGE_MAX:
        raise GatewayError(INVALID_VALUE, f"`limit` must be between 1 and {_PAGE_MAX}.", param="limit")
    return int(text)
