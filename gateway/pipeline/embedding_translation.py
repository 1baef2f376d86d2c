"""A request for embeddings in the words of its targets, in as many parts as each of them wants it.

As `gateway.pipeline.translation` for conversations. All parts are one attempt: they go to one provider key, and the
caller gets all vectors or none, since those of different models have nothing to do with each other.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from gateway.capabilities import Capabilities
from gateway.dialects.document import Document
from gateway.dialects.embeddings.by_api import embedding_inbound, embedding_outbound
from gateway.dialects.embeddings.seam import joined
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.passage import passage
from gateway.embedding import EmbeddingRequest
from gateway.exchange import NO_USAGE, Exchange, Usage
from gateway.pipeline.model_can import model_can
from gateway.pipeline.work import Work
from gateway.record import replace
from gateway.settings.snapshot import Target


class EmbeddingTranslation:
    """Of one request to `path`. `forwarded` are the header lines of the caller's that pass to who does not speak as
    they do.
    """

    __slots__ = ("_document", "_exchange", "_forwarded", "_inbound", "_read", "_strict")

    def __init__(
        self, path: str, exchange: Exchange, document: Document, forwarded: bytes, strict: bool
    ) -> None:
        self._exchange = exchange
        self._document = document
        self._forwarded = forwarded
        self._strict = strict
        self._inbound = embedding_inbound(path)
        self._read: tuple[EmbeddingRequest, Losses] | None = None

    def at(self, native: Work, target: Target) -> Work:
        """The work as `target` gets it: `native`, what goes to those who speak as the caller does, or it in other
        words. Raises GatewayError for what it cannot be asked.
        """
        provider, can = target.provider, model_can(target.facts)
        way = passage(native.api, provider.dialect, provider.apis, can)
        assert way is not None, "a candidate has a way"
        if way.native:
            return native
        request, losses = self._request()
        return self._work(native, target, request.parts(way.texts_max), can, losses.copy())

    def _request(self) -> tuple[EmbeddingRequest, Losses]:
        """The caller's request in neutral nouns, and what reading it lost. Raises GatewayError."""
        if self._read is None:
            fields = read_object(self._document.raw)
            assert fields is not None, "a document is an object"
            losses = Losses(self._strict)
            self._read = self._inbound.request(fields, losses), losses
        return self._read

    def _work(
        self,
        native: Work,
        target: Target,
        parts: Sequence[EmbeddingRequest],
        can: Capabilities,
        losses: Losses,
    ) -> Work:
        exchange, inbound = self._exchange, self._inbound
        spoken = embedding_outbound(target.provider.dialect)
        sent = [spoken.request(part, target.model, losses) for part in parts]
        body, rest = json_bytes(sent[0].body), [partial(json_bytes, one.body) for one in sent[1:]]
        shown = exchange.model if target.provider.echo_model else None

        def read(values: Sequence[dict[str, Any]]) -> tuple[bytes, Usage]:
            answered = zip(values, parts, strict=True)
            reply = joined([spoken.reply(value, part, can) for value, part in answered])
            if reply.usage is NO_USAGE:  # the caller is told what the books will say
                usage = Usage(exchange.sizing.estimate().input, source="estimated")
                reply = replace(reply, usage=usage)
                losses.estimated("usage")
            return json_bytes(inbound.reply(reply, parts[0], shown or target.model)), reply.usage

        return Work(
            "POST",
            sent[0].api,
            sent[0].path,
            lambda _: body,
            forwarded=self._forwarded,
            rest=tuple(rest),
            read=read,
            losses=losses,
            asked_in=native.api,
        )
