"""Responses that the gateway keeps itself: gone on from, shown, listed and deleted.

Their ids have no mark of a provider key; those that have one live there (`object_ids`).
"""

from urllib.parse import parse_qs

from gateway.api.document_of import document_of
from gateway.dialects.document import Document
from gateway.dialects.json_text import json_bytes
from gateway.dialects.responses.kept import input_items, joined, shown, shown_items
from gateway.dialects.sealed_ids import MARK
from gateway.errors import (
    INVALID_VALUE,
    OBJECT_NOT_FOUND,
    PREVIOUS_RESPONSE_NOT_FOUND,
    REQUEST_TOO_LARGE,
    UNSUPPORTED_PARAMETER,
    GatewayError,
)
from gateway.pipeline.keeping import Keeping
from gateway.pipeline.response_store import ResponseStore
from gateway.settings.snapshot import Bounds

_PREVIOUS = "previous_response_id"
_LIMIT, _LIMIT_MAX = 20, 100


class KeptResponses:
    """`store` is None where there is no database."""

    def __init__(self, bounds: Bounds) -> None:
        self.store: ResponseStore | None = None
        self._bounds = bounds

    def keeping(self, tenant: str, document: Document) -> Keeping | None:
        """For a request that goes on from nothing that is kept here; None when nothing is to be kept of it."""
        if self.store is None or document.flag("background") or document.fields.get("store") is False:
            return None
        return Keeping(self.store, tenant, input_items(document), None)

    def goes_on(self, endpoint: str, document: Document) -> bool:
        """Whether the request goes on from what only we may have."""
        previous = document.fields.get(_PREVIOUS)
        return endpoint == "responses" and isinstance(previous, str) and MARK.decode() not in previous

    async def expanded(self, tenant: str, document: Document) -> tuple[Document, Keeping]:
        """The request with the conversation before its input. Raises GatewayError when that is not here."""
        previous = document.text(_PREVIOUS)
        assert previous is not None
        if self.store is None:
            raise GatewayError(
                PREVIOUS_RESPONSE_NOT_FOUND,
                "This gateway has no database, and so keeps no responses to go on from.",
                param=_PREVIOUS,
            )
        bounds, own = self._bounds, input_items(document)
        before = await self.store.conversation(tenant, previous, bounds.body_bytes)
        items = joined([*(array for one in before for array in (one.input, one.output)), own])
        raw = document.spliced({_PREVIOUS: b"null", "input": items})
        if len(raw) > bounds.body_bytes:
            raise GatewayError(
                REQUEST_TOO_LARGE, "The conversation that this goes on from is too long.", param=_PREVIOUS
            )
        keeps = document.fields.get("store") is not False
        return await document_of(raw, bounds.json_depth), Keeping(self.store, tenant, own, previous, keeps)

    async def answer(self, tenant: str, method: str, id_: str, action: str, query: bytes) -> bytes:
        """What is asked of one response, answered. Raises GatewayError."""
        if self.store is None:
            raise _unknown(id_)
        if method == "DELETE":
            if not await self.store.delete(tenant, id_):
                raise _unknown(id_)
            return json_bytes({"id": id_, "object": "response", "deleted": True})
        asked = {name: values[-1] for name, values in parse_qs(query.decode("ascii", "replace")).items()}
        if asked.get("stream") == "true":
            raise GatewayError(
                UNSUPPORTED_PARAMETER, "Responses that are kept here are not streamed again.", param="stream"
            )
        found = await self.store.chain(tenant, id_, self._bounds.body_bytes)
        if not found:
            raise _unknown(id_)
        if action == "cancel":
            said = "Cannot cancel a synchronous response."  # in OpenAI's words: there are no others here
            raise GatewayError(INVALID_VALUE, said, param="response_id")
        last = found[-1]
        if action != "input_items":
            return shown(last.output, last.response)
        arrays = [array for one in found[:-1] for array in (one.input, one.output)]
        page = shown_items(
            [*arrays, last.input], id_, _limit(asked), asked.get("after", ""), asked.get("order") == "asc"
        )
        if page is None:
            raise GatewayError(OBJECT_NOT_FOUND, f"No such object: '{asked['after'][:64]}'.", param="after")
        return page


def _limit(asked: dict[str, str]) -> int:
    text = asked.get("limit", str(_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= _LIMIT_MAX):
        said = f"`limit` must be a whole number from 1 to {_LIMIT_MAX}."
        raise GatewayError(INVALID_VALUE, said, param="limit")
    return int(text)


def _unknown(id_: str) -> GatewayError:
    return GatewayError(OBJECT_NOT_FOUND, f"No such object: '{id_[:64]}'.", param="id")
