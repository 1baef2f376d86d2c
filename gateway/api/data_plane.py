"""The data plane: a bare ASGI callable behind a dict of paths. What is not in it goes to Starlette.

Paths are matched as they came, undecoded: `//v1`, `%2e` and their kin are simply unknown URLs.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.azure_paths import PREFIX as AZURE
from gateway.api.azure_paths import served_path
from gateway.api.gemini_paths import gemini_route, is_unknown_action
from gateway.api.inference import Inference
from gateway.api.models import ModelCatalogue
from gateway.api.object_ids import Opened
from gateway.api.object_requests import Prepared
from gateway.api.query import parsed_query
from gateway.api.routes import Endpoint, exact_methods, exact_routes, is_unserved, owned_methods, owned_route
from gateway.dialects.sealed_ids import MARK
from gateway.errors import METHOD_NOT_SUPPORTED, UNKNOWN_URL, UNSUPPORTED_ENDPOINT, GatewayError
from gateway.exchange import Exchange
from gateway.pipeline.authenticate import UnknownKeyError
from gateway.pipeline.caller import Caller
from gateway.pipeline.form import Form
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.use_check import check_use
from gateway.settings.snapshot import TenantKey

_ROUTES = exact_routes()
_METHODS = exact_methods()
_MODELS = (b"/v1/models", b"/models", b"/v1/models/", b"/models/", b"/v1beta/models", b"/v1beta/models/")
_MODEL = (b"/v1/models/", b"/models/", b"/v1beta/models/")
_GOOGLES, _UPLOADS = b"/v1beta/", b"/upload/v1beta/"
#: What Google's SDKs send, by which they are known on the paths that everybody's share.
_BY_GOOGLE = frozenset({b"x-goog-api-key", b"x-goog-api-client"})
_ANTHROPIC = (b"/v1/messages/", b"/messages/")
_HEALTH = frozenset({b"/healthz", b"/readyz"})


class Asked(NamedTuple):
    """What a method and a path say."""

    endpoint: Endpoint
    sealed: str = ""  # the id in the path, if any
    template: str = ""  # and the path around it
    model: str = ""  # where the path names it


class DataPlane:
    """Answers the data plane's listener; `health` is the Starlette application for `/healthz` and `/readyz`."""

    def __init__(
        self, pipeline: Pipeline, inference: Inference, catalogue: ModelCatalogue, health: ASGIApp
    ) -> None:
        self.pipeline = pipeline
        self.inference = inference
        self.catalogue = catalogue
        self._health = health
        self._from_json = inference.from_json

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Nearly every request is the first case, which is not given a coroutine of its own to pass through."""
        endpoint = _ROUTES.get((scope.get("method", ""), scope.get("raw_path", b"")))
        if endpoint is not None and endpoint.takes == "json":
            connection = scope["kaze.connection"]
            prepare = partial(self._from_json, endpoint, receive, connection)
            return self.pipeline.run(connection, scope["headers"], endpoint.name, endpoint.dialect, prepare)
        return self._answer(endpoint, scope, receive, send)

    async def _answer(self, endpoint: Endpoint | None, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        raw_path: bytes = scope["raw_path"]
        if endpoint is not None:
            await self._serve(Asked(endpoint), scope, receive)
        elif raw_path in _HEALTH:
            await self._health(scope, receive, send)
        elif raw_path.startswith(AZURE):
            await self._azure(raw_path, scope, receive)
        elif scope["method"] == "POST" and (route := gemini_route(raw_path)) is not None:
            await self._serve(Asked(route[0], model=route[1]), _with_key_of_query(scope), receive)
        else:
            await self._uncommon(raw_path, scope, receive)

    async def _azure(self, raw_path: bytes, scope: Scope, receive: Receive) -> None:
        """What AzureOpenAI clients ask for: the same under other paths."""
        path, deployment = served_path(raw_path)
        endpoint = _ROUTES.get((scope["method"], path))
        if endpoint is not None:
            await self._serve(Asked(endpoint, model=deployment), scope, receive)
        else:
            await self._uncommon(path, scope, receive)

    async def _uncommon(self, raw_path: bytes, scope: Scope, receive: Receive) -> None:
        """Paths with an id in them, the model catalogue, and everything that does not exist."""
        method: str = scope["method"]
        if method == "GET" and _is_catalogue(raw_path) and gemini_route(raw_path) is None:
            await self._models(raw_path, scope)
            return
        owned = owned_route(method, raw_path)
        if owned is not None:
            endpoint, collection, sealed, action = owned
            if collection == "responses" and MARK.decode() not in sealed:
                await self._kept(endpoint, sealed, action, scope)
                return
            template = f"/{collection}/{{}}" + (f"/{action}" if action else "")
            await self._serve(Asked(endpoint, sealed, template), scope, receive)
            return
        if is_unserved(method, raw_path, dict(scope["headers"]).get(b"upgrade", b"")):
            error = GatewayError(UNSUPPORTED_ENDPOINT, "This gateway does not serve this API.")
        elif allow := _allowed(method, raw_path):
            error = GatewayError(
                METHOD_NOT_SUPPORTED, f"Method {method[:16]} is not supported here.", allow=allow
            )
        else:
            shown = scope["raw_path"][:128].decode("ascii", "replace")
            error = GatewayError(UNKNOWN_URL, f"Unknown request URL: {method[:16]} {shown}.")
        self._refuse(scope, error)

    async def _serve(self, asked: Asked, scope: Scope, receive: Receive) -> None:
        """Run an exchange."""
        connection = scope["kaze.connection"]
        forms: list[Form] = []

        async def prepare(exchange: Exchange, named: dict[bytes, bytes]) -> Prepared:
            return await self._prepare_uncommon(asked, exchange, named, scope, receive, forms)

        try:
            endpoint = asked.endpoint
            await self.pipeline.run(connection, scope["headers"], endpoint.name, endpoint.dialect, prepare)
        finally:
            for form in forms:
                form.close()

    async def _prepare_uncommon(
        self,
        asked: Asked,
        exchange: Exchange,
        named: dict[bytes, bytes],
        scope: Scope,
        receive: Receive,
        forms: list[Form],
    ) -> Prepared:
        inference, connection = self.inference, scope["kaze.connection"]
        endpoint, sealed, template, model = asked
        takes = endpoint.takes
        if takes == "model_in_path":
            query = scope["query_string"]
            return await inference.from_model_path(
                endpoint, model, query, receive, connection, exchange, named
            )
        if takes == "json_or_form":
            is_form = named.get(b"content-type", b"").lower().startswith(b"multipart/")
            takes = "form" if is_form else "json"
        if takes == "json" and model:
            return await inference.from_deployment(endpoint, model, receive, connection, exchange, named)
        if takes == "json":
            prepared = inference.from_json(endpoint, receive, connection, exchange, named)
            return prepared if isinstance(prepared, tuple) else await prepared
        if takes == "form":
            prepared, form = await inference.from_form(endpoint, exchange, named, receive, connection, model)
            forms.append(form)
            return prepared
        query = parsed_query(scope["query_string"])
        if takes == "list":
            return inference.objects.from_list(endpoint, query, exchange, named)
        pinned, path = None, endpoint.path
        opened: Opened = ()
        if sealed:
            pinned, real = inference.ids.owner_of(exchange, sealed)
            path, opened = template.format(real), ((real, sealed),)
        if takes == "upload":
            prepared, form = await inference.objects.from_upload(
                endpoint, path, pinned, exchange, named, receive, connection
            )
            forms.append(form)
        elif takes == "json_owned":
            prepared = await inference.objects.from_owned_json(
                endpoint, path, pinned, exchange, named, receive, connection
            )
        else:
            assert pinned is not None
            method = scope["method"]
            prepared = inference.objects.from_owned(endpoint, method, path, pinned, query, exchange, named)
        prepared[0].opened += opened
        return prepared

    async def _models(self, raw_path: bytes, scope: Scope) -> None:
        """The catalogue is local: it says what this tenant may put in `model`."""
        if raw_path.startswith(_GOOGLES):
            scope = _with_key_of_query(scope)

        async def answer(key: TenantKey) -> bytes:
            return self.catalogue.answer(key, raw_path, scope["query_string"], dialect_of(scope))

        await self._answer_here("models", answer, scope)

    async def _kept(self, endpoint: Endpoint, id_: str, action: str, scope: Scope) -> None:
        """So are the responses that are kept here."""

        def answer(key: TenantKey) -> Awaitable[bytes]:
            responses, query = self.inference.responses, scope["query_string"]
            return responses.answer(key.tenant.id, scope["method"], id_, action, query)

        await self._answer_here(endpoint.name, answer, scope)

    async def _answer_here(
        self, endpoint: str, answer: Callable[[TenantKey], Awaitable[bytes]], scope: Scope
    ) -> None:
        """An exchange that needs no provider."""
        exchange = self.pipeline.aside(endpoint, dialect_of(scope))
        caller = Caller(scope["kaze.connection"], exchange)
        try:
            key = await self._authenticated(scope["headers"], exchange.arrived)
            exchange.tenant_key, exchange.priority = key, key.priority
            check_use(key, endpoint, scope["client"])
            caller.reservation = self.pipeline.reservations.begin(exchange)
            body = await answer(key)
            caller.respond(200, b"content-type: application/json\r\n", body)
        except GatewayError as error:
            caller.fail(error)
        finally:
            self.pipeline.settle(exchange)

    async def _authenticated(self, headers: list[tuple[bytes, bytes]], now: float) -> TenantKey:
        """Who asks; as in an exchange, a key that is not known is looked for once more."""
        named = dict(headers)
        try:
            return self.pipeline.generation.authenticator.authenticate(headers, named, now)
        except UnknownKeyError as error:
            await self.pipeline.unknown(error)
            return self.pipeline.generation.authenticator.authenticate(headers, named, now)

    def _refuse(self, scope: Scope, error: GatewayError) -> None:
        """Say no to what is no endpoint; even that is a request, and has its line in the log."""
        exchange = self.pipeline.aside("unknown", dialect_of(scope))
        Caller(scope["kaze.connection"], exchange).fail(error)
        self.pipeline.settle(exchange)


def _allowed(method: str, raw_path: bytes) -> str:
    """The methods of a path that is served; none for any other."""
    if gemini_route(raw_path) is not None:
        return "POST"
    if _is_catalogue(raw_path):
        return "" if method == "POST" and is_unknown_action(raw_path) else "GET"
    return _METHODS.get(raw_path) or owned_methods(raw_path)


def _with_key_of_query(scope: Scope) -> Scope:
    """Google's callers may present their key as `?key=`: read as the header that it stands for."""
    given = parse_qs(scope["query_string"]).get(b"key")
    if not given:
        return scope
    lines = [(b"x-goog-api-key", value) for value in given]
    scope["kaze.connection"].named |= lines
    return {**scope, "headers": [*scope["headers"], *lines]}


def dialect_of(scope: Scope) -> str:
    """Whose words to use on a path: those of its own, on shared paths those of who sends such headers."""
    raw_path: bytes = scope["raw_path"]
    if gemini_route(raw_path) is not None or raw_path.startswith((_GOOGLES, _UPLOADS)):
        return "gemini"
    if (raw_path + b"/").startswith(_ANTHROPIC):
        return "anthropic"
    names = {name for name, _ in scope["headers"]}
    if b"anthropic-version" in names:
        return "anthropic"
    if _is_catalogue(raw_path) and not names.isdisjoint(_BY_GOOGLE):
        return "gemini"
    return "openai"


def _is_catalogue(raw_path: bytes) -> bool:
    return raw_path in _MODELS or raw_path.startswith(_MODEL)
