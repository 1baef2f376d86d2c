"""A request that only counts, in the words of targets that count themselves and speak otherwise than the caller.

As `gateway.pipeline.translation` for conversations: what is counted is what such a target would get.
"""

from collections.abc import Sequence
from typing import Any

from gateway.chat import ChatRequest
from gateway.dialects.counted import count_body, counted, tokens_in
from gateway.dialects.document import Document
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.passage import passage
from gateway.dialects.table import outbound
from gateway.dialects.translation import Inbound
from gateway.exchange import NO_USAGE, Usage
from gateway.pipeline.model_can import model_can
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Target


class CountTranslation:
    """Of one request. `forwarded` are the header lines of the caller's that pass to who does not speak as they do;
    `endpoint` says in whose words the answer is.
    """

    __slots__ = ("_document", "_endpoint", "_forwarded", "_inbound", "_request", "_strict")

    def __init__(
        self,
        inbound: Inbound,
        endpoint: str,
        document: Document,
        forwarded: bytes,
        strict: bool,
    ) -> None:
        self._inbound = inbound
        self._endpoint = endpoint
        self._document = document
        self._forwarded = forwarded
        self._strict = strict
        self._request: tuple[ChatRequest, Losses] | None = None

    def at(self, native: Work, target: Target) -> Work:
        """The work as `target` gets it: `native`, what goes to those who speak as the caller does, or it in other
        words. Raises GatewayError for what it cannot be asked.
        """
        provider, can = target.provider, model_can(target.facts)
        way = passage(native.api, provider.dialect, provider.apis, can)
        assert way is not None, "a candidate has a way"
        if way.native:
            return native
        request, losses = self.read()
        losses = losses.copy()
        sent = outbound(provider.dialect, way.talks, provider.flavour).request(
            request, target.model, can, losses
        )
        endpoint = self._endpoint
        path, fields = count_body(way.api, target.model, sent.body)
        body = json_bytes(fields)

        def read(values: Sequence[dict[str, Any]]) -> tuple[bytes, Usage]:
            return counted(endpoint, tokens_in(way.api, values[0])), NO_USAGE

        return Work(
            "POST",
            way.api,
            path,
            lambda _: body,
            forwarded=self._forwarded + sent.headers,
            read=read,
            named=request.named,
            losses=losses,
            asked_in=native.api,
        )

    def read(self) -> tuple[ChatRequest, Losses]:
        """The caller's request in neutral nouns, and what reading it lost. Raises GatewayError."""
        if self._request is None:
            fields = read_object(self._document.raw)
            assert fields is not None, "a document is an object"
            losses = Losses(self._strict)
            if self._endpoint == "count_tokens":
                fields = {"max_tokens": 1, **fields}  # which who only counts does not say
            elif type(inner := fields.get("generateContentRequest")) is dict:
                fields = {name: value for name, value in inner.items() if name != "model"}
            self._request = replace(self._inbound.request(fields, losses), stream=False), losses
        return self._request
