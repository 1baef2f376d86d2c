"""Attachments that callers name by URL: which of them a target cannot get itself, and what takes their place."""

import base64
from collections.abc import Iterator, Mapping

from gateway.capabilities import Capabilities
from gateway.chat import Block, ChatRequest, Media, ToolResult
from gateway.dialects.data_url import Attached, media_type_of
from gateway.dialects.gemini.media_out import GOOGLES
from gateway.errors import UNSUPPORTED_VALUE, GatewayError
from gateway.record import replace

_DOCUMENTS = ("application/pdf", "text/")


def to_be_fetched(request: ChatRequest, dialect: str, can: Capabilities) -> Iterator[Media]:
    """Those that a model of this dialect cannot get from where they are."""
    if can.fetches_urls:
        return
    for turn in request.turns:
        for media in attached(turn.blocks):
            if media.url and not (dialect == "gemini" and GOOGLES.match(media.url)):
                yield media


def fetched(media: Media, stated: str, data: bytes) -> Attached:
    """What the bytes of `media` are, `stated` by who gave them. Raises GatewayError for another kind of thing."""
    text = base64.b64encode(data).decode("ascii")
    media_type = media_type_of(text, stated, media.at)
    fits = media_type.startswith(_DOCUMENTS if media.kind == "document" else f"{media.kind}/")
    if not fits or not data:
        raise GatewayError(
            UNSUPPORTED_VALUE, f"`{media.at}`: there is no {media.kind} at this URL.", param=media.at
        )
    return Attached(media_type, text)


def with_contents(request: ChatRequest, contents: Mapping[str, Attached]) -> ChatRequest:
    """The request with what was fetched in the place of its URLs."""
    return replace(
        request,
        turns=tuple(
            replace(turn, blocks=_filled(turn.blocks, contents)) if any(attached(turn.blocks)) else turn
            for turn in request.turns
        ),
    )


def attached(blocks: tuple[Block, ...]) -> Iterator[Media]:
    """Every attachment among them, those of tools' answers, too."""
    for block in blocks:
        if isinstance(block, Media):
            yield block
        elif isinstance(block, ToolResult):
            yield from attached(block.blocks)


def _filled(blocks: tuple[Block, ...], contents: Mapping[str, Attached]) -> tuple[Block, ...]:
    return tuple(_with_content(block, contents) for block in blocks)


def _with_content(block: Block, contents: Mapping[str, Attached]) -> Block:
    if isinstance(block, ToolResult):
        return replace(block, blocks=_filled(block.blocks, contents))
    found = contents.get(block.url) if isinstance(block, Media) else None
    if found is None:
        return block
    assert isinstance(block, Media)
    return replace(block, url="", media_type=found.media_type, data=found.data)
